"""Load a zipped MySQL dump from S3 into the database instance, and take the snapshot that the export starts from."""
