"""Shared by the Spark jobs: the run, the manifest, plain columns, the zones of the lake and their catalog.

Runs on Glue 5.0 (Spark 3.5.4, Python 3.11), with nothing but what Glue brings, pyspark and boto3,
and ingestion/partition.py, which defines the date partition for the landing zone too.
https://docs.aws.amazon.com/glue/latest/dg/release-notes.html
"""
