"""A load's file goes to the archive or the error bucket, and goes elsewhere once its snapshot changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from cubic import keys, snapshots
from cubic.loads import LoadStatus
from cubic.snapshots import SETTLES_AFTER
from cubic.store import assigning, describing, settling

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from cubic.store.database import Cursor, Database, Row


class Outcome(StrEnum):
    """The bucket that a file goes to."""

    ARCHIVE = "archive"
    ERROR = "error"


_NEXT = {
    LoadStatus.READY_FOR_ARCHIVING: LoadStatus.ARCHIVING,
    LoadStatus.READY_FOR_ERRORING: LoadStatus.ERRORING,
    LoadStatus.ARCHIVING: LoadStatus.ARCHIVING,
    LoadStatus.ERRORING: LoadStatus.ERRORING,
}


_REFUSED = frozenset({LoadStatus.READY_FOR_ERRORING, LoadStatus.ERRORING, LoadStatus.ERRORED})


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
    differs from `snapshot` the partition moves too. `reason`: why the load was refused.
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
    reason: str | None


def begin(db: Database, load: int) -> Move | None:
    """Begin, or go on with, the move of a load; None where its file is where it belongs, or it is not to move yet.

    After the end of a move ask again: the snapshot may have changed since the load was ingested, or a description come.
    While its table is rebuilt, no load follows its snapshot: both would write its partition. The sweep asks again.
    """
    with db.transaction() as cursor:
        cursor.execute("SELECT table_id FROM cubic_loads WHERE id = %s", (load,))
        if (found := cursor.fetchone()) is None:
            return None
        assigning.lock(cursor, found["table_id"])
        row = _row(cursor, load)
        status = LoadStatus(row["status"])
        if row["misfiled"]:
            row["refile_key"] = row["refile_key"] if _fits(row, "refile_key") else _free_key(cursor, row)
        elif status in _NEXT:
            status = _NEXT[status]
            row["kept_key"] = row["kept_key"] or _free_key(cursor, row)
        elif status not in _ENDED or not _descriptions(cursor, row):
            return None
        cursor.execute(
            "UPDATE cubic_loads SET status = %s, kept_key = %s, refile_key = %s WHERE id = %s",
            (status, row["kept_key"], row["refile_key"], load),
        )
        return _move(cursor, row, _outcome(status))


def kept(db: Database, move: Move, version: str) -> None:
    """Record that the file is at `move.kept_key` too, in this version: the source may be deleted now."""
    with db.transaction() as cursor:
        cursor.execute(
            "UPDATE cubic_loads SET kept_version = %s WHERE id = %s AND kept_key = %s "
            "AND status IN ('archiving', 'erroring')",
            (version, move.load, move.kept_key),
        )


def ended(db: Database, move: Move, now: datetime, settles_after: timedelta = SETTLES_AFTER) -> str | None:
    """End the move, once neither source nor descriptions are left. Returns the table's name where its latest settled
    snapshot is another now; after a crash the sweep finds that.
    """
    before, after = _ENDS[move.outcome]
    with db.transaction() as cursor:
        cursor.execute("SELECT table_id FROM cubic_loads WHERE id = %s", (move.load,))
        [load] = cursor.fetchall()
        assigning.lock(cursor, load["table_id"])
        cursor.executemany(
            "UPDATE cubic_descriptions SET removed = true WHERE s3_key = %s AND s3_version = %s",
            [(one.key, one.version) for one in move.descriptions],
        )
        cursor.execute(
            "UPDATE cubic_loads SET status = %s WHERE id = %s AND status = %s",
            (after, move.load, before),
        )
        moved = cursor.rowcount
        _note_filed(cursor, move.load)
        return move.table if moved and settling.settle(cursor, now, load["table_id"], settles_after) else None


def refiled(db: Database, move: Move, version: str) -> None:
    """Record that partition and file of an archived load are where `move` says; what was elsewhere may be deleted now."""
    with db.transaction() as cursor:
        cursor.execute(
            "UPDATE cubic_loads SET raw_snapshot = %s, kept_key = refile_key, kept_version = %s, refile_key = NULL "
            "WHERE id = %s AND refile_key = %s",
            (move.snapshot, version, move.load, move.kept_key),
        )
        _note_filed(cursor, move.load)


_ENDS = {
    Outcome.ARCHIVE: (LoadStatus.ARCHIVING, LoadStatus.ARCHIVED),
    Outcome.ERROR: (LoadStatus.ERRORING, LoadStatus.ERRORED),
}
_ENDED = {LoadStatus.ARCHIVED, LoadStatus.ERRORED}


def _row(cursor: Cursor, load: int) -> Row:
    cursor.execute(
        "SELECT l.*, t.name, o.snapshot, EXISTS (SELECT FROM cubic_misfiled_loads m WHERE m.id = l.id) AND NOT EXISTS "
        "(SELECT FROM cubic_batches b WHERE b.table_id = t.id AND b.is_rebuild AND b.ended_at IS NULL) AS misfiled "
        "FROM cubic_loads l JOIN cubic_tables t ON t.id = l.table_id "
        "LEFT JOIN cubic_load_ods_snapshots o ON o.load_id = l.id WHERE l.id = %s FOR NO KEY UPDATE OF l",
        (load,),
    )
    [row] = cursor.fetchall()
    return row


def _note_filed(cursor: Cursor, load: int) -> None:
    """Take a load that is where it belongs from those that the sweep looks at. Another snapshot is another row."""
    cursor.execute(
        "UPDATE cubic_load_ods_snapshots SET filed = true "
        "WHERE load_id = %s AND NOT EXISTS (SELECT FROM cubic_misfiled_loads WHERE id = load_id)",
        (load,),
    )


def _outcome(status: LoadStatus) -> Outcome:
    return Outcome.ERROR if status in _REFUSED else Outcome.ARCHIVE


def _descriptions(cursor: Cursor, row: Row) -> list[Row]:
    """The load's descriptions that are still in Incoming."""
    return [one for one in describing.of_loads(cursor, [row]).get(row["id"], ()) if not one["removed"]]


