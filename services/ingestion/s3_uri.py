"""S3 URIs: where an object is, and which upload of it."""


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def correlation_id(uri: str, version_id: str | None) -> str:
    """The name of one upload in every log line, message and alert: its S3 URI and, if any, its version."""
    return uri if version_id in (None, "null") else f"{uri}@{version_id}"
