"""Puts a file into S3 while it is still coming, so that neither memory nor disk has to hold it."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from ingestion.aws_errors import explained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef


def upload(
    parts: Iterator[bytes],
    s3: S3Client,
    bucket: str,
    key: str,
    metadata: dict[str, str],
    before_it_appears: Callable[[str, int], None],
) -> str:
    """Uploads the parts as one object, and answers with its version. If anything is raised meanwhile, no object appears.

    By parts however small it is: a PutObject whose answer was lost is sent again, and makes a second version.
    `before_it_appears` is told the SHA-256 sum and the size once all parts are there. An upload that a dead process left is
    deleted by the bucket's lifecycle rule.
    """
    digest, size = hashlib.sha256(), 0
    done: list[CompletedPartTypeDef] = []
    with explained(f"uploading s3://{bucket}/{key}"):
        begun = s3.create_multipart_upload(
            Bucket=bucket, Key=key, ContentType="text/csv", Metadata=metadata, ChecksumAlgorithm="CRC32"
        )
        upload_id = begun["UploadId"]
        try:
            # An upload has at least one part, and that one may be empty.
            for number, part in enumerate(chain([next(parts, b"")], parts), 1):
                digest.update(part)
                size += len(part)
                answer = s3.upload_part(
                    Bucket=bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=part, ChecksumAlgorithm="CRC32"
                )
                # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
                done.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumCRC32": answer["ChecksumCRC32"]})
            before_it_appears(digest.hexdigest(), size)
        except BaseException:
            with suppress(ClientError, BotoCoreError):  # then the lifecycle rule does it
                s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
            raise
        uploaded = s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": done})
        return uploaded["VersionId"]
