"""A look at all that lost, doubled or late messages have left undone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from cubic.store.database import Database

WAITS = timedelta(hours=24)  # for a snapshot to begin


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A load for which no snapshot has begun."""

    load_id: int
    table: str
    s3_key: str


@dataclass(frozen=True, slots=True)
class Undone:
    """Tables to claim from, batches to look at, loads to move."""

    start: tuple[str, ...]
    finish: tuple[UUID, ...]
    move: tuple[int, ...]


def give_up_waiting(db: Database, now: datetime) -> list[GivenUp]:
    """Refuse the loads that have waited too long for a snapshot to begin."""
    raise NotImplementedError


def undone(db: Database, now: datetime) -> Undone:
    """Find what is to be done."""
    raise NotImplementedError


def settle(db: Database, now: datetime) -> list[str]:
    """Settle the snapshots that are whole. Returns the tables whose latest settled snapshot is another now."""
    raise NotImplementedError


def current(db: Database, table: str) -> datetime | None:
    """The latest settled snapshot of a table; the newest while none is settled, None while there is none."""
    raise NotImplementedError
