"""A snapshot is settled once its full load is whole. Part of other modules' transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cubic import keys, snapshots
from cubic.loads import LoadStatus

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from cubic.store.database import Cursor, Row

# Only those after the latest that is settled: an earlier one never counts again. Not EXISTS, for which the planner reads the
# whole table in the hope of a row near its start: the least one is at the start of the index.
_UNSETTLED = (
    "SELECT s.table_id, s.snapshot, t.name, (SELECT min(load_id) FROM cubic_load_ods_snapshots o "
    "WHERE o.table_id = s.table_id AND o.snapshot = s.snapshot AND o.is_ct) IS NOT NULL AS has_changes "
    "FROM cubic_table_ods_snapshots s JOIN cubic_tables t ON t.id = s.table_id WHERE s.settled_at IS NULL "
    "AND NOT EXISTS (SELECT FROM cubic_table_ods_snapshots later WHERE later.table_id = s.table_id "
    "AND later.snapshot > s.snapshot AND later.settled_at IS NOT NULL) AND s.table_id = %s"
)


def settle(cursor: Cursor, now: datetime, table_id: int, after: timedelta) -> list[str]:
    """Settle the snapshots of a table that are whole. Returns the table's name, if there is one.

    Under the table's lock, lest a load be given to a snapshot while that is judged.
    """
    cursor.execute(_UNSETTLED, (table_id,))
    settled = set()
    for snapshot in cursor.fetchall():
        if _whole(cursor, snapshot, now, after):
            cursor.execute(
                "UPDATE cubic_table_ods_snapshots SET settled_at = %s WHERE table_id = %s AND snapshot = %s",
                (now, snapshot["table_id"], snapshot["snapshot"]),
            )
            settled.add(snapshot["name"])
    return sorted(settled)


def _whole(cursor: Cursor, snapshot: Row, now: datetime, after: timedelta) -> bool:
    """Whether the numbers have no gap, all files are archived, and changes have come or the time `after` has passed.

    A file that is refused counts as archived once another version of it is. A first file that is put in again after it was
    refused begins a snapshot of its own, which is whole only once the other files of that full load are put in again too.
    """
    cursor.execute(
        "SELECT l.s3_key, l.status, l.s3_modified FROM cubic_load_ods_snapshots o JOIN cubic_loads l ON l.id = o.load_id "
        "WHERE o.table_id = %s AND o.snapshot = %s AND NOT o.is_ct",
        (snapshot["table_id"], snapshot["snapshot"]),
    )
    loads = cursor.fetchall()
    archived = {load["s3_key"] for load in loads if load["status"] == LoadStatus.ARCHIVED}
    if any(load["s3_key"] not in archived for load in loads):
        return False
    numbers = {number for key in archived if (number := keys.data_file(key).number)}
    if _refused_before(cursor, snapshot) - archived:
        return False
    quiet = all(load["s3_modified"] + after <= now for load in loads)
    return snapshots.gapless(numbers) and (snapshot["has_changes"] or quiet)


def _refused_before(cursor: Cursor, snapshot: Row) -> set[str]:
    """The files of the full loads just before this one whose first file was refused."""
    cursor.execute(
        "WITH begun AS (SELECT s.snapshot, b.reason FROM cubic_table_ods_snapshots s JOIN cubic_loads b ON b.id = s.load_id "
        "WHERE s.table_id = %(table)s AND s.snapshot < %(snapshot)s) "
        "SELECT l.s3_key FROM cubic_load_ods_snapshots o JOIN cubic_loads l ON l.id = o.load_id "
        "WHERE o.table_id = %(table)s AND o.snapshot IN (SELECT snapshot FROM begun WHERE snapshot > "
        "coalesce((SELECT max(snapshot) FROM begun WHERE reason IS NULL), '-infinity')) AND NOT o.is_ct",
        {"table": snapshot["table_id"], "snapshot": snapshot["snapshot"]},
    )
    return {row["s3_key"] for row in cursor}
