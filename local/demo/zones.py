"""Reads a day of the raw or the refined zone back as a reader of the lake does: the catalog's partitions, their files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingestion.s3_uri import split_s3_uri
from lake.catalog import Catalog
from lake.schema import clean
from local.demo.landed import rows_of

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


def read_back(s3: Any, glue: Any, database: str, zone: str, day: date) -> list[ZoneTable]:
    """The tables that have the day."""
    catalog = Catalog(glue, database)
    pages = glue.get_paginator("get_tables").paginate(DatabaseName=database)
    found = {table["Name"]: catalog.location(table["Name"], day) for page in pages for table in page["TableList"]}
    return [_table(s3, zone, name, place) for name, place in sorted(found.items()) if place]


def _table(s3: Any, zone: str, name: str, place: str) -> ZoneTable:
    bucket, folder = split_s3_uri(place)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{folder}/")
    files = [f for page in pages for f in page.get("Contents", []) if f["Key"].endswith(".parquet")]
    rows = sum(rows_of(s3, bucket, file["Key"]) for file in files)
    return ZoneTable(zone, name, rows, len(files), sum(file["Size"] for file in files))


def differences(database: str, landed: list[TableReport], raw: list[ZoneTable]) -> list[str]:
    """Name the tables of which the raw zone has other rows than landed."""
    rows = {table.name: table.rows for table in raw}
    return [
        f"{t.name}: {t.rows_landed} rows landed, {rows.get(clean(f'{database}_{t.name}'), 'none')} in the raw zone"
        for t in landed
        if rows.get(clean(f"{database}_{t.name}")) != t.rows_landed
    ]