def _move(cursor: Cursor, row: Row, outcome: Outcome) -> Move:
    refile = row["misfiled"]
    descriptions = _descriptions(cursor, row)
    return Move(
        row["id"],
        row["name"],
        outcome,
        Version(row["s3_key"], row["s3_version"]),
        row["s3_modified"],
        row["s3_size"],
        row["s3_etag"],
        kept_key=row["refile_key"] if refile else row["kept_key"],
        kept=Version(row["kept_key"], row["kept_version"]) if row["kept_version"] else None,
        descriptions=tuple(Version(one["s3_key"], one["s3_version"]) for one in descriptions),
        snapshot=row["snapshot"],
        raw_snapshot=row["raw_snapshot"],
        refile=refile,
        reason=row["reason"],
    )


def _folder(row: Row) -> str:
    directory = keys.data_file(row["s3_key"]).directory
    return f"{directory}snapshot={snapshots.text(row['snapshot'])}/" if row["snapshot"] else directory


# Each with the words of an index, which a table's history makes long. Only archived loads are refiled.
_TAKEN = {
    Outcome.ARCHIVE: "SELECT FROM cubic_loads WHERE kept_key = %(key)s AND id <> %(load)s "
    "AND status IN ('archiving', 'ready_for_archiving', 'archived') "
    "UNION ALL SELECT FROM cubic_loads WHERE refile_key = %(key)s AND id <> %(load)s",
    Outcome.ERROR: "SELECT FROM cubic_loads WHERE kept_key = %(key)s AND id <> %(load)s "
    "AND status IN ('erroring', 'ready_for_erroring', 'errored')",
}


def _fits(row: Row, column: str) -> bool:
    return row[column] is not None and row[column].startswith(_folder(row))


def _free_key(cursor: Cursor, row: Row) -> str:
    """The key that the file goes to: its own, or one with the load's number where another load has that.

    The lock of the table keeps two from taking one key; other tables have other folders.
    """
    folder, name = _folder(row), keys.data_file(row["s3_key"]).name
    taken = _TAKEN[_outcome(LoadStatus(row["status"]))]
    cursor.execute(taken, {"key": folder + name, "load": row["id"]})
    return folder + name if cursor.fetchone() is None else f"{folder}load={row['id']}/{name}"
