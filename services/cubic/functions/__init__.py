"""The Lambda functions of Cubic, a module each."""
