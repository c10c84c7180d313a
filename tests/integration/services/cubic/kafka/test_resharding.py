"""Streams whose shards are split and merged."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cubic.kafka import draft
from cubic.store.database import Database
from tests.cubic import empty
from tests.integration.services.cubic.kafka.case import FIRST, SECOND, Case, Killer


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft, "FILE_RECORDS", 10)


@pytest.mark.parametrize("polled", [False, True], ids=["before-the-first-poll", "between-polls"])
def test_case_16_a_shard_splits_and_each_record_is_there_once_in_order_per_key(database: Database, polled: bool) -> None:
    case = Case(database)
    case.put(25)
    if polled:
        case.poll()
    case.kinesis.split(FIRST)
    case.put(25)
    case.poll()
    case.put(25)
    case.wait(minutes=61)
    case.poll()
    case.judge()
    assert case.told == []


def test_case_16_shards_that_were_split_and_merged_again_keep_the_order_per_key(database: Database) -> None:
    case = Case(database, shards=1, keys=3)
    case.put(7)
    left, right = case.kinesis.split(FIRST)
    case.put(7)
    case.kinesis.merge(left, right)
    case.put(7)
    case.wait(minutes=61)
    case.poll()
    case.judge()


def test_a_child_waits_while_its_parent_is_not_read_to_the_end(database: Database) -> None:
    case = Case(database, shards=1, keys=1)
    case.put(12)
    case.kinesis.split(FIRST)
    case.put(5)
    case.poll()
    assert case.sizes == [10]
    case.wait(minutes=61)
    case.poll()
    assert case.sizes == [10, 7]
    case.judge()


def test_a_closed_shard_of_which_a_file_takes_a_part_by_its_size_has_not_ended(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft, "FILE_BYTES", 1_000)
    case = Case(database, shards=1)
    case.put(4, pad=400)
    case.kinesis.split(FIRST)
    case.put(1)
    case.wait(minutes=61)
    case.poll()
    assert case.sizes == [2, 3]
    case.judge()


def test_a_closed_shard_is_never_read_again_once_all_of_it_is_in_files(database: Database) -> None:
    case = Case(database)
    case.put(10)
    case.kinesis.split(FIRST)
    case.kinesis.split(SECOND)
    case.wait(minutes=61)
    case.poll()
    case.judge()
    case.poll()
    with database.transaction() as cursor:
        cursor.execute("SELECT shard_id FROM cubic_kafka_shards WHERE ended ORDER BY 1")
        assert [row["shard_id"] for row in cursor.fetchall()] == [FIRST, SECOND]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 14)),
        st.tuples(st.just("split"), st.integers(0, 9)),
        st.tuples(st.just("merge"), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.sampled_from([1, 30, 61])),
        st.tuples(st.just("poll"), st.just(0)),
        st.tuples(st.just("die"), st.integers(1, 120)),
    ),
    max_size=14,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, gaps=st.booleans(), page=st.sampled_from([1, 4, 100]))
def test_whatever_happens_in_whatever_order_each_record_is_there_once_in_order_per_key(
    database: Database, steps: list[tuple[str, int]], gaps: bool, page: int
) -> None:
    empty(database)
    case = Case(database, keys=5)
    case.kinesis.gaps, case.kinesis.page = gaps, page
    for step, n in steps:
        shards = sorted((it for it in case.kinesis.shards.values() if it.closed_at is None), key=lambda it: it.hashes.start)
        match step:
            case "put":
                case.put(n)
            case "split":
                case.kinesis.split(shards[n % len(shards)].id)
            case "merge" if len(shards) > 1:
                left, right = list(pairwise(shards))[n % (len(shards) - 1)]
                case.kinesis.merge(left.id, right.id)
            case "wait":
                case.wait(minutes=n)
            case "poll":
                case.poll()
            case "die":
                case.poll(Killer(n))
    case.wait(minutes=61)
    case.poll()
    case.judge()
    assert case.told == []
