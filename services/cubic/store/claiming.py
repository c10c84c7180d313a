"""Loads are claimed for a batch of their table, which one run of the Glue job ingests."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from cubic.loads import Batch, Load
from cubic.store import describing

if TYPE_CHECKING:
    from datetime import datetime

    from cubic.store.database import Cursor, Database, Row

LEASE = timedelta(
    minutes=15
)  # the longest that a function runs: https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
MOST_FILES = 50
MOST_BYTES = 512 * 1024**2
_LOOKED_AT = 4 * MOST_FILES  # versions of one file go into different batches, so that some are passed over


def claim(db: Database, table: str, now: datetime) -> Batch | None:
    """Claim loads of a table, oldest first; None where there are none, a batch is open, or the table is paused.

    An open batch without a run, whose claimer is gone, is given out again as it is. A claimer that finds another at the
    table's row leaves the table to it.
    """
    with db.transaction() as cursor:
        # Not FOR UPDATE, which waits for each load that is being registered: its foreign key locks the row too.
        cursor.execute(
            "SELECT id FROM cubic_tables WHERE name = %s AND is_active AND paused_because IS NULL "
            "FOR NO KEY UPDATE SKIP LOCKED",
            (table,),
        )
        if (row := cursor.fetchone()) is None:
            return None
        cursor.execute("SELECT * FROM cubic_batches WHERE table_id = %s AND ended_at IS NULL", (row["id"],))
        if (batch := cursor.fetchone()) is not None:
            return _resume(cursor, table, batch, now)
        chosen = _choose(_ready(cursor, row["id"]))
        if not chosen:
            return None
        batch_id = uuid4()
        cursor.execute(
            "INSERT INTO cubic_batches (id, table_id, started_at, claimed_until) VALUES (%s, %s, %s, %s)",
            (batch_id, row["id"], now, now + LEASE),
        )
        # A load that was claimed before keeps its folder: a run that died may have made its partition there.
        cursor.execute(
            "UPDATE cubic_loads SET status = 'ingesting', batch_id = %s, raw_snapshot = coalesce(raw_snapshot, "
            "(SELECT snapshot FROM cubic_load_ods_snapshots WHERE load_id = id)) WHERE id = ANY(%s)",
            (batch_id, chosen),
        )
        return _batch(cursor, table, batch_id, None)


def started(db: Database, batch: UUID, job_run_id: str) -> None:
    """Record the run of a batch; the first that is recorded stays."""
    with db.transaction() as cursor:
        cursor.execute(
            "UPDATE cubic_batches SET job_run_id = %s WHERE id = %s AND job_run_id IS NULL",
            (job_run_id, batch),
        )


def release(db: Database, batch: UUID) -> None:
    """Give the loads of a batch back that gets no run. The attempt does not count, the batch is forgotten.

    A batch that has a run, or has ended, stays as it is.
    """
    with db.transaction() as cursor:
        cursor.execute(
            "SELECT FROM cubic_batches WHERE id = %s AND job_run_id IS NULL AND ended_at IS NULL FOR UPDATE",
            (batch,),
        )
        if cursor.fetchone() is None:
            return
        cursor.execute("UPDATE cubic_loads SET status = 'ready', batch_id = NULL WHERE batch_id = %s", (batch,))
        cursor.execute("DELETE FROM cubic_batches WHERE id = %s", (batch,))


def open_batch(db: Database, batch: UUID) -> Batch | None:
    """A batch that has not ended; None where there is none."""
    with db.transaction() as cursor:
        cursor.execute(
            "SELECT name, job_run_id FROM cubic_batches b JOIN cubic_tables t ON t.id = table_id "
            "WHERE b.id = %s AND ended_at IS NULL",
            (batch,),
        )
        row = cursor.fetchone()
        return _batch(cursor, row["name"], batch, row["job_run_id"]) if row else None


def _resume(cursor: Cursor, table: str, batch: Row, now: datetime) -> Batch | None:
    if batch["job_run_id"] is not None or batch["claimed_until"] > now:
        return None
    cursor.execute("UPDATE cubic_batches SET claimed_until = %s WHERE id = %s", (now + LEASE, batch["id"]))
    return _batch(cursor, table, batch["id"], None)


def _ready(cursor: Cursor, table_id: int) -> list[Row]:
    """The loads that nobody else is about to change, oldest first."""
    cursor.execute(
        "SELECT id, s3_key, s3_size, attempts FROM cubic_claimable_loads WHERE table_id = %s "
        "ORDER BY s3_modified, id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED",
        (table_id, _LOOKED_AT),
    )
    return cursor.fetchall()


def _choose(ready: list[Row]) -> list[int]:
    """The first whatever its size, and more while they fit. One that was in a dead run goes alone.

    A file's newer version waits for the next batch: in one they would write one partition at the same time.
    """
    if not ready:
        return []
    first, *more = ready
    chosen, bytes_, taken = [first["id"]], first["s3_size"], {first["s3_key"]}
    if first["attempts"]:
        return chosen
    for load in more:
        if load["attempts"] or load["s3_key"] in taken:
            taken.add(load["s3_key"])
            continue
        if len(chosen) == MOST_FILES or bytes_ + load["s3_size"] > MOST_BYTES:
            break
        chosen.append(load["id"])
        taken.add(load["s3_key"])
        bytes_ += load["s3_size"]
    return chosen


def _batch(cursor: Cursor, table: str, batch: UUID, job_run_id: str | None) -> Batch:
    cursor.execute("SELECT * FROM cubic_loads WHERE batch_id = %s ORDER BY s3_modified, id", (batch,))
    rows = cursor.fetchall()
    descriptions = describing.of_loads(cursor, rows)
    loads = tuple(
        Load(
            row["id"],
            row["s3_key"],
            row["s3_version"],
            row["s3_modified"],
            row["s3_size"],
            snapshot=row["raw_snapshot"],
            description=next((one["document"] for one in descriptions.get(row["id"], ())), None),
        )
        for row in rows
    )
    return Batch(batch, table, loads, job_run_id)
