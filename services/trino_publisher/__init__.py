"""Make tables of Trino show the versions that the loader has staged: whole, read back, and repaired."""
