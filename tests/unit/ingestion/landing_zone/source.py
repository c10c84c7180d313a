"""A source of its own: a data set of any S3 file, with no database, no export and no snapshot."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from pydantic import AwareDatetime

from ingestion import partition
from ingestion.landing_zone.copying import Original
from ingestion.landing_zone.manifest import DayManifest, LandedObject, LandedTable, Order
from ingestion.landing_zone.zone import LandingZone
from ingestion.messages import Run
from tests.fakes import InTurn

DAY = date(2021, 6, 4)
PREFIX = "data/bikes/"
MODIFIED_AT = datetime(2021, 6, 4, 6, tzinfo=UTC)


class FileManifest(DayManifest):
    """`modified_at` is the file's, `read_at` when this load read it."""

    load: str
    modified_at: AwareDatetime
    read_at: AwareDatetime

    @property
    def order(self) -> Order:
        return Order(self.modified_at, self.read_at, self.load)


def attempt(load: int, *names: str, size: int = 1) -> FileManifest:
    """The later, the greater its number. Its files are its own, but for those that are named."""
    objects = tuple(LandedObject(key=key_of(name), size=size) for name in names or (f"{load}-0", f"{load}-1"))
    return FileManifest(
        prefix=PREFIX,
        run=Run(import_date=DAY, backdated=False),
        correlation_id=f"file@{load}",
        tables=(LandedTable(name="bikes", rows=None, objects=objects),),
        load=f"load-{load}",
        modified_at=MODIFIED_AT + timedelta(hours=load),
        read_at=MODIFIED_AT + timedelta(hours=9),
    )


def plan_of(mine: FileManifest) -> dict[str, Original]:
    """Each object has an original of its name, in a folder of its load."""
    return {o.key: Original("files", original_of(mine, o.key), o.size) for table in mine.tables for o in table.objects}


def original_of(mine: FileManifest, key: str) -> str:
    return f"{mine.load}/{key.rsplit('/', 1)[-1]}"


def key_of(name: str) -> str:
    return f"{PREFIX}bikes/{partition.path(DAY)}/{name}"


def zone(s3: Any) -> LandingZone[FileManifest]:
    return LandingZone(s3, "landing", InTurn, FileManifest)
