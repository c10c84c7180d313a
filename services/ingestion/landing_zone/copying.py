"""Copies objects to a bucket, many at once, going on where an earlier invocation stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from ingestion.aws_errors import explained
from ingestion.errors import NotYet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mypy_boto3_s3.type_defs import CopySourceTypeDef, ObjectIdentifierTypeDef

    from ingestion.consumer import SecondsLeft
    from ingestion.landing_zone.zone import Bucket

# Files copied at once. botocore takes 1 ms of CPU for a request, so that a Lambda of 1,024 MB, which has 0.58 of a CPU, gets
# through some 580 a second: 64 keep it busy where S3 takes 0.1 s for a copy. All have to fit into what Lambda allows, 1,024
# threads and open files, of which a file of several parts takes up to 12.
CONCURRENCY = 64
# Time for a copy that has begun to end, and for the message to be put back. S3 copies 5 GB within one region in less.
RESERVE_SECONDS = 120
# CopyObject takes up to 5 GB; above that boto3 copies by parts. Below, boto3 would ask for the size first, which the
# listing of the originals has told: one request for an object instead of two, and a third of the CPU (bench/copy_export.py).
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/copy-object.html
PARTS_AT_ONCE = 10
TRANSFER = TransferConfig(multipart_threshold=5 * 1024**3, multipart_chunksize=512 * 1024**2, max_concurrency=PARTS_AT_ONCE)

# By default CopyObject copies tags and annotations, too, and asks for rights to read them that the role lacks. The data
# has neither. boto3's copy by parts takes the same two words.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
DATA_ONLY: dict[str, Any] = {"TaggingDirective": "REPLACE", "AnnotationDirective": "EXCLUDE"}


@dataclass(frozen=True)
class Original:
    """An object to be copied; `size` in bytes. Without a version it is the latest."""

    bucket: str
    key: str
    size: int
    version: str | None = None


def copy_all(
    plan: Mapping[str, Original], zone: Bucket, seconds_left: SecondsLeft, transfer: TransferConfig = TRANSFER
) -> list[str]:
    """Copies each original of the plan (key in the zone → original) that is not there; answers with what differs then.

    Raises NotYet without delay where the invocation's time runs short. Safe to repeat: what is there is not copied again,
    so each invocation goes further. Each attempt must have names of its own: one name and size is taken for one object.
    """
    there = sizes(_folders(plan), zone)
    missing = [(key, original) for key, original in plan.items() if there.get(key) != original.size]

    def copy(item: tuple[str, Original]) -> bool:
        key, original = item
        if seconds_left() < RESERVE_SECONDS:
            return False
        with explained(f"copying s3://{original.bucket}/{original.key} to s3://{zone.bucket}/{key}"):
            source: CopySourceTypeDef = {"Bucket": original.bucket, "Key": original.key}
            if original.version:
                source["VersionId"] = original.version
            if original.size < transfer.multipart_threshold:
                zone.s3.copy_object(CopySource=source, Bucket=zone.bucket, Key=key, **DATA_ONLY)
            else:
                zone.s3.copy(source, zone.bucket, key, ExtraArgs=DATA_ONLY, Config=transfer)
        return True

    with zone.threads() as threads:
        copied = sum(threads.map(copy, missing))
    if copied < len(missing):
        raise NotYet(f"{len(missing) - copied} of {len(plan)} objects still to be copied", delay_seconds=0)
    return differences(plan, zone)


def differences(plan: Mapping[str, Original], zone: Bucket) -> list[str]:
    """Lists, in words, the keys of the plan that are not there with their original's size. Only reads."""
    there = sizes(_folders(plan), zone)
    return [
        f"{key} ({there.get(key)} bytes, not {original.size})"
        for key, original in plan.items()
        if there.get(key) != original.size
    ]


def sizes(prefixes: Iterable[str], zone: Bucket) -> dict[str, int]:
    """Key → size in bytes of every object under the prefixes."""

    def under(prefix: str) -> Iterator[tuple[str, int]]:
        for page in zone.s3.get_paginator("list_objects_v2").paginate(Bucket=zone.bucket, Prefix=prefix):
            yield from ((found["Key"], found["Size"]) for found in page.get("Contents", []))

    with explained(f"listing s3://{zone.bucket}"), zone.threads() as threads:
        return {key: size for found in threads.map(lambda p: list(under(p)), prefixes) for key, size in found}


def delete_all(keys: Iterable[str], zone: Bucket) -> None:
    """Deletes objects. Safe to repeat: deleting what is not there succeeds."""
    todo = sorted(keys)
    for first in range(0, len(todo), 1000):  # DeleteObjects takes 1,000 keys
        with explained(f"deleting from s3://{zone.bucket}"):
            batch: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in todo[first : first + 1000]]
            answer = zone.s3.delete_objects(Bucket=zone.bucket, Delete={"Objects": batch, "Quiet": True})
            for refused in answer.get("Errors", []):  # the request succeeds, even where it may delete no key at all
                raise ClientError({"Error": {"Code": refused["Code"], "Message": str(refused)}}, "DeleteObjects")


def _folders(plan: Mapping[str, Original]) -> list[str]:
    return sorted({key.rsplit("/", 1)[0] + "/" for key in plan})
