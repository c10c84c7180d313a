"""The manifest of one day: what is in the landing zone, and the commit that makes it so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError
from pydantic import AwareDatetime, ValidationError

from ingestion import naming
from ingestion.aws_errors import error_code, explained
from ingestion.errors import UnreadableObject
from ingestion.messages import Frozen, Run, problems

if TYPE_CHECKING:
    from datetime import date

    from mypy_boto3_s3 import S3Client


class LandedObject(Frozen):
    """An object of the landing bucket; `size` in bytes."""

    key: str
    size: int


class LandedColumn(Frozen):
    """A column: MySQL's type, e.g. `date`, which its Parquet type, e.g. `binary (UTF8)`, does not tell. RDS's own words."""

    name: str
    original_type: str
    exported_type: str


class ManifestTable(Frozen):
    """One table of the day. `rows` is the loader's count, null where it left none; an empty table has no objects."""

    name: str
    rows: int | None
    objects: tuple[LandedObject, ...]
    columns: tuple[LandedColumn, ...] = ()


class Manifest(Frozen):
    """One day of one database. `stale` are keys of earlier manifests and attempts of the day that this one does not name."""

    version: Literal[1] = 1
    database: str
    run: Run
    correlation_id: str
    export_task_identifier: str
    snapshot_time: AwareDatetime
    tables: tuple[ManifestTable, ...]
    stale: tuple[str, ...] = ()

    @property
    def keys(self) -> set[str]:
        return {o.key for table in self.tables for o in table.objects}

    @property
    def order(self) -> tuple[AwareDatetime, str]:
        """For one day the later snapshot wins."""
        return (self.snapshot_time, self.export_task_identifier)


@dataclass(frozen=True)
class Committed:
    """A manifest in the bucket, with the ETag that a compare-and-swap needs."""

    manifest: Manifest
    etag: str


def read(s3: S3Client, bucket: str, database: str, import_date: date) -> Committed | None:
    """The day's manifest; None where there is none yet."""
    return read_key(s3, bucket, naming.manifest_key(database, import_date))


def read_key(s3: S3Client, bucket: str, key: str) -> Committed | None:
    """The manifest, or attempt, of that key; None where there is none. Raises UnreadableObject."""
    with explained(f"reading s3://{bucket}/{key}"):
        try:
            found = s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise
        body = found["Body"].read()
    try:
        return Committed(Manifest.model_validate_json(body), found["ETag"])
    except ValidationError as error:
        raise UnreadableObject(
            f"s3://{bucket}/{key} is not as this project writes it: {problems(error)}. Restore the version before it, or "
            "delete it where there is none, then redrive the message."
        ) from error


def commit(s3: S3Client, bucket: str, manifest: Manifest, over: Committed | None) -> bool:
    """Writes the manifest over the one that was read, or as the first; False where another was written in between.

    A write that took effect although its answer was lost looks like a lost race: the caller reads again and finds its own.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    key = naming.manifest_key(manifest.database, manifest.run.import_date)
    body = manifest.model_dump_json(indent=1).encode()
    with explained(f"writing manifest s3://{bucket}/{key}"):
        try:
            if over is None:
                s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json", IfNoneMatch="*")
            else:
                s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json", IfMatch=over.etag)
        except ClientError as error:
            # NoSuchKey: the manifest that was read has been deleted since.
            if error_code(error) in {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}:
                return False
            raise
    return True
