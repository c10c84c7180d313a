"""The snapshots of a table, and the loads' places in them, as rows. Parts of other modules' transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cubic import keys, snapshots
from cubic.loads import LoadStatus
from cubic.snapshots import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from cubic.store.database import Cursor, Row

# The class of this database's advisory locks that is taken per table.
_LOCK = 33

_VERSIONS = "SELECT id, s3_key, s3_modified, s3_version, status FROM cubic_loads"
_REFUSED = frozenset({LoadStatus.READY_FOR_ERRORING, LoadStatus.ERRORING, LoadStatus.ERRORED})


def lock(cursor: Cursor, table_id: int) -> None:
    """Let one transaction at a time change where the files of a table belong. Taken before any lock of a row.

    Not a lock of the table's row: a claim skips a table whose row is locked, and nothing would ring for it again.
    """
    cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", (_LOCK, table_id))


def assign(cursor: Cursor, table_id: int, s3_key: str) -> None:
    """Give the versions of a key their snapshots, and all others theirs where the key begins snapshots."""
    file = keys.data_file(s3_key)
    if file.begins_snapshot:
        _assign_all(cursor, table_id, file.table_prefix)
    elif file.is_ods:
        _assign_key(cursor, table_id, s3_key)


def _assign_all(cursor: Cursor, table_id: int, s3_prefix: str) -> None:
    """A snapshot that is not new, but has moved or lost files of its full load, has to settle again.

    Changes are looked at from the first snapshot on that comes, goes or moves: a table has many of them.
    """
    cursor.execute(
        f"{_VERSIONS} WHERE table_id = %s AND starts_with(s3_key, %s)",
        (table_id, s3_prefix),
    )
    full = [_version(row) for row in cursor]
    begun = {version.load_id: (snapshot, version.file.key) for snapshot, version in snapshots.begun(full).items()}
    cursor.execute(
        "SELECT load_id, snapshot, snapshot_s3_key FROM cubic_table_ods_snapshots WHERE table_id = %s",
        (table_id,),
    )
    before = {row["load_id"]: (row["snapshot"], row["snapshot_s3_key"]) for row in cursor}
    gone, new = before.items() - begun.items(), begun.items() - before.items()
    cursor.execute("DELETE FROM cubic_table_ods_snapshots WHERE load_id = ANY(%s)", ([load for load, _ in gone],))
    cursor.executemany(
        "INSERT INTO cubic_table_ods_snapshots (table_id, snapshot, snapshot_s3_key, load_id) VALUES (%s, %s, %s, %s)",
        [(table_id, snapshot, key, load) for load, (snapshot, key) in new],
    )
    cursor.execute(
        f"{_VERSIONS} WHERE table_id = %s AND NOT starts_with(s3_key, %s) AND s3_modified >= %s",
        (table_id, s3_prefix, min((snapshot for _, (snapshot, _) in gone | new), default=None)),
    )
    changes = [_version(row) for row in cursor]
    left = _write(cursor, table_id, full + changes, snapshots.assign(full + changes))
    unsettled = [left[version.load_id] for version in full if version.load_id in left]
    cursor.execute(
        "UPDATE cubic_table_ods_snapshots SET settled_at = NULL WHERE table_id = %s AND snapshot = ANY(%s)",
        (table_id, unsettled),
    )


def _assign_key(cursor: Cursor, table_id: int, s3_key: str) -> None:
    cursor.execute(
        "SELECT snapshot FROM cubic_table_ods_snapshots WHERE table_id = %s ORDER BY snapshot",
        (table_id,),
    )
    begun = [row["snapshot"] for row in cursor]
    cursor.execute(f"{_VERSIONS} WHERE table_id = %s AND s3_key = %s", (table_id, s3_key))
    versions = sorted(map(_version, cursor), key=lambda version: version.order)
    _write(cursor, table_id, versions, snapshots.assign_versions(begun, versions))


def _version(row: Row) -> Version:
    file = keys.data_file(row["s3_key"])
    return Version(row["id"], file, row["s3_modified"], row["s3_version"], counts=row["status"] not in _REFUSED)


def _write(
    cursor: Cursor, table_id: int, versions: Iterable[Version], assigned: Mapping[int, datetime | None]
) -> dict[int, datetime]:
    """Write what has changed. Returns the loads that had another snapshot before, each with that one."""
    cursor.execute(
        "SELECT load_id, snapshot FROM cubic_load_ods_snapshots WHERE load_id = ANY(%s)",
        (list(assigned),),
    )
    before = {row["load_id"]: row["snapshot"] for row in cursor}
    changed = {load: snapshot for load, snapshot in assigned.items() if before.get(load) != snapshot}
    left = {load: before[load] for load in changed if load in before}
    cursor.execute("DELETE FROM cubic_load_ods_snapshots WHERE load_id = ANY(%s)", (list(left),))
    cursor.executemany(
        "INSERT INTO cubic_load_ods_snapshots (load_id, table_id, snapshot, is_ct) VALUES (%s, %s, %s, %s)",
        [
            (version.load_id, table_id, snapshot, version.file.is_ct)
            for version in versions
            if (snapshot := changed.get(version.load_id)) is not None
        ],
    )
    return left
