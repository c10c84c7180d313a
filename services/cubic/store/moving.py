"""A load's file goes to the archive or the error bucket, and goes elsewhere once its snapshot changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from cubic.store.database import Database


class Outcome(StrEnum):
    """The bucket that a file goes to."""

    ARCHIVE = "archive"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an object."""

    key: str
    version: str


@dataclass(frozen=True, slots=True)
class Move:
    """The move of one file.

    `source` is its version in Incoming, `kept_key` where it goes in the bucket of the outcome, `kept` where it is there
    already: at the same key after a crash, or at another where the snapshot has changed since (`refile`).
    `descriptions` are the `.dfm` that belong to the file. `raw_snapshot` is the one under which its partition is; where it
    differs from `snapshot` the partition moves too.
    """

    load: int
    table: str
    outcome: Outcome
    source: Version
    s3_modified: datetime
    s3_size: int
    s3_etag: str
    kept_key: str
    kept: Version | None
    descriptions: tuple[Version, ...]
    snapshot: datetime | None
    raw_snapshot: datetime | None
    refile: bool


def begin(db: Database, load: int) -> Move | None:
    """Begin, or go on with, the move of a load; None where its file is where it belongs, or it is not to move yet."""
    raise NotImplementedError


def kept(db: Database, move: Move, version: str) -> None:
    """Record that the file is at `move.kept_key` too, in this version: the source may be deleted now."""
    raise NotImplementedError


def ended(db: Database, move: Move, now: datetime) -> str | None:
    """End the move. Returns the table's name where its latest settled snapshot is another now."""
    raise NotImplementedError


def refiled(db: Database, move: Move, version: str) -> None:
    """Record that partition and file of an archived load are where `move` says; what was elsewhere may be deleted now."""
    raise NotImplementedError
