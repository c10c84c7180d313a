"""A frozen copy of every table of the server: the content of a snapshot, already in the Parquet types of an export.

Stands in for the disk image that RDS takes. How it differs: the tables alone are copied, through a consistent read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pymysql.converters import encoders
from pymysql.cursors import SSCursor

from local.emulator.rds import parquet_types
from local.emulator.rds.parquet_types import Column

if TYPE_CHECKING:
    from pathlib import Path

    from pymysql.connections import Connection

    from local.emulator.database_server import DatabaseServer

SYSTEM_DATABASES = ("information_schema", "mysql", "performance_schema", "sys")
_CHUNK_ROWS = 2_000
_CHUNK_BYTES = 8 * 1024 * 1024
_PART_BYTES = 64 * 1024 * 1024


class Stopped(Exception):
    """The copy was given up because the stand-in stops."""


@dataclass
class FrozenTable:
    """One table: its columns, and its rows in `parts`; no parts when it is empty, or when RDS skips it."""

    database: str
    name: str
    columns: list[Column]
    rows: int = 0
    parts: list[Path] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        return f"{self.database}.{self.name}"

    @property
    def skipped_because(self) -> str | None:
        """Why RDS leaves the table out of an export, or None.

        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html, "Limitations"
        """
        if "/" in self.name:
            return f"The table name {self.name} contains a slash"
        bad = [c.name for c in self.columns if set(c.name) & set(",;{}()\n\t= ")]
        return f"The column name {bad[0]!r} contains a character that Parquet does not allow" if bad else None


class ConsistentRead:
    """An open transaction that sees all tables as they were when it began, whatever is written afterwards."""

    def __init__(self, server: DatabaseServer) -> None:
        self._connection: Connection[Any] = server.connect_as_root(use_unicode=False, conv=encoders)  # no decoding
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("SET SESSION time_zone = '+00:00', net_write_timeout = 3600, lock_wait_timeout = 30")
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
                self.databases = _databases(cursor)
                self.tables = _tables(cursor)
                for table in self.tables:  # holds its definition: a DROP waits until this transaction ends
                    cursor.execute(f"SELECT 1 FROM {_quoted(table.database)}.{_quoted(table.name)} LIMIT 0")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the transaction, and with it the hold on the tables. Safe to call twice."""
        if self._connection.open:
            self._connection.close()

    def copy_to(self, folder: Path, *, part_rows: int, stopping: Callable[[], bool]) -> None:
        """Writes each table into `folder` as Parquet files of at most `part_rows` rows. Raises Stopped."""
        for number, table in enumerate(self.tables):
            if table.skipped_because:
                continue
            batches: list[pa.RecordBatch] = []
            for batch in self._batches(table, part_rows):
                if stopping():
                    raise Stopped
                batches.append(batch)
                if sum(b.num_rows for b in batches) >= part_rows or sum(b.nbytes for b in batches) >= _PART_BYTES:
                    _write_part(table, batches, folder, number)
                    batches = []
            if batches:
                _write_part(table, batches, folder, number)

    def _batches(self, table: FrozenTable, part_rows: int) -> Iterator[pa.RecordBatch]:
        schema = parquet_types.schema(table.columns)
        names = ", ".join(_quoted(c.name) for c in table.columns)
        left, size = part_rows, 16  # a few rows first, to see how large they are
        with self._connection.cursor(SSCursor) as cursor:
            cursor.execute(f"SELECT {names} FROM {_quoted(table.database)}.{_quoted(table.name)}")
            while rows := cursor.fetchmany(min(size, left)):
                values = zip(*rows, strict=True)
                arrays = [parquet_types.to_arrow(c, list(v)) for c, v in zip(table.columns, values, strict=True)]
                batch = pa.record_batch(arrays, schema=schema)
                yield batch
                size = max(1, min(_CHUNK_ROWS, 4 * size, _CHUNK_BYTES * len(rows) // max(1, batch.nbytes)))
                left = left - len(rows) or part_rows


def _write_part(table: FrozenTable, batches: list[pa.RecordBatch], folder: Path, number: int) -> None:
    path = folder / f"{number}-{len(table.parts)}.parquet"
    parquet_types.write(batches, table.columns, path)
    table.parts.append(path)
    table.rows += sum(b.num_rows for b in batches)


def _databases(cursor: Any) -> list[str]:
    cursor.execute(f"SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN {SYSTEM_DATABASES}")
    return [name.decode() for (name,) in cursor.fetchall()]


def _tables(cursor: Any) -> list[FrozenTable]:
    cursor.execute(
        "SELECT c.table_schema, c.table_name, c.column_name, c.data_type, c.column_type, c.numeric_precision, "
        "c.numeric_scale, c.character_maximum_length, c.datetime_precision "
        "FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name) "
        f"WHERE t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND c.table_schema NOT IN {SYSTEM_DATABASES} "
        "ORDER BY c.table_schema, c.table_name, c.ordinal_position"
    )
    tables: dict[tuple[str, str], FrozenTable] = {}
    for row in cursor.fetchall():
        database, table, name, data_type, column_type = (v.decode() for v in row[:5])
        column = Column(name, data_type, column_type, *(int(size or 0) for size in row[5:]))
        tables.setdefault((database, table), FrozenTable(database, table, [])).columns.append(column)
    return list(tables.values())


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
