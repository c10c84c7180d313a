"""Reads a day of the raw or the refined zone back as a reader of the lake does: the catalog's partitions, their files."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.dataset as ds

from lake.catalog import Catalog
from lake.schema import clean
from local.emulator.folders import forget_others

if TYPE_CHECKING:
    from datetime import date

    from local.demo.landed import TableReport


@dataclass(frozen=True)
class ZoneTable:
    """One table's day in a zone, every row of its files counted."""

    zone: str
    name: str
    rows: int
    files: int
    bytes: int


def read_back(glue: Any, database: str, zone: str, day: date) -> list[ZoneTable]:
    """The tables that have the day."""
    catalog = Catalog(glue, database)
    pages = glue.get_paginator("get_tables").paginate(DatabaseName=database)
    found = {table["Name"]: catalog.location(table["Name"], day) for page in pages for table in page["TableList"]}
    return [_table(zone, name, Path(place.removeprefix("file://"))) for name, place in sorted(found.items()) if place]


def _table(zone: str, name: str, folder: Path) -> ZoneTable:
    files = sorted(folder.glob("*.parquet"))
    rows = ds.dataset(files, format="parquet").count_rows()
    return ZoneTable(zone, name, rows, len(files), sum(path.stat().st_size for path in files))


def differences(database: str, landed: list[TableReport], raw: list[ZoneTable]) -> list[str]:
    """Name the tables of which the raw zone has other rows than landed."""
    rows = {table.name: table.rows for table in raw}
    return [
        f"{t.name}: {t.rows_landed} rows landed, {rows.get(clean(f'{database}_{t.name}'), 'none')} in the raw zone"
        for t in landed
        if rows.get(clean(f"{database}_{t.name}")) != t.rows_landed
    ]


def keep(zone: Path, folder: Path) -> None:
    """A copy of the zone's bucket, over an earlier one, without what Spark writes beside local files."""
    shutil.copytree(zone, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.crc", "_staging"))
    forget_others({folder / path.relative_to(zone) for path in zone.rglob("*.parquet")})
