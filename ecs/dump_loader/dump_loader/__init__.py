"""Loads a zipped MySQL dump from S3 into the database instance and takes the snapshot that the export starts from."""
