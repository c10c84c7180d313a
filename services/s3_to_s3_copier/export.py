"""What a finished export holds, and whether that is everything: the task, its side files, its objects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, ValidationError

from ingestion import naming, telemetry
from ingestion.aws_errors import explained
from ingestion.errors import ExportUnusable, NotFound, NotYet
from ingestion.exports import ExportStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import ExportTaskTypeDef
    from mypy_boto3_s3 import S3Client

    from ingestion.naming import ExportedFile


class ColumnType(BaseModel):
    """One entry of `originalTypeMappings`: MySQL's type, e.g. `date`, and the Parquet type that RDS made of it."""

    name: str = Field(alias="columnName")
    original_type: str = Field(alias="originalType")
    exported_type: str = Field("", alias="expectedExportedType")


class SchemaMetadata(BaseModel):
    """`schemaMetadata` of a table."""

    columns: list[ColumnType] = Field([], alias="originalTypeMappings")


class TableStatus(BaseModel):
    """One entry of `perTableStatus`. `target` is `database.table`, with or without the database before it once more."""

    target: str
    status: str
    warning: str = Field("", alias="warningMessage")
    schema_metadata: SchemaMetadata = Field(default_factory=SchemaMetadata, alias="schemaMetadata")


class TablesInfo(BaseModel):
    """An `export_tables_info_<task>_from_<m>_to_<n>.json`."""

    per_table_status: list[TableStatus] = Field(alias="perTableStatus")


class ExportInfo(BaseModel):
    """The `export_info_<task>.json`."""

    export_task_identifier: str = Field(alias="exportTaskIdentifier")
    status: str


@dataclass(frozen=True)
class Export:
    """A whole export of one database. `tables` maps each table's plain name to its Parquet files, maybe none.

    `columns` maps it to its columns, none where the export says nothing of them.
    """

    task_identifier: str
    snapshot_time: datetime
    database: str
    tables: dict[str, list[ExportedFile]]
    columns: dict[str, list[ColumnType]]


def finished_export(task_identifier: str, rds: RDSClient, s3: S3Client, bucket: str) -> Export:
    """The export, once it is complete and whole. Only reads, so safe to repeat.

    Raises NotYet while it runs; NotFound and ExportUnusable where it will never be whole, naming the tables.
    """
    task = _completed_task(task_identifier, rds)
    prefix = "/".join(filter(None, [task.get("S3Prefix", "").strip("/"), task_identifier])) + "/"
    where = f"s3://{bucket}/{prefix}"
    with explained(f"reading the export at {where}"):
        # With its slash: `task-1` must not list `task-10`. Paged: a page holds 1,000 keys.
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        sizes = {found["Key"]: found["Size"] for page in pages for found in page.get("Contents", [])}
        info, statuses = _side_files(task_identifier, prefix, list(sizes), s3, bucket)
    if info.status.upper() != ExportStatus.COMPLETE or info.export_task_identifier != task_identifier:
        raise ExportUnusable(f"export_info at {where} says {info.export_task_identifier} is {info.status}, not COMPLETE.")
    files = [f for key, size in sizes.items() if (f := naming.parse_export_key(key, size))]
    database, tables = _tables(statuses, files, where)
    columns = {_plain_name(s.target, database): s.schema_metadata.columns for s in statuses}
    return Export(task_identifier, task["SnapshotTime"], database, tables, columns)


def _completed_task(task_identifier: str, rds: RDSClient) -> ExportTaskTypeDef:
    with explained(f"describing export task {task_identifier}"):
        found = rds.describe_export_tasks(ExportTaskIdentifier=task_identifier)["ExportTasks"]
    if not found:
        raise NotFound(f"There is no export task {task_identifier}. Check the name, or load the dump again.")
    task = found[0]
    match task["Status"].upper():
        case ExportStatus.COMPLETE:
            pass
        case ExportStatus.FAILED | ExportStatus.CANCELED as status:
            telemetry.count("ExportsFailed")
            cause = task.get("FailureCause") or "RDS gives no cause"
            raise ExportUnusable(
                f"Export task {task_identifier} is {status}: {cause}. Remove the cause, then load the dump again."
            )
        case status:
            raise NotYet(f"export task {task_identifier} is {status}, {task.get('PercentProgress', 0)} %")
    if warning := task.get("WarningMessage"):
        raise ExportUnusable(f"Export task {task_identifier} is COMPLETE with warnings, so not whole: {warning}")
    return task


def _side_files(
    task: str, prefix: str, keys: Iterable[str], s3: S3Client, bucket: str
) -> tuple[ExportInfo, list[TableStatus]]:
    """Reads `export_info` and every `export_tables_info`. Raises ExportUnusable where one is missing or unreadable."""

    def read(key: str) -> bytes:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    tables_info = re.compile(re.escape(f"{prefix}export_tables_info_{task}_from_") + r"(\d+)_to_(\d+)\.json")
    parts = sorted((int(m[1]), int(m[2]), m[0]) for key in keys if (m := tables_info.fullmatch(key)))
    contiguous = [first for first, _, _ in parts] == [1, *(last + 1 for _, last, _ in parts)][:-1]
    if f"{prefix}export_info_{task}.json" not in keys or not parts or not contiguous:
        raise ExportUnusable(
            f"s3://{bucket}/{prefix} lacks export_info or a part of export_tables_info (there: "
            f"{[part[2].rsplit('/', 1)[-1] for part in parts]}), so nothing says that the export is whole. Export it again."
        )
    try:
        info = ExportInfo.model_validate_json(read(f"{prefix}export_info_{task}.json"))
        statuses = [s for *_, key in parts for s in TablesInfo.model_validate_json(read(key)).per_table_status]
    except ValidationError as error:
        raise ExportUnusable(f"The side files of s3://{bucket}/{prefix} are not as AWS writes them: {error}") from error
    return info, statuses


def _tables(statuses: list[TableStatus], files: list[ExportedFile], where: str) -> tuple[str, dict[str, list[ExportedFile]]]:
    """The database and its tables, each with its files, after checking that RDS calls each of them COMPLETE."""
    bad = [f"{s.target}: {s.status} {s.warning}".strip() for s in statuses if s.status.upper() != "COMPLETE" or s.warning]
    if bad:
        raise ExportUnusable(f"RDS did not export every table of {where}: {'; '.join(bad)}. Export or load it again.")
    databases = {naming.exported_name(s.target).split(".", 1)[0] for s in statuses} | {f.database for f in files}
    if len(databases) != 1:
        raise ExportUnusable(f"{where} holds {sorted(databases) or 'no database'}; a dump is exactly one database.")
    [database] = databases
    tables: dict[str, list[ExportedFile]] = {_plain_name(status.target, database): [] for status in statuses}
    for file in files:
        name = file.table.removeprefix(f"{database}.")
        if name not in tables:
            raise ExportUnusable(f"{where} holds {file.key}, a table that export_tables_info does not name.")
        tables[name].append(file)
    return database, tables


def _plain_name(target: str, database: str) -> str:
    return naming.exported_name(target).removeprefix(f"{database}.").removeprefix(f"{database}.")
