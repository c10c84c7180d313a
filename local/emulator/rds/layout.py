"""The objects of one export: their keys, and the JSON files beside them, as RDS lays them out in the bucket."""

from __future__ import annotations

import json
import random
import re
import uuid
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Any

from liberator.exports import ExportStatus
from local.emulator.rds import parquet_types
from local.emulator.rds.states import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from local.emulator.rds.frozen import FrozenTable
    from local.emulator.rds.states import ExportTask

PARTS_PER_BATCH = 3
TABLES_PER_INFO = 200
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.Monitoring.html
NO_TABLES = "FAILED_TO_EXTRACT_TABLES_LIST_FOR_DATABASE"
MAX_EXPORT_ONLY_BYTES = 200 * 1024
_GIB = 1024**3
_IN_PART = re.compile(r"[A-Za-z0-9$_]+")
_IN_PATHS = str.maketrans(dict.fromkeys('\\`" ', "_"))


@dataclass(frozen=True)
class ExportedObject:
    """One object to write: a Parquet file of the snapshot, or, where `source` is None, `content`."""

    key: str
    source: Path | None = None
    content: bytes = b""


def root(task: ExportTask) -> str:
    return f"{task.s3_prefix.strip('/')}/{task.identifier}" if task.s3_prefix.strip("/") else task.identifier


@dataclass(frozen=True)
class Wanted:
    """The contents of one export: its tables, and the databases without a table that it names, or takes with all others."""

    tables: list[FrozenTable]
    empty_databases: list[str]


def wanted(databases: Sequence[str], tables: Sequence[FrozenTable], export_only: Sequence[str]) -> Wanted:
    """Select the tables that `ExportOnly` names, as `database` or `database.table`; all of them where it names nothing."""
    names = set(export_only)
    filled = {t.database for t in tables}
    return Wanted(
        [t for t in tables if not names or t.database in names or t.full_name in names],
        [d for d in databases if d not in filled and (not names or d in names)],
    )


def not_in_part(names: Iterable[str]) -> list[str]:
    """Those of the databases and tables that RDS exports with the whole snapshot only.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html, "Limitations": latin letters, digits,
    dollar and underscore are what a name may have.
    """
    return [name for name in names if not _IN_PART.fullmatch(name)]


def check_export_only(export_only: Sequence[str], databases: set[str], tables: set[str]) -> None:
    """Raises Refused for more than 200 KB of it, and for a database or table that the snapshot doesn't hold.

    It does so too for a name that is not exported in part.
    """
    unknown = [name for name in export_only if name not in databases | tables or not_in_part(name.split(".", 1))]
    if unknown or sum(len(name.encode()) for name in export_only) > MAX_EXPORT_ONLY_BYTES:
        raise Refused(
            "InvalidExportOnly", f"The export is invalid: {', '.join(unknown)[:200] or 'ExportOnly is larger than 200 KB'}."
        )


def data_objects(task: ExportTask, table: FrozenTable) -> Iterator[ExportedObject]:
    """The table's parts over its batch folders, each closed by `_SUCCESS`; of an empty table only that."""
    chance = random.Random(f"{task.identifier}/{table.full_name}")
    folder = f"{root(task)}/{table.database}/{table.full_name}".translate(_IN_PATHS)
    for batch, parts in enumerate(list(batched(table.parts, PARTS_PER_BATCH, strict=False)) or [()], start=1):
        job, number = uuid.UUID(int=chance.getrandbits(128), version=4), 0
        for part in parts:
            number += chance.randint(0, 40)  # RDS numbers its partitions and writes no file for an empty one
            yield ExportedObject(f"{folder}/{batch}/part-{number:05d}-{job}-c000.gz.parquet", source=part)
            number += 1
        yield ExportedObject(f"{folder}/{batch}/_SUCCESS")


def side_objects(task: ExportTask, of: Wanted) -> Iterator[ExportedObject]:
    """`export_tables_info_…` for every 200 entries, and `export_info_…`."""
    entries = [_table_status(task, table) for table in of.tables] + [_database_status(name) for name in of.empty_databases]
    first = 1
    for group in batched(entries, TABLES_PER_INFO, strict=False):
        last = first + len(group) - 1
        name = f"export_tables_info_{task.identifier}_from_{first}_to_{last}.json"
        yield _json(task, name, {"perTableStatus": list(group)})
        first = last + 1
    yield _json(task, f"export_info_{task.identifier}.json", _export_info(task))


def _json(task: ExportTask, name: str, content: dict[str, Any]) -> ExportedObject:
    return ExportedObject(f"{root(task)}/{name}", content=json.dumps(content, indent=2).encode())


def _export_info(task: ExportTask) -> dict[str, Any]:
    return {
        "exportTaskIdentifier": task.identifier,
        "sourceArn": task.snapshot.arn,
        "exportOnly": list(task.export_only),
        "snapshotTime": _time(task.snapshot.created_at),
        "taskStartTime": _time(task.started_at),
        "taskEndTime": _time(task.ended_at),
        "s3Bucket": task.s3_bucket,
        "s3Prefix": task.s3_prefix,
        "exportedFilesPath": root(task),
        "iamRoleArn": task.iam_role_arn,
        "kmsKeyId": task.kms_key_id,
        "status": ExportStatus.COMPLETE,
        "percentProgress": 100,
        "totalExportedDataInGB": task.exported_bytes / _GIB,
    }


def _database_status(name: str) -> dict[str, Any]:
    return {"target": name, "warningMessage": NO_TABLES}


def _table_status(task: ExportTask, table: FrozenTable) -> dict[str, Any]:
    if table.skipped_because:
        return {"status": "SKIPPED", "target": table.full_name, "warningMessage": table.skipped_because}
    return {
        "tableStatistics": {
            "extractionStartTime": _time(task.started_at),
            "extractionEndTime": _time(task.ended_at),
            "partitioningInfo": {"numberOfPartitions": len(table.parts), "numberOfCompletedPartitions": len(table.parts)},
        },
        "schemaMetadata": {
            "originalTypeMappings": [
                {
                    "columnName": column.name,
                    "originalType": column.data_type,
                    "expectedExportedType": parquet_types.exported_type(column),
                    "originalCharMaxLength": column.char_length,
                    "originalNumPrecision": column.precision,
                    "originalDateTimePrecision": column.datetime_precision,
                }
                for column in table.columns
            ]
        },
        "status": ExportStatus.COMPLETE,
        "sizeGB": sum(part.stat().st_size for part in table.parts) / _GIB,
        "target": table.full_name,
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
