"""One zone of the lake: a day of a table is staged, counted, and then put in the place of what was there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from ingestion import partition
from lake.catalog import Catalog, Source
from lake.schema import merged

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from pyspark.sql import DataFrame, SparkSession

    from lake.files import Files


@dataclass(frozen=True)
class Staged:
    """A table's day, written but not published. `types` are those of its files, `rows` is read back from them."""

    table: str
    types: dict[str, str]
    rows: int
    uri: str


@dataclass(frozen=True)
class Zone:
    """`root` is the URI under which each table has a folder, e.g. `s3://…-raw-zone/parking`."""

    spark: SparkSession
    files: Files
    catalog: Catalog
    root: str
    run_id: str

    @property
    def staging(self) -> str:
        """This run's own folder: whatever an earlier run has left is not in the way. Readers skip what begins with `_`."""
        return f"{self.root}/_staging/{self.run_id}"

    def place(self, table: str, day: date) -> str:
        """The folder of one partition."""
        return f"{self.root}/{table}/{partition.path(day)}"

    def stage(self, table: str, frame: DataFrame) -> Staged:
        """Writes a frame of plain columns beside the zone: nothing that a reader sees changes.

        Raises schema.Unsupported where not all days of the table could be read afterwards.
        """
        types, uri = dict(frame.dtypes), f"{self.staging}/{table}"
        merged(self.catalog.columns(table), types)
        frame.write.mode("overwrite").parquet(uri)
        return Staged(table, types, self._files(types, uri).count(), uri)

    def staged(self, staged: Staged) -> DataFrame:
        """The staged rows, as their files have them."""
        return self._files(staged.types, staged.uri)

    def publish(self, staged: Staged, day: date, source: Source) -> None:
        """Puts the staged files in the place of the day's. Raises OSError where another run does the same.

        Whoever reads through the catalog sees the old day, then no such day, then the new one; never half a day, nor two
        days in one. A run that dies in between leaves the day missing and its job failed, and the next run begins anew.
        """
        place, names = self.place(staged.table, day), self.files.names(staged.uri)
        self.catalog.widen(staged.table, staged.types, f"{self.root}/{staged.table}", source)
        self.catalog.drop_partition(staged.table, day)
        self.files.delete(place)
        self.files.move(staged.uri, place)
        self.catalog.add_partition(staged.table, day, staged.types, place)
        # After the day is registered: of two runs that write it at once, the one whose files come last sees those of both.
        if self.files.names(place) != names:
            self.catalog.drop_partition(staged.table, day)
            raise OSError(f"{place} holds other files than were put there: another run writes the same day. Run it again")

    def withdraw(self, table: str, day: date) -> bool:
        """Takes a day out of a table, its files too where only they are left; False where it was not in it."""
        place = self.place(table, day)
        there = self.catalog.location(table, day) is not None or self.files.exists(place)
        self.catalog.drop_partition(table, day)
        self.files.delete(place)
        return there

    def read(self, table: str, day: date) -> DataFrame | None:
        """The day with all the table's columns and the partition's; None where the table has no such day."""
        location = self.catalog.location(table, day)
        if location is None:
            return None
        columns = [F.lit(value).alias(key) for key, value in zip(partition.KEYS, partition.values(day), strict=True)]
        return self._files(self.catalog.columns(table), location).select("*", *columns)

    def clear(self) -> None:
        """Removes what this run has staged and not published."""
        self.files.delete(self.staging)

    def _files(self, types: Mapping[str, str], uri: str) -> DataFrame:
        return self.spark.read.schema(", ".join(f"`{name}` {kind}" for name, kind in types.items())).parquet(uri)
