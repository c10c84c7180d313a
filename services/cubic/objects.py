"""Looks at one version of an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ingestion.aws_errors import error_code, explained

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

# A delete marker is 405: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
GONE = frozenset({"404", "405", "NoSuchKey", "NoSuchVersion", "MethodNotAllowed"})


def head(s3: S3Client, bucket: str, key: str, version: str | None = None) -> HeadObjectOutputTypeDef | None:
    """S3's answer about the version, or of the latest one; None where it is not there."""
    with explained(f"looking for s3://{bucket}/{key} {version or ''}"):
        try:
            if version is None:
                return s3.head_object(Bucket=bucket, Key=key)
            return s3.head_object(Bucket=bucket, Key=key, VersionId=version)
        except ClientError as error:
            if error_code(error) in GONE:
                return None
            raise
