"""Read any file of S3 into a version of a table: Parquet in the bucket that Trino reads, its manifest, its metadata."""
