"""The manifest of a landed day, as the copier committed it: the only word on what the day consists of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from lake.job import JobFailed

if TYPE_CHECKING:
    from lake.files import Files


@dataclass(frozen=True)
class SourceColumn:
    """A column as RDS exported it: MySQL's type, e.g. `date`, and the Parquet type, e.g. `binary (UTF8)`.

    `original` is what the dump calls it, which mostly is its name.
    """

    name: str
    original: str
    original_type: str
    exported_type: str


@dataclass(frozen=True)
class SourceTable:
    """One landed table. `rows` is the loader's count, None where it left none; `keys` are those of its Parquet files.

    `original` is what the dump calls it, which mostly is its name.
    """

    name: str
    original: str
    rows: int | None
    keys: tuple[str, ...]
    bytes: int
    columns: tuple[SourceColumn, ...]


@dataclass(frozen=True)
class Manifest:
    """One day of one database."""

    database: str
    import_date: date
    export_task: str
    tables: tuple[SourceTable, ...]


def read(files: Files, uri: str) -> Manifest:
    """Reads a day's manifest.

    Raises JobFailed where there is none, or it is not as the copier writes it.
    """
    try:
        document = json.loads(files.read_text(uri))
        return Manifest(
            database=document["database"],
            import_date=date.fromisoformat(document["run"]["import_date"]),
            export_task=document["export_task_identifier"],
            tables=tuple(
                SourceTable(
                    name=table["name"],
                    original=table.get("original_name") or table["name"],
                    rows=table["rows"],
                    keys=tuple(o["key"] for o in table["objects"]),
                    bytes=sum(o["size"] for o in table["objects"]),
                    columns=tuple(
                        SourceColumn(c["name"], c.get("original_name") or c["name"], c["original_type"], c["exported_type"])
                        for c in table.get("columns", [])
                    ),
                )
                for table in document["tables"]
            ),
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise JobFailed(f"{uri} is no manifest as the copier writes it ({error!r}): land the day again") from error
