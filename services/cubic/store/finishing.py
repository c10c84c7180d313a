"""A batch ends here: each of its loads by its own outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cubic.loads import Ingested, Reason, ReasonCode, Refused
from cubic.store import assigning

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from cubic.store.database import Cursor, Database, Row

MOST_DEATHS = 3
MOST_REFUSALS = 5

_DEAD = Reason(
    ReasonCode.DEAD_RUNS,
    f"{MOST_DEATHS} runs of the job died while they had the file, the last with no other; read the log of the last run.",
)


@dataclass(frozen=True, slots=True)
class Finished:
    """The things to do now. `more`: the table has loads to claim.

    `move`: the loads of the batch whose files are to be moved; all such loads of the table where the batch had ended before.
    `paused`: why this batch has paused the table, null where it has not.
    """

    table: str
    move: tuple[int, ...]
    more: bool
    paused: str | None


def finish(db: Database, batch: UUID, outcomes: Mapping[int, Ingested | Refused], now: datetime) -> Finished | None:
    """End a batch; None where there is no such batch. One that has ended stays as it is, and says again what is to do.

    A load that `outcomes` leaves out was lost with its run. It is ready again, and after three deaths is refused.
    """
    with db.transaction() as cursor:
        cursor.execute("SELECT table_id FROM cubic_batches WHERE id = %s", (batch,))
        if (found := cursor.fetchone()) is None:
            return None
        table_id = found["table_id"]
        assigning.lock(cursor, table_id)
        cursor.execute("SELECT * FROM cubic_tables WHERE id = %s FOR NO KEY UPDATE", (table_id,))
        [table] = cursor.fetchall()
        cursor.execute(
            "UPDATE cubic_batches SET ended_at = %s WHERE id = %s AND ended_at IS NULL",
            (now, batch),
        )
        own, paused = _end_loads(cursor, table, batch, outcomes)  # no load is left of a batch that has ended
        cursor.execute(
            "SELECT id FROM cubic_loads WHERE table_id = %s AND status IN ('ready_for_archiving', 'ready_for_erroring') "
            "AND (id = ANY(%s) OR %s) ORDER BY s3_modified, id",
            (table_id, own, not own),
        )
        move = tuple(row["id"] for row in cursor)
        return Finished(table["name"], move, _more(cursor, table_id), paused)


def _end_loads(
    cursor: Cursor, table: Row, batch: UUID, outcomes: Mapping[int, Ingested | Refused]
) -> tuple[list[int], str | None]:
    """Give each load its outcome. Returns the loads, and why the table is paused by that."""
    cursor.execute("SELECT * FROM cubic_loads WHERE batch_id = %s ORDER BY s3_modified, id", (batch,))
    loads = cursor.fetchall()
    row_of_refusals = _InARow(table["refusals"], table["refused_for"])
    refused_keys = set()
    for load in loads:
        outcome = outcomes.get(load["id"])
        attempts = load["attempts"] + (outcome is None)
        if attempts >= MOST_DEATHS and outcome is None:
            outcome = Refused(_DEAD)
        status, rows, reason = _outcome(outcome)
        cursor.execute(
            "UPDATE cubic_loads SET status = %s, batch_id = NULL, attempts = %s, rows = %s, reason = %s WHERE id = %s",
            (status, attempts, rows, reason, load["id"]),
        )
        row_of_refusals.count(outcome)
        if isinstance(outcome, Refused):
            refused_keys.add(load["s3_key"])
    for key in sorted(refused_keys):  # a version that is refused makes room for the next of its file
        assigning.assign(cursor, table["id"], key)
    cursor.execute(
        "UPDATE cubic_tables SET refusals = %s, refused_for = %s, paused_because = coalesce(paused_because, %s) "
        "WHERE id = %s",
        (row_of_refusals.refusals, row_of_refusals.code, row_of_refusals.paused, table["id"]),
    )
    return [load["id"] for load in loads], row_of_refusals.paused


def _outcome(outcome: Ingested | Refused | None) -> tuple[str, int | None, str | None]:
    match outcome:
        case Ingested(rows=rows):
            return "ready_for_archiving", rows, None
        case Refused(reason=reason):
            return "ready_for_erroring", None, str(reason)
        case None:
            return "ready", None, None


@dataclass(slots=True)
class _InARow:
    """How many loads of a table in a row were refused with one code."""

    refusals: int
    code: str | None
    paused: str | None = None

    def count(self, outcome: Ingested | Refused | None) -> None:
        match outcome:
            case Ingested():
                self.refusals, self.code = 0, None
            case Refused(reason=reason):
                self.refusals = self.refusals + 1 if reason.code == self.code else 1
                self.code = reason.code
                if self.refusals >= MOST_REFUSALS and self.paused is None:
                    self.paused = f"{self.refusals} loads in a row were refused, the last for {reason}"


def _more(cursor: Cursor, table_id: int) -> bool:
    cursor.execute(
        "SELECT FROM cubic_tables WHERE id = %s AND is_active AND paused_because IS NULL "
        "AND EXISTS (SELECT FROM cubic_claimable_loads l WHERE l.table_id = cubic_tables.id)",
        (table_id,),
    )
    return cursor.fetchone() is not None
