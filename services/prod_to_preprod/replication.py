"""Copies one uploaded object to the pre-production account, and checks the copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from ingestion import telemetry
from ingestion.aws_errors import error_code, explained
from ingestion.errors import CopyMismatch, Transient
from ingestion.s3_conditions import copying_only_if

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

    from prod_to_preprod.inbox import UploadedObject

logger = Logger(child=True)

# CopyObject takes up to 5 GB; above that boto3 copies by parts, of which there may be 10,000.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
TRANSFER = TransferConfig(multipart_threshold=5 * 1024**3, multipart_chunksize=512 * 1024**2, max_concurrency=20)

SOURCE_VERSION, SOURCE_MODIFIED = "source-version", "source-last-modified"
ATTEMPTS = 3


@dataclass(frozen=True)
class Destination:
    """A bucket of another account. `kms_key_arn` is its customer managed key; null where it has none."""

    bucket: str
    kms_key_arn: str | None


def replicate(uploaded: UploadedObject, s3: S3Client, to: Destination) -> None:
    """Copies exactly the uploaded version to the same key, unless it, or a later one, is there.

    The copy carries the source's version and time as metadata: the same event twice copies once, and an old event that
    comes late, or is handled side by side with a newer one, does not put an old dump over a newer one. Raises NotFound,
    AccessDenied, CopyMismatch after the check, or Transient where others keep writing.
    """
    for _ in range(ATTEMPTS):
        if _replicated(uploaded, s3, to):
            return
    raise Transient(
        f"s3://{to.bucket}/{uploaded.key}, or its source in {uploaded.bucket}, was replaced {ATTEMPTS} times while it was "
        "being copied. It is tried again by itself; if that goes on, find out who uploads it so often."
    )


def _replicated(uploaded: UploadedObject, s3: S3Client, to: Destination) -> bool:
    """False if, since they were looked at, the source or the destination was replaced: nothing has been copied then."""
    source = f"s3://{uploaded.bucket}/{uploaded.key}"
    pinned = {"VersionId": uploaded.version_id} if uploaded.version_id else {}
    with explained(f"reading {source} {uploaded.version_id or ''}"):
        original = s3.head_object(Bucket=uploaded.bucket, Key=uploaded.key, **pinned)  # type: ignore[arg-type]
    marks = {
        SOURCE_VERSION: uploaded.version_id or original["ETag"].strip('"'),
        SOURCE_MODIFIED: original["LastModified"].isoformat(),
    }
    found = _head(s3, to.bucket, uploaded.key)
    if _is_there(found, original, marks):
        logger.info("Already there, or a later one", extra={"source": source, "bucket": to.bucket})
        return True
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": to.kms_key_arn} if to.kms_key_arn else {}
    try:
        condition = {"IfMatch": found["ETag"]} if found else {"IfNoneMatch": "*"}
        with explained(f"copying {source} to s3://{to.bucket}/{uploaded.key}"), copying_only_if(s3, condition):
            s3.copy(
                {"Bucket": uploaded.bucket, "Key": uploaded.key, **pinned},  # type: ignore[typeddict-item]
                to.bucket,
                uploaded.key,
                ExtraArgs={
                    # The other account owns what it is given: https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
                    "ACL": "bucket-owner-full-control",
                    "CopySourceIfMatch": original["ETag"],
                    "ContentType": original.get("ContentType", "application/zip"),
                    "Metadata": marks,
                    "MetadataDirective": "REPLACE",
                    "TaggingDirective": "REPLACE",  # copying tags takes rights that nobody here needs
                    "AnnotationDirective": "EXCLUDE",  # so does copying annotations, which is the default
                    **encryption,
                },
                Config=TRANSFER,
            )
    except ClientError as error:
        if error_code(error) in ("PreconditionFailed", "ConditionalRequestConflict"):
            logger.info("Replaced meanwhile", extra={"source": source, "bucket": to.bucket})
            return False
        raise
    if not _is_there(_head(s3, to.bucket, uploaded.key), original, marks):
        raise CopyMismatch(
            f"s3://{to.bucket}/{uploaded.key} is not the copy of {source} that was just made: something else writes there. "
            "Stop it, then redrive."
        )
    telemetry.size("BytesReplicated", original["ContentLength"])
    logger.info("Replicated", extra={"source": source, "bucket": to.bucket, "bytes": original["ContentLength"]})
    return True


def _head(s3: S3Client, bucket: str, key: str) -> HeadObjectOutputTypeDef | None:
    with explained(f"looking for s3://{bucket}/{key}"):
        try:
            return s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error_code(error) == "404":
                return None
            raise


def _is_there(copy: HeadObjectOutputTypeDef | None, original: HeadObjectOutputTypeDef, marks: dict[str, str]) -> bool:
    """Whether the copy is of this version and whole, or of a later one."""
    if copy is None:
        return False
    of = copy["Metadata"]
    same = of.get(SOURCE_VERSION) == marks[SOURCE_VERSION] and copy["ContentLength"] == original["ContentLength"]
    return same or of.get(SOURCE_MODIFIED, "") > marks[SOURCE_MODIFIED]
