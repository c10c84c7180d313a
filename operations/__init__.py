"""Commands of the people who run the system, as `python -m operations cubic tables`. docs/operations.md has them all."""
