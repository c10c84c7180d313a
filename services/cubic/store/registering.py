"""Loads come into being here, and get the snapshot that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from cubic import keys
from cubic.errors import UnknownFile
from cubic.keys import DataFile, Description
from cubic.loads import LoadStatus, Reason, ReasonCode
from cubic.store import assigning

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from cubic.loads import Found
    from cubic.store.database import Cursor, Database, Row

_EMPTY = Reason(ReasonCode.EMPTY_FILE, "The file has 0 bytes; have it written again under the same name.")


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

    An empty file is refused at once. A file that begins a snapshot reassigns the loads of its table. Once more, it finds
    the load by key, time and version and changes nothing.
    """
    file = keys.data_file(found.s3_key)
    with db.transaction() as cursor:
        table = _table(cursor, file)
        if table is None:
            return None
        assigning.lock(cursor, table["id"])
        new = _insert(cursor, table["id"], found, now)
        if new:
            assigning.assign(cursor, table["id"], found.s3_key)
        cursor.execute(
            "SELECT id, status, snapshot FROM cubic_loads LEFT JOIN cubic_load_ods_snapshots ON load_id = id "
            "WHERE s3_key = %s AND s3_modified = %s AND s3_version = %s",
            (found.s3_key, found.s3_modified, found.s3_version),
        )
        [load] = cursor.fetchall()
        status = LoadStatus(load["status"])
        waiting = file.is_ods and status is LoadStatus.READY and load["snapshot"] is None
        return Registration(load["id"], table["name"], status, new, waiting)


def describe(db: Database, found: Found, document: dict[str, Any]) -> bool:
    """Keep the JSON of a `.dfm`; false where no table has its prefix. Once more, it changes nothing."""
    description = keys.parse(found.s3_key)
    if not isinstance(description, Description):
        raise UnknownFile(f"{found.s3_key!r} is not the key of a .dfm. Only descriptions are kept as such.")
    with db.transaction() as cursor:
        table = _table(cursor, description)
        if table is None:
            return False
        cursor.execute(
            "INSERT INTO cubic_descriptions (table_id, s3_key, s3_version, s3_modified, document) "
            "VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (table["id"], found.s3_key, found.s3_version, found.s3_modified, Jsonb(document)),
        )
        return True


def unregistered(db: Database, found: Iterable[Found]) -> list[Found]:
    """The versions that are neither loads nor descriptions yet, in their order."""
    by_identity = {(one.s3_key, one.s3_modified, one.s3_version): one for one in found}
    with db.transaction() as cursor:
        cursor.execute(
            "SELECT s3_key, s3_modified, s3_version FROM unnest(%s::text[], %s::timestamptz[], %s::text[]) "
            "AS found (s3_key, s3_modified, s3_version) JOIN (SELECT s3_key, s3_modified, s3_version FROM cubic_loads "
            "UNION ALL SELECT s3_key, s3_modified, s3_version FROM cubic_descriptions) AS known "
            "USING (s3_key, s3_modified, s3_version)",
            tuple(map(list, zip(*by_identity, strict=True))) or ([], [], []),
        )
        for row in cursor:
            del by_identity[row["s3_key"], row["s3_modified"], row["s3_version"]]
    return list(by_identity.values())


def first_told(db: Database, subject: str, *, again_after: timedelta | None = None) -> bool:
    """Whether nobody was told of this subject yet, or not for so long. Call `told` once somebody was: a crash in between
    tells twice.
    """
    with db.transaction() as cursor:
        cursor.execute(
            "SELECT FROM cubic_told WHERE subject = %s AND (now() < told_at + %s::interval) IS NOT FALSE",
            (subject, again_after),
        )
        return cursor.fetchone() is None


def told(db: Database, subject: str) -> None:
    """Record that somebody was told of this subject."""
    with db.transaction() as cursor:
        cursor.execute(
            "INSERT INTO cubic_told (subject) VALUES (%s) ON CONFLICT (subject) DO UPDATE SET told_at = now()", (subject,)
        )


def _table(cursor: Cursor, file: DataFile | Description) -> Row | None:
    cursor.execute("SELECT id, name FROM cubic_tables WHERE s3_prefix = %s", (file.table_prefix,))
    return cursor.fetchone()


def _insert(cursor: Cursor, table_id: int, found: Found, now: datetime) -> bool:
    empty = found.s3_size == 0
    cursor.execute(
        "INSERT INTO cubic_loads "
        "(table_id, status, s3_key, s3_modified, s3_size, s3_version, s3_etag, registered_at, reason) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (s3_key, s3_modified, s3_version) DO NOTHING",
        (
            table_id,
            LoadStatus.READY_FOR_ERRORING if empty else LoadStatus.READY,
            found.s3_key,
            found.s3_modified,
            found.s3_size,
            found.s3_version,
            found.etag,
            now,
            str(_EMPTY) if empty else None,
        ),
    )
    return cursor.rowcount == 1
