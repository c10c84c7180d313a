"""Trino's tables, Glue's and S3's objects in memory, and an end of the process at any call of theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from data_commons import catalog
from data_commons.catalog import Shown, Wanted
from data_commons.manifest import Column, PinnedSource, TableManifest, schema_prefix, version_id
from data_commons.messages import PublishTable, SweepTable, TablePublished
from data_commons.publishing import Commons, publish_table
from data_commons.spec import Catalog, Metadata
from data_commons.sql import Name
from data_commons.swapping import ByGlue, Swap, by_drop_and_create
from data_commons.sweeping import sweep_table
from ingestion.errors import NotYet, Terminal
from ingestion.landing_zone import attempts
from ingestion.landing_zone.manifest import LandedObject, LandedTable
from ingestion.landing_zone.zone import LandingZone
from ingestion.messages import Run
from tests.fakes import SNAPSHOT_TIME, FakeS3, InTurn, client_error
from tests.incoming import Faults

BUCKET, CATALOG, SCHEMA, TABLE = "commons", "osc_datacommons_dev", "tfl", "bikes"
NAME = Name(CATALOG, SCHEMA, TABLE)
RUN = Run(import_date=SNAPSHOT_TIME.date(), backdated=False)


def version(number: int, *, view: bool = False) -> TableManifest:
    """Has as many rows as its number, and its object as many bytes; it is the later, the greater its number."""
    uuid = version_id("s3://source/bikes.csv", str(number), "")
    prefix, at = schema_prefix(SCHEMA), SNAPSHOT_TIME + timedelta(hours=number)
    found = LandedObject(key=f"{prefix}{TABLE}/{uuid}/{TABLE}.parquet", size=number)
    source = PinnedSource(uri="s3://source/bikes.csv", version=str(number), etag="e", size=1, modified_at=at)
    return TableManifest(
        prefix=prefix, run=RUN, correlation_id="bikes", tables=(LandedTable(name=TABLE, rows=number, objects=(found,)),),
        catalog=Catalog.DEV, schema_name=SCHEMA, table=TABLE, uuid=uuid, source=source, spec_digest="",
        spec_modified_at=SNAPSHOT_TIME, staged_at=at, metadata=Metadata(title=f"Bikes {number}"), view=view,
        columns=(Column(source="id", name="id", type="bigint", description=f"Number {number}"),),
    )  # fmt: skip


def command(mine: TableManifest) -> PublishTable:
    return PublishTable(
        run=RUN, correlation_id="bikes", catalog=Catalog.DEV, schema_name=SCHEMA, table=TABLE, uuid=mine.uuid
    )


@dataclass
class FakeTables:
    """As catalog.Tables, without Trino, which may be down."""

    s3: FakeS3
    catalog: str = CATALOG
    there: dict[Name, Shown] = field(default_factory=dict)
    down: bool = False

    def shown(self, name: Name) -> Shown | None:
        if self.down:
            raise NotYet("Trino does not answer")
        return self.there.get(name)

    def location(self, name: Name) -> str | None:
        found = self.there.get(name)
        return found.location if found else None

    def create(self, name: Name, wanted: Wanted, *, bare: bool = False) -> None:
        if self.down:
            raise NotYet("Trino does not answer")
        columns = tuple(catalog.ColumnOf(it.name, it.type, None if bare else it.comment) for it in wanted.columns)
        self.there.setdefault(name, Shown(False, columns, None if bare else wanted.comment, location=wanted.location))

    def create_view(self, wanted: Wanted) -> None:
        self.create(wanted.behind, wanted)
        columns = tuple(catalog.ColumnOf(it.name, it.type) for it in wanted.columns)
        self.there[wanted.name] = Shown(True, columns, wanted.comment, behind=wanted.behind.table)

    def drop(self, name: Name, *, view: bool = False) -> None:
        assert name not in self.there or self.there[name].view is view
        self.there.pop(name, None)

    def count(self, name: Name) -> int:
        """A file has as many rows as bytes."""
        shown = self.there[name]
        while shown.view:
            shown = self.there[name.beside(shown.behind or "")]
        folder = (shown.location or "").removeprefix(f"s3a://{BUCKET}/") + "/"
        return sum(len(body) for key, body in self.s3.keys(BUCKET).items() if key.startswith(folder))

    def comment(self, wanted: Wanted, shown: Shown) -> None:
        self.there[wanted.name] = Shown(shown.view, wanted.columns, wanted.comment, shown.location, shown.behind)

    def names(self, schema: str) -> list[str]:
        return sorted(it.table for it in self.there if it.schema == schema)

    def query(self, _: str) -> list[list[Any]]:
        return []


class FakeGlue:
    """Glue's Data Catalog over the same tables. Every change of a table is a version of it."""

    def __init__(self, tables: FakeTables) -> None:
        self._tables = tables

    def get_table(self, *, DatabaseName: str, Name: str) -> dict[str, Any]:  # noqa: N803
        name = NAME.beside(Name)
        if (shown := self._tables.there.get(name)) is None:
            raise client_error("EntityNotFoundException")
        return {"Table": {"Name": Name, "VersionId": str(hash(shown)), "Parameters": shown, "DatabaseName": DatabaseName}}

    def update_table(self, *, DatabaseName: str, TableInput: dict[str, Any], VersionId: str) -> None:  # noqa: N803
        if self.get_table(DatabaseName=DatabaseName, Name=TableInput["Name"])["Table"]["VersionId"] != VersionId:
            raise client_error("ConcurrentModificationException")
        self._tables.there[NAME.beside(TableInput["Name"])] = TableInput["Parameters"]


