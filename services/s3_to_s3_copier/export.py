"""What a finished export holds, and whether that is everything: the task, its side files, its objects."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, ValidationError

from ingestion.aws_errors import explained
from ingestion.errors import NotFound, NotYet
from liberator import naming
from liberator.errors import ExportUnusable
from liberator.exports import ExportStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import ExportTaskTypeDef
    from mypy_boto3_s3 import S3Client

    from liberator.naming import ExportedFile


class ColumnType(BaseModel):
    """One entry of `originalTypeMappings`: MySQL's type, e.g. `date`, and the Parquet type that RDS made of it."""

    name: str = Field(alias="columnName")
    original_type: str = Field(alias="originalType")
    exported_type: str = Field("", alias="expectedExportedType")


class SchemaMetadata(BaseModel):
    """`schemaMetadata` of a table."""

    columns: list[ColumnType] = Field([], alias="originalTypeMappings")


class TableStatus(BaseModel):
    """One entry of `perTableStatus`. `target` is `database.table`, with or without the database before it once more.

    An entry with a warning may be of a whole database, which has no status: then `target` is its name alone.
    """

    target: str
    status: str = ""
    warning: str = Field("", alias="warningMessage")
    schema_metadata: SchemaMetadata = Field(default_factory=SchemaMetadata, alias="schemaMetadata")

    @property
    def of_table(self) -> bool:
        return "." in self.target

    @property
    def incomplete(self) -> bool:
        return self.of_table and self.status.upper() != ExportStatus.COMPLETE


class TablesInfo(BaseModel):
    """An `export_tables_info_<task>_from_<m>_to_<n>.json`."""

    per_table_status: list[TableStatus] = Field(alias="perTableStatus")


class ExportInfo(BaseModel):
    """The `export_info_<task>.json`."""

    export_task_identifier: str = Field(alias="exportTaskIdentifier")
    status: str


class TaskWarning(BaseModel):
    """The JSON in an export task's WarningMessage. AWS shows it in one example, which says nothing of the lists' elements.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.Monitoring.html
    """

    skipped_tables: list[Any] = Field([], alias="skippedTables")
    skipped_objectives: list[Any] = Field([], alias="skippedObjectives")
    general: list[Any] = []


@dataclass(frozen=True)
class Export:
    """A finished export of one database. `tables` maps each table's plain name to its Parquet files, maybe none.

    `columns` maps it to its columns, none where the export says nothing of them. `skipped` are plain names that RDS calls
    skipped, or not COMPLETE. `warnings` are all that RDS says, a line each.
    """

    task_identifier: str
    snapshot_time: datetime
    database: str
    tables: dict[str, list[ExportedFile]]
    columns: dict[str, list[ColumnType]]
    skipped: frozenset[str]
    warnings: tuple[str, ...]


def finished_export(task_identifier: str, rds: RDSClient, s3: S3Client, bucket: str) -> Export:
    """The export, once RDS has ended it. Only reads, so safe to repeat.

    Raises NotYet while it runs; NotFound and ExportUnusable where it failed, or its files contradict each other. Whether it
    has everything that was loaded is for the caller to say, who knows what that was.
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
    columns = {_plain_name(s.target, database): s.schema_metadata.columns for s in statuses if s.of_table}
    skipped, warnings = _warnings(task.get("WarningMessage", ""))
    skipped += [s.target for s in statuses if s.incomplete]
    warnings += [f"{s.target}: {s.status} {s.warning}".strip() for s in statuses if s.warning or s.incomplete]
    names = frozenset(_plain_name(target, database) for target in skipped)
    return Export(task_identifier, task["SnapshotTime"], database, tables, columns, names, tuple(warnings))


def snapshot_time(task_identifier: str, rds: RDSClient) -> datetime:
    """When the export's snapshot was taken; later than any other where RDS does not say it: every field is optional.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ExportTask.html
    """
    return _task(task_identifier, rds).get("SnapshotTime") or datetime.max.replace(tzinfo=UTC)


def _task(task_identifier: str, rds: RDSClient) -> ExportTaskTypeDef:
    with explained(f"describing export task {task_identifier}"):
        found = rds.describe_export_tasks(ExportTaskIdentifier=task_identifier)["ExportTasks"]
    if not found:
        raise NotFound(f"There is no export task {task_identifier}. Check the name, or load the dump again.")
    return found[0]


def _completed_task(task_identifier: str, rds: RDSClient) -> ExportTaskTypeDef:
    task = _task(task_identifier, rds)
    match task["Status"].upper():
        case ExportStatus.COMPLETE:
            pass
        case ExportStatus.FAILED | ExportStatus.CANCELED as status:
            cause = task.get("FailureCause") or "RDS gives no cause"
            raise ExportUnusable(
                f"Export task {task_identifier} is {status}: {cause}. Remove the cause, then load the dump again."
            )
        case status:
            raise NotYet(f"export task {task_identifier} is {status}, {task.get('PercentProgress', 0)} %")
    return task


def _warnings(message: str) -> tuple[list[str], list[str]]:
    """The names that an export task's WarningMessage calls skipped, and each of its warnings.

    RDS warns of much that takes nothing away: of each conversion of strings, after which "the underlying data exported is
    always the same", of databases without tables.
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.data-types.html
    """
    try:
        parsed = TaskWarning.model_validate_json(message)
    except ValidationError:
        return [], [message] if message else []
    skipped = [*parsed.skipped_tables, *parsed.skipped_objectives]
    lines = [f"skipped: {_text(it)}" for it in skipped] + [_text(it) for it in parsed.general]
    return [name for it in skipped for name in _strings(it)], lines


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _strings(value: Any) -> Iterator[str]:
    """Every string in a value of JSON: one of them is the name."""
    match value:
        case str():
            yield value
        case dict():
            yield from _strings(list(value.values()))
        case list():
            for element in value:
                yield from _strings(element)


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
    """The database and its tables, each with its files. Raises ExportUnusable where there are others' tables or files."""
    targets = [s.target for s in statuses if s.of_table]
    databases = {target.split(".", 1)[0] for target in targets} | {f.database for f in files}
    if len(databases) != 1:
        raise ExportUnusable(f"{where} holds {sorted(databases) or 'no database'}; a dump is exactly one database.")
    [database] = databases
    tables: dict[str, list[ExportedFile]] = {_plain_name(target, database): [] for target in targets}
    for file in files:
        name = file.table.removeprefix(f"{database}.")
        if name not in tables:
            raise ExportUnusable(f"{where} holds {file.key}, a table that export_tables_info does not name.")
        tables[name].append(file)
    return database, tables


def _plain_name(target: str, database: str) -> str:
    return target.removeprefix(f"{database}.").removeprefix(f"{database}.")
