"""The metadata database: each function is one transaction, and safe to repeat."""
