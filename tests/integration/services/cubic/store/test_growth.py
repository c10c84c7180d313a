"""The cost of a load is that of what is there, not of what ever was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from cubic.store import registering, sweeping
from cubic.store.database import Cursor, Database
from local.emulator.postgres_server import PostgresServer
from tests.cubic import CHANGES, PREFIX, add_history, after, configure, found, ingest, move, register

HISTORY = 20_000


@dataclass
class Counted:
    """Counts the rows that its transactions read."""

    of: Database
    rows: int = 0
    last: int = 0

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        with self.of.transaction() as cursor:
            yield cursor
            cursor.execute("SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) AS it FROM pg_stat_xact_user_tables")
            [row] = cursor.fetchall()
            # since the session last gave its figures to the server, which it does between transactions, at times
            self.rows += int(row["it"]) - (self.last if row["it"] >= self.last else 0)
            self.last = int(row["it"])


def test_a_restart_with_its_changes_reads_few_rows_beside_a_long_history(
    database: Database, postgres: PostgresServer
) -> None:
    configure(database)
    add_history(postgres, [PREFIX], HISTORY)
    counted = Counted(database)
    files = [f"{PREFIX}LOAD001.csv.gz", f"{PREFIX}LOAD002.csv.gz", f"{CHANGES}20220304-134606000.csv.gz"]
    for at, key in enumerate(files):
        register(counted, key, at)
    now = after(timedelta(hours=7).total_seconds())
    for load in ingest(counted, now):
        move(counted, load, now)
    assert registering.unregistered(counted, [found(key, at) for at, key in enumerate(files)]) == []
    assert sweeping.give_up_waiting(counted, now) == []
    assert sweeping.undone(counted, now) == sweeping.Undone((), (), ())
    sweeping.settle(counted, now)
    assert sweeping.current(counted, "cubic__ods_qlik__edw_sample") == after(0)
    assert counted.rows < HISTORY / 20  # some 300; where one query looks at all of it, more than 20,000