class Between:
    """Calls of an object, each of which may end the process, and at each of which a reader looks."""

    def __init__(self, real: Any, faults: Faults, look: Callable[[], object]) -> None:
        self._real, self._faults, self._look = real, faults, look
        self.catalog = CATALOG

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        real = getattr(self._real, operation)
        if operation == "get_paginator":
            pages = real("list_objects_v2").paginate
            return lambda _: SimpleNamespace(paginate=lambda **request: self._call("list", lambda: list(pages(**request))))
        return lambda *args, **more: self._call(operation, lambda: real(*args, **more))

    def _call(self, operation: str, do: Callable[[], Any]) -> Any:
        self._faults.begins(operation)
        self._look()
        try:
            return do()
        finally:
            self._look()
            self._faults.ends()


class World:
    """One catalog that swaps in one way. `seen` are the versions, by number, that a reader found at each call; 0 is none."""

    def __init__(self, way: str) -> None:
        self.way = way
        self.s3 = FakeS3()
        self.s3.create_bucket(Bucket=BUCKET)
        self.tables = FakeTables(self.s3)
        self.seen: list[int] = []
        self.told: list[Terminal] = []

    def commons(self, faults: Faults | None = None) -> Commons:
        faults = faults or Faults()
        s3, tables, glue = (Between(it, faults, self.look) for it in (self.s3, self.tables, FakeGlue(self.tables)))
        swap: Swap = ByGlue(glue) if self.way == "glue" else by_drop_and_create  # type: ignore[arg-type]
        return Commons(tables, LandingZone(s3, BUCKET, InTurn, TableManifest), swap)  # type: ignore[arg-type]

    def version(self, number: int) -> TableManifest:
        return version(number, view=self.way == "view")

    def stage(self, number: int, *, whole: bool = True) -> PublishTable:
        mine = self.version(number)
        if not whole:
            begun = mine.tables[0].model_copy(update={"rows": None})
            mine = mine.model_copy(update={"tables": (begun,), "columns": ()})
        attempts.begin(mine, LandingZone(self.s3, BUCKET, InTurn, TableManifest))  # type: ignore[arg-type]
        for key in mine.keys:
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x" * number)
        return command(mine)

    def publish(self, number: int, faults: Faults | None = None) -> TablePublished | None:
        return publish_table(command(self.version(number)), self.commons(faults))

    def sweep(self, faults: Faults | None = None, *, days: float = 0) -> None:
        message = SweepTable(catalog=Catalog.DEV, schema_name=SCHEMA, table=TABLE)
        sweep_table(message, self.commons(faults), SNAPSHOT_TIME + timedelta(days=days), self.told.append)

    def look(self) -> None:
        """As a reader: the rows are those of one version, as its comment says."""
        shown = self.tables.there.get(NAME)
        rows = self.tables.count(NAME) if shown else 0
        assert not shown or shown.comment in (None, f"Bikes {rows}")
        self.seen.append(rows)

    def shows(self) -> int:
        self.look()
        return self.seen[-1]

    def keys(self, prefix: str = "") -> set[str]:
        return {key for key in self.s3.keys(BUCKET) if key.startswith(prefix)}

    def is_clean(self, *numbers: int) -> bool:
        """Nothing is left but the manifest, these versions, the table, and a view's table for each of them."""
        versions = [self.version(number) for number in numbers]
        assert self.keys() == {versions[0].key}.union(*(it.keys for it in versions))
        behind = {catalog.behind_name(TABLE, it.uuid) for it in versions} if self.way == "view" else set()
        assert behind >= set(self.tables.names(SCHEMA)) - {TABLE}
        return True
