"""Exports a finished RDS snapshot to S3 as Parquet."""
