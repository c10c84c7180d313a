from __future__ import annotations

import threading
from uuid import uuid4

import pytest

from cubic.errors import UnknownTable
from cubic.loads import Ingested
from cubic.store import claiming, finishing, rebuilding, sweeping
from cubic.store.database import Database
from local.emulator.postgres_server import PostgresServer
from tests.cubic import NAME, PREFIX, START, after, configure, database_of, register, status

LEASE = claiming.LEASE.total_seconds()


def test_it_is_the_one_open_batch_of_its_table(database: Database) -> None:
    configure(database)
    configure(database, other := "cubic/dmap/agg_sample/")
    load = register(database, f"{PREFIX}LOAD001.csv")
    register(database, f"{other}1.csv")
    ours = uuid4()
    assert [rebuilding.begin(database, NAME, ours, START) for _ in range(2)] == [ours, ours]
    assert rebuilding.begin(database, NAME, uuid4(), START) is None
    assert claiming.claim(database, NAME, START) is None
    assert claiming.claim(database, "cubic__dmap__agg_sample", START) is not None
    rebuilding.end(database, ours, START)
    assert claiming.claim(database, NAME, START) is not None
    assert status(database, load) == "ingesting"


def test_it_waits_for_the_batch_that_is_open(database: Database) -> None:
    configure(database)
    register(database, f"{PREFIX}LOAD001.csv")
    batch = claiming.claim(database, NAME, START)
    assert batch is not None
    assert rebuilding.begin(database, NAME, uuid4(), after(2 * LEASE)) is None
    finishing.finish(database, batch.id, {load.load_id: Ingested(1) for load in batch.loads}, START)
    assert rebuilding.begin(database, NAME, ours := uuid4(), START) == ours


def test_no_other_batch_can_be_ended_as_a_rebuild(database: Database) -> None:
    configure(database)
    load = register(database, f"{PREFIX}LOAD001.csv")
    batch = claiming.claim(database, NAME, START)
    assert batch is not None
    rebuilding.end(database, batch.id, START)
    rebuilding.end(database, uuid4(), START)
    assert status(database, load) == "ingesting"


def test_one_that_lost_its_operator_is_given_out_once_its_lease_is_over(database: Database) -> None:
    configure(database)
    assert rebuilding.begin(database, NAME, lost := uuid4(), START) == lost
    assert rebuilding.begin(database, NAME, uuid4(), after(LEASE - 1)) is None
    assert rebuilding.begin(database, NAME, uuid4(), after(LEASE)) == lost
    assert rebuilding.begin(database, NAME, uuid4(), after(LEASE)) is None
    assert sweeping.undone(database, after(LEASE)).start == ()
    assert sweeping.undone(database, after(2 * LEASE)).start == (NAME,)


def test_one_that_has_a_run_is_looked_at_like_any_batch_and_ends_for_good(database: Database) -> None:
    configure(database)
    rebuilding.begin(database, NAME, ours := uuid4(), START)
    claiming.started(database, ours, "jr_1")
    assert rebuilding.begin(database, NAME, uuid4(), after(LEASE)) is None
    assert sweeping.undone(database, START).finish == (ours,)
    finishing.finish(database, ours, None, START)
    rebuilding.end(database, ours, after(1))
    assert rebuilding.begin(database, NAME, ours, after(2)) is None
    assert rebuilding.begin(database, NAME, next_ := uuid4(), after(2)) == next_


def test_of_many_at_once_one_begins(database: Database, postgres: PostgresServer) -> None:
    configure(database)
    register(database, f"{PREFIX}LOAD001.csv")
    begun: list[object] = []
    together = threading.Barrier(6)

    def begin(number: int) -> None:
        db = database_of(postgres)
        together.wait(30)
        if number % 2:
            begun.append(rebuilding.begin(db, NAME, uuid4(), START))
        else:
            begun.append(claiming.claim(db, NAME, START))
        db.close()

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(begun) == 6
    assert len([one for one in begun if one is not None]) == 1


def test_a_table_that_is_not_configured_is_told(database: Database) -> None:
    with pytest.raises(UnknownTable, match="'x'"):
        rebuilding.begin(database, "x", uuid4(), START)
