"""Copies objects to the landing bucket, many at once, going on where an earlier invocation stopped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from ingestion.aws_errors import explained
from ingestion.errors import CopyMismatch, NotYet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef, ObjectIdentifierTypeDef

    from ingestion.consumer import SecondsLeft
    from liberator.naming import ExportedFile

# Files copied at once. botocore takes 1 ms of CPU for a request, so that a Lambda of 1,024 MB, which has 0.58 of a CPU, gets
# through some 580 a second: 64 keep it busy where S3 takes 0.1 s for a copy. All have to fit into what Lambda allows, 1,024
# threads and open files, of which a file of several parts takes up to 12.
CONCURRENCY = 64
# Time for a copy that has begun to end, and for the message to be put back. S3 copies 5 GB within one region in less.
RESERVE_SECONDS = 120
# CopyObject takes up to 5 GB; above that boto3 copies by parts. Below, boto3 would ask for the size first, which the
# listing of the export has told: one request for an object instead of two, and a third of the CPU (bench/copy_export.py).
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/copy-object.html
PARTS_AT_ONCE = 10
TRANSFER = TransferConfig(multipart_threshold=5 * 1024**3, multipart_chunksize=512 * 1024**2, max_concurrency=PARTS_AT_ONCE)

# By default CopyObject copies tags and annotations, too, and asks for rights to read them that the role lacks. Exported
# data has neither. boto3's copy by parts takes the same two words.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
DATA_ONLY: dict[str, Any] = {"TaggingDirective": "REPLACE", "AnnotationDirective": "EXCLUDE"}


def copy_all(
    plan: Mapping[str, ExportedFile], s3: S3Client, *, source: str, landing: str, seconds_left: SecondsLeft
) -> None:
    """Copies each file of the plan (landing key → exported file) that is not there, then checks all.

    Raises NotYet without delay where the invocation's time runs short: what is there with its size is not copied
    again, so each invocation goes further. Raises CopyMismatch where a copy differs afterwards. Safe to repeat.
    """
    there = sizes(_partitions(plan), s3, landing)
    missing = [(key, file) for key, file in plan.items() if there.get(key) != file.size]

    def copy(item: tuple[str, ExportedFile]) -> bool:
        key, file = item
        if seconds_left() < RESERVE_SECONDS:
            return False
        with explained(f"copying s3://{source}/{file.key} to s3://{landing}/{key}"):
            original: CopySourceTypeDef = {"Bucket": source, "Key": file.key}
            if file.size < TRANSFER.multipart_threshold:
                s3.copy_object(CopySource=original, Bucket=landing, Key=key, **DATA_ONLY)
            else:
                s3.copy(original, landing, key, ExtraArgs=DATA_ONLY, Config=TRANSFER)
        return True

    with ThreadPoolExecutor(CONCURRENCY) as pool:
        copied = sum(pool.map(copy, missing))
    if copied < len(missing):
        done = len(plan) - len(missing) + copied
        raise NotYet(f"{len(plan) - done} of {len(plan)} objects still to be copied", delay_seconds=0)
    there = sizes(_partitions(plan), s3, landing)
    wrong = [f"{key} ({there.get(key)} bytes, not {file.size})" for key, file in plan.items() if there.get(key) != file.size]
    if wrong:
        raise CopyMismatch(
            f"{len(wrong)} of {len(plan)} objects in s3://{landing} differ from the export, the first: {wrong[0]}. "
            "Something else writes there: stop it, then redrive."
        )


def sizes(prefixes: Iterable[str], s3: S3Client, bucket: str) -> dict[str, int]:
    """Key → size in bytes of every object under the prefixes."""

    def under(prefix: str) -> Iterator[tuple[str, int]]:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from ((found["Key"], found["Size"]) for found in page.get("Contents", []))

    with explained(f"listing s3://{bucket}"), ThreadPoolExecutor(CONCURRENCY) as pool:
        return {key: size for found in pool.map(lambda p: list(under(p)), prefixes) for key, size in found}


def delete_all(keys: Iterable[str], s3: S3Client, bucket: str) -> None:
    """Deletes objects. Safe to repeat: deleting what is not there succeeds."""
    todo = sorted(keys)
    for first in range(0, len(todo), 1000):  # DeleteObjects takes 1,000 keys
        with explained(f"deleting from s3://{bucket}"):
            batch: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in todo[first : first + 1000]]
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
            for refused in answer.get("Errors", []):  # the request succeeds, even where it may delete no key at all
                raise ClientError({"Error": {"Code": refused["Code"], "Message": str(refused)}}, "DeleteObjects")


def _partitions(plan: Mapping[str, ExportedFile]) -> list[str]:
    return sorted({key.rsplit("/", 1)[0] + "/" for key in plan})
