"""A rebuild of partitions from the archive: a batch of its table, whose loads stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cubic.errors import UnknownTable
from cubic.store import assigning, claiming, finishing

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from cubic.store.database import Database


def begin(db: Database, table: str, batch: UUID, now: datetime) -> UUID | None:
    """Open this batch; None where another is open, which has to end first. Raises UnknownTable.

    As long as it is open, nothing else writes the partitions of its loads: no batch of the table is claimed, and no load
    moves to another snapshot (moving.begin). To ask again renews the lease. An earlier rebuild that lost whoever ran it is
    given out in place of this one: a run of it may be on its way.
    """
    with db.transaction() as cursor:
        cursor.execute("SELECT id FROM cubic_tables WHERE name = %s", (table,))
        if (row := cursor.fetchone()) is None:
            raise UnknownTable(f"No table {table!r} is configured. Configure it, or correct the name.")
        assigning.lock(cursor, row["id"])
        # As a claim does, which leaves the table to whoever has its row.
        cursor.execute("SELECT FROM cubic_tables WHERE id = %s FOR NO KEY UPDATE", (row["id"],))
        cursor.execute(
            "INSERT INTO cubic_batches (id, table_id, started_at, claimed_until, is_rebuild) VALUES (%s, %s, %s, %s, true) "
            "ON CONFLICT DO NOTHING",
            (batch, row["id"], now, now + claiming.LEASE),
        )
        cursor.execute(
            "UPDATE cubic_batches SET claimed_until = %s WHERE table_id = %s AND is_rebuild AND ended_at IS NULL "
            "AND job_run_id IS NULL AND (id = %s OR claimed_until <= %s) RETURNING id",
            (now + claiming.LEASE, row["id"], batch, now),
        )
        given = cursor.fetchone()
        return given["id"] if given else None


def end(db: Database, batch: UUID, now: datetime) -> None:
    """End a rebuild whose run has ended, or forget one that has no run. One that has ended stays as it is.

    The table's next batch is claimed when the next message or sweep rings for it.
    """
    with db.transaction() as cursor:
        cursor.execute("SELECT FROM cubic_batches WHERE id = %s AND is_rebuild", (batch,))
        if cursor.fetchone() is None:
            return
    claiming.release(db, batch)
    finishing.finish(db, batch, {}, now)
