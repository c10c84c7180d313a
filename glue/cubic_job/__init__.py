"""The work of cubic__ingest_incoming on one load: from the delivered file to Parquet in the raw zone and its partition.

Runs on Glue 5.0 (Python 3.11), in executors too, with what Glue brings: boto3 1.34.131 and pyarrow 17.0.0.
https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-python-libraries.html#glue-modules-provided
"""
