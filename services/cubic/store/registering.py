"""Loads come into being here, and get the snapshot that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from cubic.loads import Found, LoadStatus
    from cubic.store.database import Database


@dataclass(frozen=True, slots=True)
class Registration:
    """A load as it stands. `waiting`: it is one of ODS, and no snapshot that it belongs to has begun yet."""

    load_id: int
    table: str
    status: LoadStatus
    new: bool
    waiting: bool


def register(db: Database, found: Found, now: datetime) -> Registration | None:
    """Make a data file a load, or find the one that it is; None where no table has its prefix.

    An empty file is refused at once. A file that begins a snapshot reassigns the loads of its table.
    """
    raise NotImplementedError


def describe(db: Database, found: Found, document: dict[str, Any]) -> bool:
    """Keep the JSON of a `.dfm`; false where no table has its prefix."""
    raise NotImplementedError


def unregistered(db: Database, found: Iterable[Found]) -> list[Found]:
    """Those that are neither loads nor descriptions yet."""
    raise NotImplementedError


def first_told(db: Database, subject: str) -> bool:
    """Whether nobody was told of this subject yet. Followed by `told` once somebody was."""
    raise NotImplementedError


def told(db: Database, subject: str) -> None:
    """Record that somebody was told of this subject."""
    raise NotImplementedError
