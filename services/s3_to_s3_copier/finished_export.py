"""Reads a finished export (task, side files, objects) and compares it with the row counts of the load."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from pydantic import ValidationError

from ingestion.aws_errors import explained
from ingestion.errors import NotFound, NotYet, Terminal
from liberator import naming, row_counts
from liberator.errors import ExportUnusable
from liberator.exports import ExportInfo, ExportStatus, TablesInfo, warnings_in
from liberator.manifest import order_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import ExportTaskTypeDef
    from mypy_boto3_s3 import S3Client

    from ingestion.landing_zone.manifest import Order
    from liberator.exports import ColumnType, TableStatus
    from liberator.messages import CopyExport
    from liberator.naming import ExportedFile
    from liberator.row_counts import RowCounts

logger = Logger(child=True)


@dataclass(frozen=True)
class Export:
    """A finished export of one database. `tables` maps the plain name of each table that lands to its files, maybe none.

    `columns` maps it to its columns, none where the export says nothing of them. `skipped` are plain names that RDS calls
    skipped, or not COMPLETE. `warnings` are all that RDS says, a line each. `counts` are None where nobody counted.
    """

    task_identifier: str
    snapshot_time: datetime
    database: str
    tables: dict[str, list[ExportedFile]]
    columns: dict[str, list[ColumnType]]
    skipped: frozenset[str]
    warnings: tuple[str, ...]
    counts: RowCounts | None


def finished_export(command: CopyExport, rds: RDSClient, s3: S3Client, bucket: str, database: str) -> Export:
    """The export, once RDS has ended it and where it has all that was loaded. Only reads, so safe to repeat.

    Raises NotYet while it runs; NotFound, UnreadableObject, and ExportUnusable where it failed, contradicts itself, or lacks
    something.
    """
    task_identifier = command.export_task_identifier
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
    found_database, tables = _tables(statuses, files, where)
    columns = {_plain_name(s.target, found_database): s.schema_metadata.columns for s in statuses if s.of_table}
    skipped, warnings = warnings_in(task.get("WarningMessage", ""))
    skipped += [s.target for s in statuses if s.incomplete]
    warnings += [f"{s.target}: {s.status} {s.warning}".strip() for s in statuses if s.warning or s.incomplete]
    names = frozenset(_plain_name(target, found_database) for target in skipped)
    counts = _counts(command, s3)
    export = Export(task_identifier, task["SnapshotTime"], found_database, tables, columns, names, tuple(warnings), counts)
    return replace(export, tables=_landing(export, database))


def order_of_unusable(command: CopyExport, rds: RDSClient, s3: S3Client) -> Order | None:
    """The order, among the attempts at its day, of an export that cannot land; None where nobody can say.

    Without a time of its snapshot, later than any other of its upload: every field is optional.
    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ExportTask.html
    """
    taken = _task(command.export_task_identifier, rds).get("SnapshotTime") or datetime.max.replace(tzinfo=UTC)
    try:
        counts = _counts(command, s3)
    except Terminal:  # a person hears of the export itself
        return None
    return order_of(counts.uploaded_at if counts else None, taken, command.export_task_identifier)


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


def _counts(command: CopyExport, s3: S3Client) -> RowCounts | None:
    """The loader's counts; None where the command names no dump: then nobody counted."""
    if command.run.origin is None:
        logger.warning("No dump is named, so no row counts: the tables are landed unchecked")
        return None
    return row_counts.read(naming.row_counts_uri(command.run.origin, command.export_task_identifier), s3)


def _landing(export: Export, database: str) -> dict[str, list[naming.ExportedFile]]:
    """Choose the tables that land: exactly those that were loaded, with data where rows are. Raises ExportUnusable.

    A view has no rows of its own and was not counted: if RDS exports it, it does not land. A warning is of no consequence
    where every counted table is complete; where nobody counted, it is all that tells of a loss.
    """
    counts = export.counts
    if export.database != database:
        raise ExportUnusable(
            f"Export {export.task_identifier} holds database {export.database}; only {database} is landed. "
            "If DatabaseName has been changed since, load the dump again."
        )
    if export.warnings:
        some = {"export_task": export.task_identifier, "count": len(export.warnings), "first": export.warnings[:20]}
        logger.warning("RDS completed the export with warnings", extra=some)
    expected = counts.tables if counts else dict.fromkeys(export.tables, 0)
    views = counts.views if counts else ()
    tables = {name: files for name, files in export.tables.items() if name not in views}
    problems = {
        "tables not exported": expected.keys() - tables.keys(),
        "skipped or not complete": expected.keys() & export.skipped if counts else export.warnings,
        "not counted": tables.keys() - expected.keys(),
        "with rows but no file": {name for name, files in tables.items() if expected.get(name) and not files},
    }
    if any(problems.values()):
        said = f" RDS says: {'; '.join(export.warnings[:20])}." if export.warnings else ""
        raise ExportUnusable(
            f"Export {export.task_identifier} does not match the loaded database: "
            f"{', '.join(f'{problem} {sorted(names)}' for problem, names in problems.items() if names)}.{said} "
            "Load the dump again."
        )
    return tables
