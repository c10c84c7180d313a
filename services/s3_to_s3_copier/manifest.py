"""The manifest of one day: what is in the landing zone, and the commit that makes it so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from botocore.exceptions import ClientError
from pydantic import AwareDatetime, ValidationError, model_validator

from ingestion.aws_errors import error_code, explained
from ingestion.errors import UnreadableObject
from ingestion.messages import Frozen, Run, problems
from liberator import naming
from liberator.row_counts import Remark

if TYPE_CHECKING:
    from datetime import date

    from mypy_boto3_s3 import S3Client


class LandedObject(Frozen):
    """An object of the landing bucket; `size` in bytes."""

    key: str
    size: int


class LandedColumn(Frozen):
    """A column: MySQL's type, e.g. `date`, which its Parquet type, e.g. `binary (UTF8)`, does not tell. RDS's own words.

    `original_name` is the dump's, where the loader had to rename the column for the export.
    """

    name: str
    original_name: str | None = None
    original_type: str
    exported_type: str


class ManifestTable(Frozen):
    """One table of the day. `rows` is the loader's count, null where it left none; an empty table has no objects.

    `original_name` is the dump's, where the loader had to rename the table for the export.
    """

    name: str
    original_name: str | None = None
    rows: int | None
    objects: tuple[LandedObject, ...]
    columns: tuple[LandedColumn, ...] = ()


class Manifest(Frozen):
    """One day of one database.

    `uploaded_at` is the dump's, null where none is known. `remarks` are the loader's, `warnings` RDS's own, of its export.
    `stale` are keys of earlier manifests and attempts of the day that this one does not name.
    """

    version: Literal[1] = 1
    database: str
    run: Run
    correlation_id: str
    export_task_identifier: str
    uploaded_at: AwareDatetime | None
    snapshot_time: AwareDatetime
    tables: tuple[ManifestTable, ...]
    remarks: tuple[Remark, ...] = ()
    warnings: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _of_one_day(self) -> Self:
        """What it names may be deleted one day: nothing but objects of its own database and day."""
        prefix, day = naming.landing_prefix(self.database), f"/import_date={self.run.import_date:%Y%m%d}/"
        if strange := [key for key in (*sorted(self.keys), *self.stale) if not (key.startswith(prefix) and day in key)]:
            raise ValueError(f"{len(strange)} keys are not of {self.database} on {self.run.import_date}")
        return self

    @property
    def keys(self) -> set[str]:
        return {o.key for table in self.tables for o in table.objects}

    @property
    def order(self) -> tuple[AwareDatetime, AwareDatetime, str]:
        """For one day the latest upload wins, and of that one the latest snapshot: loads begin in any order.

        A snapshot of no known dump holds what the database held when it was taken.
        """
        return (self.uploaded_at or self.snapshot_time, self.snapshot_time, self.export_task_identifier)


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
        manifest = Manifest.model_validate_json(body)
    except ValidationError as error:
        problem = problems(error)
    else:
        task = manifest.export_task_identifier
        database, day = manifest.database, manifest.run.import_date
        if key in (naming.manifest_key(database, day), naming.attempt_key(database, day, task)):
            return Committed(manifest, found["ETag"])
        problem = f"it says that it is of {database} on {day}"
    raise UnreadableObject(
        f"s3://{bucket}/{key} is not as this project writes it: {problem}. Restore the version before it, or delete it "
        "where there is none, then redrive the message."
    )


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
