"""Loads are claimed for a batch of their table, which one run of the Glue job ingests."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from cubic.loads import Batch
    from cubic.store.database import Database

LEASE = timedelta(minutes=15)  # the longest that a function runs
MOST_FILES = 50
MOST_BYTES = 512 * 1024**2


def claim(db: Database, table: str, now: datetime) -> Batch | None:
    """Claim loads of a table, oldest first; None where there are none, a batch is open, or the table is paused.

    An open batch without a run, whose claimer is gone, is given out again as it is.
    """
    raise NotImplementedError


def started(db: Database, batch: UUID, job_run_id: str) -> None:
    """Record the run of a batch."""
    raise NotImplementedError


def release(db: Database, batch: UUID) -> None:
    """Give the loads of a batch back, as no run can be started now. The attempt does not count."""
    raise NotImplementedError


def open_batch(db: Database, batch: UUID) -> Batch | None:
    """A batch that has not ended; None where there is none."""
    raise NotImplementedError
