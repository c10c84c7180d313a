"""Glue job: a landed day becomes a day of the raw zone, table by table, for the daily and the backdated workflow.

The day is the workflow run's, and its files are those that the manifest names: never a listing, never today. Safe to
repeat: a day's partitions are replaced by what the manifest holds, and no other partition is touched.
"""

from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pyspark.sql import Observation

from lake import columns, job, manifest, schema
from lake.catalog import Catalog, Source
from lake.files import Files
from lake.job import JobFailed, say
from lake.zone import Staged, Zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lake.job import Run
    from lake.manifest import Manifest, SourceTable

R = TypeVar("R")

FILE_BYTES = 256 * 1024**2  # so that a file has between 128 and 512 MB; a smaller table is one file
# Spark jobs at once: most tables are one small file, and a driver of a G.1X worker has 4 cores.
TABLES_AT_ONCE = 8


class CountMismatch(Exception):
    """A table whose rows are not those that the loader counted: nothing of this day can be trusted."""


@dataclass(frozen=True)
class Landing:
    """The job's input: the tables of a manifest, from the landing zone at `root`, whose raw names match `wanted`."""

    root: str
    manifest: Manifest
    wanted: re.Pattern[str]

    def tables(self) -> dict[str, list[SourceTable]]:
        """Raw name → the landed tables that would have it: one, but for names that differ only in odd characters."""
        named: dict[str, list[SourceTable]] = {}
        for table in self.manifest.tables:
            name = schema.clean(f"{self.manifest.database}_{table.name}")
            if self.wanted.search(name):
                named.setdefault(name, []).append(table)
        return named


def main(command_line: Sequence[str]) -> None:
    options = job.arguments(
        command_line,
        landing="URI of the landing zone's bucket",
        raw="URI of the raw zone's bucket",
        raw_database="the catalog's database of the raw zone",
        table_filter="regular expression that a table's raw name, <database>_<table>, has to match",
    )
    spark, glue, run = job.begin(options)
    raw = Zone(spark, Files(spark), Catalog(glue, options.raw_database), f"{options.raw}/parking", run.run_id)
    to_raw(run, options.landing, re.compile(options.table_filter), raw)


def to_raw(run: Run, landing_root: str, wanted: re.Pattern[str], raw: Zone) -> dict[str, int]:
    """Writes every wanted table; returns the rows of each. Raises JobFailed at the end, naming each table that failed.

    Everything is staged and counted first. One count that differs from the loader's and nothing at all is published;
    any other failure concerns its own table only.
    """
    landing = Landing(landing_root, manifest.read(raw.files, run.manifest), wanted)
    if landing.manifest.import_date != run.import_date:
        raise JobFailed(f"{run.manifest} is of {landing.manifest.import_date}, the run of {run.import_date}")
    if landing.manifest.export_task != run.export_task:
        say("A later export of the day is landed by now, and is taken", export_task=landing.manifest.export_task)
    tables = landing.tables()
    failures: dict[str, Exception] = {}
    try:
        staged = _each(tables, lambda name: _stage(name, tables[name], landing, raw), failures)
        if any(isinstance(error, CountMismatch) for error in failures.values()):
            raise JobFailed(
                "Nothing was published, for rows are missing or too many. Load the dump again", _reasons(failures)
            )
        if manifest.read(raw.files, run.manifest) != landing.manifest:
            raise JobFailed("Nothing was published, for another export of the day was landed meanwhile. Run it again")
        published = _each(staged, lambda name: _publish(staged[name], tables[name][0], run, landing, raw), failures)
        _each(_others(landing, raw), lambda name: _withdraw(name, run, raw), failures)
    finally:
        raw.clear()
    say("Ended", tables=len(published), rows=sum(published.values()), failed=sorted(failures))
    if failures:
        raise JobFailed(
            f"{len(failures)} tables are not as they should be, the other {len(published)} are", _reasons(failures)
        )
    return published


def _reasons(failures: Mapping[str, Exception]) -> dict[str, str]:
    return {name: job.reason(error) for name, error in failures.items()}


def _each(names: Iterable[str], work: Callable[[str], R], failures: dict[str, Exception]) -> dict[str, R]:
    """Calls `work` for each name, several at once. One that fails goes to `failures` and stops no other."""
    made: dict[str, R] = {}
    with ThreadPoolExecutor(TABLES_AT_ONCE) as pool:
        for name, future in [(name, pool.submit(work, name)) for name in names]:
            try:
                made[name] = future.result()
            except Exception as error:  # noqa: BLE001  whatever it is, it is this table's, and is told at the end
                failures[name] = error
                job.log.warning("Failed: %s", name, exc_info=error)
    return made


def _stage(name: str, tables: Sequence[SourceTable], landing: Landing, raw: Zone) -> Staged:
    """Writes the table's day beside the zone. Raises CountMismatch, schema.Unsupported, or what Spark raises."""
    if len(tables) > 1:
        raise schema.Unsupported(f"{[table.name for table in tables]} would have the same name here: leave out all but one")
    [table] = tables
    # In a path, Spark takes these for wildcards.
    paths = [re.sub(r"([\[\]{}*?\\])", r"\\\1", f"{landing.root}/{key}") for key in table.keys]
    # Of an empty table RDS writes no file.
    frame = raw.spark.read.parquet(*paths) if paths else raw.spark.range(0).select(columns.of_empty(table.columns))
    plain = columns.plain(frame.schema, table.columns)
    impossible = Observation()
    if plain.not_dates and paths:
        frame = frame.observe(impossible, *(count.alias(date) for date, count in plain.not_dates.items()))
    staged = raw.stage(name, frame.select(*plain.columns).coalesce(max(1, round(table.bytes / FILE_BYTES))))
    expected = frame.count() if table.rows is None else table.rows
    if staged.rows != expected:
        raise CountMismatch(f"{expected} rows were loaded into {table.name}, {staged.rows} are in the landing zone's files")
    nulled = {date: n for date, n in impossible.get.items() if n} if plain.not_dates and paths else {}
    say("Staged", table=name, rows=staged.rows, zero_dates_made_null=nulled)
    return staged


def _publish(staged: Staged, table: SourceTable, run: Run, landing: Landing, raw: Zone) -> int:
    names = schema.clean_all([column.name for column in table.columns])
    renamed = {
        name: f"In the dump: {column.original}"
        for name, column in zip(names, table.columns, strict=True)
        if column.original.lower() != name
    }
    raw.publish(staged, run.import_date, Source(landing.manifest.database, table.original, renamed))
    return staged.rows


def _others(landing: Landing, raw: Zone) -> list[str]:
    """Names tables that earlier runs of the day may have had and the dump has no more."""
    database = landing.manifest.database
    landed = {schema.clean(f"{database}_{table.name}") for table in landing.manifest.tables}
    return [name for name in raw.catalog.tables_of(database) if name not in landed and landing.wanted.search(name)]


def _withdraw(name: str, run: Run, raw: Zone) -> None:
    if raw.withdraw(name, run.import_date):
        say("Withdrawn, for the dump of the day has no such table any more", table=name)


if __name__ == "__main__":
    main(sys.argv[1:])
