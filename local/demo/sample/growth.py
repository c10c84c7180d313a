"""The sample as it is dumped on later nights: with more rows, where mysqldump would have written them."""

from __future__ import annotations

import zipfile
from itertools import batched, islice
from pathlib import Path

from pymysql.converters import escape_item

from local.demo.sample import BUNDLED, FIXED, MEMBER
from local.demo.sample.rows import GROWS_FROM, TABLES, TableRows

A_NIGHT = 0.03  # of the rows of each table that grows at all
_BATCH = 500


def grow(destination: Path, nights: int) -> None:
    """Writes the dump of so many nights after the bundled one: those rows, and the generator's next ones."""
    with zipfile.ZipFile(BUNDLED) as archive:
        script = archive.read(MEMBER)
    for table in TABLES if nights else ():
        if table.count >= GROWS_FROM:
            end = f"/*!40000 ALTER TABLE `{table.table}` ENABLE KEYS */;\n".encode()
            before, found, after = script.partition(end)
            if not found:
                raise ValueError(f"{BUNDLED} has no line {end!r}; rebuild it with `make sample`.")
            script = before + _inserts(table, 1 + A_NIGHT * nights) + found + after
    with zipfile.ZipFile(destination, "w") as archive:
        archive.writestr(zipfile.ZipInfo(MEMBER, FIXED), script, zipfile.ZIP_DEFLATED, 1)


def _inserts(table: TableRows, scale: float) -> bytes:
    more = islice(table.rows(scale), table.count, None)
    insert = f"INSERT INTO `{table.table}` ({table.columns}) VALUES "
    statements = (
        insert + ",".join(f"({','.join(str(escape_item(value, 'utf8mb4')) for value in row)})" for row in rows) + ";\n"
        for rows in batched(more, _BATCH, strict=False)
    )
    return "".join(statements).encode("utf-8", "surrogateescape")  # pymysql's way to have bytes in a statement
