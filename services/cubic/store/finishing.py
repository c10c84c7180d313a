"""A batch ends here: each of its loads by its own outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from cubic.loads import Ingested, Refused
    from cubic.store.database import Database

MOST_DEATHS = 3
MOST_REFUSALS = 5


@dataclass(frozen=True, slots=True)
class Finished:
    """What is to do now. `move`: loads of the table whose files are to be moved; `more`: the table has loads to claim.

    `paused`: why this batch has paused the table, null where it has not.
    """

    table: str
    move: tuple[int, ...]
    more: bool
    paused: str | None


def finish(db: Database, batch: UUID, outcomes: Mapping[int, Ingested | Refused] | None, now: datetime) -> Finished | None:
    """End a batch; None where there is no such batch. One that has ended stays as it is, and says again what is to do.

    `outcomes` is null where the run died; a load that it leaves out was lost with it. Such loads are ready again, and
    after three deaths are refused.
    """
    raise NotImplementedError
