"""Runs that end anywhere: each record is in one file all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import pytest

from cubic.kafka import draft
from cubic.store.database import Cursor, Database
from tests.cubic import configure, register
from tests.integration.services.cubic.kafka.case import FIRST, SECOND, Case, Killed, Killer


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft, "FILE_RECORDS", 10)


def busy(database: Database, name: str = "sample") -> Case:
    """Records for three files, one of which is refused; a split and a merge."""
    case = Case(database, name=name)
    case.put(12)
    children = case.kinesis.split(FIRST)
    case.send("k3", b"no")
    case.put(8)
    case.kinesis.merge(children[1], SECOND)
    case.put(8)
    case.wait(minutes=61)
    return case


def moments(database: Database) -> int:
    killer = Killer()
    busy(database, "counted").poll(killer)
    return killer.seen


def test_case_15_killed_after_the_put_and_before_the_checkpoint_each_record_is_there_once(database: Database) -> None:
    case = Case(database)
    case.put(10)
    killer = Killer()
    case.s3.before["put_object"] = lambda _: setattr(killer, "at", killer.seen + 1)
    assert not case.poll(killer)
    assert case.sizes == [10]
    with database.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM cubic_kafka_shards WHERE checkpoint IS NOT NULL")
        assert cursor.fetchone() == {"count": 0}
    case.s3.before.clear()
    case.put(10)
    case.poll()
    assert case.sizes == [10, 10]
    case.judge()


def test_case_15_killed_before_and_after_every_call_each_record_is_there_once(database: Database) -> None:
    total = moments(database)
    assert total > 40
    for at in range(1, total + 1):
        case = busy(database, f"killed-at-{at}")
        assert not case.poll(Killer(at))
        case.put(3)
        case.wait(minutes=61)
        case.poll()
        case.judge()
        assert set(case.errors) == {"RecordsRefused"}, at


def test_a_file_that_was_put_and_has_left_incoming_as_a_load_is_not_written_again(database: Database) -> None:
    case = Case(database)
    case.put(10)
    killer = Killer()
    case.s3.before["put_object"] = lambda _: setattr(killer, "at", killer.seen + 1)
    case.poll(killer)
    [key] = case.s3.keys("incoming")
    configure(database, "cubic/kafka/sample/")
    register(database, key)
    case.s3.buckets["incoming"].clear()
    case.s3.before.clear()
    case.poll()
    case.wait(minutes=61)
    case.poll()
    assert case.sizes == []


def test_a_file_that_there_is_no_time_to_read_again_is_left_to_the_next_run(database: Database) -> None:
    case = Case(database)
    case.put(10)
    killer = Killer()
    case.s3.before["put_object"] = lambda _: _die()
    assert not case.poll(killer)
    case.s3.before.clear()
    case.kinesis.page = 2
    case.kinesis.before["get_records"] = lambda _: case.clock.sleep(20)
    case.poll(seconds=110)
    assert case.sizes == []
    case.poll(seconds=300)
    assert case.sizes == [10]
    case.judge()


def test_a_run_that_finds_anothers_file_in_place_of_its_own_reads_that_one(
    database: Database, another_database: Database
) -> None:
    case = Case(database)
    case.put(25)

    def another_run() -> None:
        """Writes the file that the first run has recorded, records the next one, and dies."""
        case.database = another_database
        killer = Killer()
        puts = count()
        case.s3.before["put_object"] = lambda _: next(puts) and _die()
        assert not case.poll(killer)
        case.s3.before.clear()

    case.database = _Then(database, another_run)
    case.poll()
    assert case.sizes == [10, 10]
    case.wait(minutes=61)
    case.poll()
    case.judge()


@dataclass
class _Then:
    """A database after whose first transaction something happens."""

    of: Database
    do: Callable[[], None] | None

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        with self.of.transaction() as cursor:
            yield cursor
        do, self.do = self.do, None
        if do:
            do()


def _die() -> None:
    raise Killed
