"""A look at all that lost, doubled or late messages have left undone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from cubic.loads import Reason, ReasonCode
from cubic.snapshots import SETTLES_AFTER
from cubic.store import assigning, describing, settling

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from cubic.store.database import Database

WAITS = timedelta(hours=24)  # for a snapshot to begin

_WAITED = (
    "For {waits} no snapshot has begun that the file belongs to, or a newer version of it was in its place; "
    "have its table loaded anew, or put the first file of the full load, then this one, into Incoming again."
)


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A load that has waited in vain."""

    load_id: int
    table: str
    s3_key: str


@dataclass(frozen=True, slots=True)
class Undone:
    """Tables to claim from, batches to look at, loads to move."""

    start: tuple[str, ...]
    finish: tuple[UUID, ...]
    move: tuple[int, ...]


def give_up_waiting(db: Database, now: datetime, waits: timedelta = WAITS) -> list[GivenUp]:
    """Refuse the loads that have waited too long, since they were registered, for their place in a snapshot.

    A transaction for each table. A version that is refused makes room for the others of its file, as at the end of a batch.
    """
    reason, since = Reason(ReasonCode.NO_SNAPSHOT, _WAITED.format(waits=_words(waits))), now - waits
    with db.transaction() as cursor:
        cursor.execute("SELECT DISTINCT table_id FROM cubic_waiting_loads WHERE registered_at <= %s", (since,))
        tables = sorted(row["table_id"] for row in cursor)
    given_up = []
    for table_id in tables:
        with db.transaction() as cursor:
            assigning.lock(cursor, table_id)
            cursor.execute(
                "UPDATE cubic_loads l SET status = 'ready_for_erroring', reason = %s FROM cubic_tables t WHERE t.id = %s "
                "AND l.id IN (SELECT id FROM cubic_waiting_loads w WHERE w.table_id = t.id AND registered_at <= %s) "
                "RETURNING l.id, t.name, l.s3_key",
                (str(reason), table_id, since),
            )
            refused = [GivenUp(row["id"], row["name"], row["s3_key"]) for row in cursor]
            for key in sorted({load.s3_key for load in refused}):
                assigning.assign(cursor, table_id, key)
        given_up += refused
    return given_up


def _words(waits: timedelta) -> str:
    seconds = waits.total_seconds()
    return f"{seconds / 3600:g} hours" if seconds >= 3600 else f"{seconds:.0f} seconds"


def undone(db: Database, now: datetime) -> Undone:
    """Find what is to be done. Some of it may be on its way, so that it is done twice, which changes nothing."""
    with db.transaction() as cursor:
        cursor.execute(
            "SELECT name FROM cubic_tables t LEFT JOIN cubic_batches b ON b.table_id = t.id AND b.ended_at IS NULL "
            "WHERE t.is_active AND t.paused_because IS NULL AND CASE WHEN b.id IS NULL "
            "THEN EXISTS (SELECT FROM cubic_claimable_loads l WHERE l.table_id = t.id) "
            "ELSE b.job_run_id IS NULL AND b.claimed_until <= %s END ORDER BY name",
            (now,),
        )
        start = tuple(row["name"] for row in cursor)
        cursor.execute("SELECT id FROM cubic_batches WHERE ended_at IS NULL AND job_run_id IS NOT NULL ORDER BY started_at")
        finish = tuple(row["id"] for row in cursor)
        cursor.execute(
            "SELECT id FROM cubic_loads "
            "WHERE status IN ('ready_for_archiving', 'ready_for_erroring', 'archiving', 'erroring') "
            "UNION SELECT id FROM cubic_misfiled_loads"
        )
        move = {row["id"] for row in cursor}
        return Undone(start, finish, move=tuple(sorted(move | describing.left_over(cursor))))


def settle(db: Database, now: datetime, after: timedelta = SETTLES_AFTER) -> list[str]:
    """Settle the snapshots that are whole, a transaction for each table. Returns the tables whose latest settled snapshot
    is another now, by name.
    """
    with db.transaction() as cursor:
        cursor.execute("SELECT DISTINCT table_id FROM cubic_table_ods_snapshots WHERE settled_at IS NULL ORDER BY table_id")
        tables = [row["table_id"] for row in cursor]
    settled = []
    for table_id in tables:
        with db.transaction() as cursor:
            assigning.lock(cursor, table_id)
            settled += settling.settle(cursor, now, table_id, after)
    return sorted(settled)


def current(db: Database, table: str) -> datetime | None:
    """The latest settled snapshot of a table; the newest while none is settled, None while there is none."""
    return currents(db).get(table)


def currents(db: Database) -> dict[str, datetime]:
    """The same of all tables that have snapshots, by name."""
    with db.transaction() as cursor:
        cursor.execute(
            "SELECT name, coalesce(max(snapshot) FILTER (WHERE settled_at IS NOT NULL), max(snapshot)) AS snapshot "
            "FROM cubic_table_ods_snapshots JOIN cubic_tables ON id = table_id GROUP BY name"
        )
        return {row["name"]: row["snapshot"] for row in cursor}
