"""The zip in S3: read by ranges, and unpacked while it is read."""
