"""When a file is written, and what it holds."""

from __future__ import annotations

from itertools import count

import pytest

from cubic.kafka import draft
from cubic.store import kafka
from cubic.store.database import Database
from ingestion import telemetry
from tests.fakes import client_error
from tests.integration.services.cubic.kafka.case import FIRST, SECOND, Case


@pytest.fixture
def case(database: Database) -> Case:
    return Case(database)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of ten records."""
    monkeypatch.setattr(draft, "FILE_RECORDS", 10)


def test_case_14_9999_records_are_no_file_and_one_more_makes_a_file_of_10000(case: Case) -> None:
    case.put(9_999)
    case.poll()
    assert case.sizes == []
    case.put(1)
    case.poll()
    assert case.sizes == [10_000]
    case.judge()


def test_case_14_5_records_are_a_file_once_the_oldest_is_an_hour_old(case: Case) -> None:
    case.put(1)
    case.wait(minutes=1)
    case.put(4)
    case.wait(minutes=58)
    case.poll()
    assert case.sizes == []
    case.wait(minutes=2)
    case.poll()
    assert case.sizes == [5]
    case.judge()


def test_case_14_25000_records_are_two_files_and_5000_wait(case: Case) -> None:
    case.put(25_000)
    case.poll()
    assert case.sizes == [10_000, 10_000]
    case.wait(minutes=61)
    case.poll()
    assert case.sizes == [10_000, 10_000, 5_000]
    case.judge()


def test_a_file_has_the_key_that_the_source_asks_for(case: Case) -> None:
    case.put(1)
    case.wait(minutes=61)
    case.poll()
    [key] = case.s3.keys("incoming")
    folder, name = key.rsplit("/", 1)
    assert (folder, len(name)) == ("cubic/kafka/sample", 22 + len(".json"))


def test_a_file_closes_early_where_records_are_large_and_one_record_may_be_larger(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft, "FILE_BYTES", 1_000)
    case.put(5, pad=400)
    case.put(1, pad=2_000)
    case.put(2)
    case.poll()
    case.wait(minutes=61)
    case.poll()
    assert all(sum(map(len, file)) <= 1_000 or len(file) == 1 for file in case.files)
    assert len(case.files) >= 4
    case.judge()


def test_records_that_are_no_json_objects_are_kept_under_the_same_id_and_people_are_told_once(case: Case) -> None:
    case.put(2)
    case.send("k0", b"\xff")
    case.send("k1", b"[]")
    case.wait(minutes=61)
    case.poll()
    [kept], [refused] = case.s3.keys("incoming"), case.s3.keys("error")
    assert kept.removesuffix(".json") == refused.removesuffix(".refused.json")
    assert case.errors == ["RecordsRefused"]
    case.judge()


def test_a_second_reader_of_a_topic_leaves_at_once(case: Case, another_database: Database) -> None:
    case.put(1)
    case.wait(minutes=61)
    case.poll()
    case.put(1)
    case.wait(minutes=61)
    with kafka.locked(another_database, case.name):
        case.kinesis.calls.clear()
        case.poll()
        assert case.kinesis.calls == []
    case.poll()
    assert case.sizes == [1, 1]


def test_another_topic_is_read_meanwhile(case: Case, another_database: Database) -> None:
    case.put(1)
    case.wait(minutes=61)
    with kafka.locked(another_database, "another"):
        case.poll()
    assert case.sizes == [1]


@pytest.mark.usefixtures("small")
def test_a_shard_that_could_fill_every_file_does_not_keep_another_from_being_read(case: Case) -> None:
    case.poll()
    case.wait(minutes=1)
    case.put(5, key=case.key_of(SECOND))
    case.put(60, key=case.key_of(FIRST))
    for _ in range(2):
        _poll_with_time_for(1, case)
    assert case.sizes == [10, 10]
    assert sum(case.key_of(SECOND) in line.decode() for line in case.files[1]) == 5


@pytest.mark.usefixtures("small")
def test_of_a_backlog_no_more_is_read_than_a_file_takes(case: Case) -> None:
    case.put(100, key=case.key_of(FIRST))
    case.kinesis.page = 5
    _poll_with_time_for(1, case)
    assert case.sizes == [10]
    assert case.kinesis.calls.count("get_records") == 2


@pytest.mark.usefixtures("small")
def test_a_backlog_that_takes_longer_than_a_run_is_gone_on_with_by_the_next(case: Case) -> None:
    case.put(55)
    _poll_with_time_for(2, case)
    assert case.sizes == [10, 10]
    _poll_with_time_for(2, case)
    assert case.sizes == [10, 10, 10, 10]
    case.wait(minutes=61)
    case.poll()
    case.judge()


def _poll_with_time_for(files: int, case: Case) -> None:
    case.kinesis.before["describe_stream_summary"] = lambda _: case.clock.sleep(60)
    case.poll(seconds=files * 60 + 61)
    case.kinesis.before.clear()


def test_what_was_read_is_written_if_it_is_an_hour_old_though_kinesis_was_too_busy_to_give_the_rest(case: Case) -> None:
    case.put(20)
    case.kinesis.page = 3
    case.wait(minutes=61)
    calls = count()

    def busy(_: object) -> None:
        if next(calls) >= 2:
            raise client_error("ProvisionedThroughputExceededException")

    case.kinesis.before["get_records"] = busy
    case.poll()
    assert case.sizes == [6]
    assert case.kinesis.calls.count("describe_stream_summary") == 1
    case.kinesis.before.clear()
    case.poll()
    case.judge()


@pytest.fixture
def ages(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The metric's value, in minutes."""
    found: list[float] = []
    monkeypatch.setattr(telemetry, "seconds", lambda name, value: found.append(value / 60))
    return found


def test_the_age_of_the_oldest_record_that_waits_is_a_metric(case: Case, ages: list[float]) -> None:
    case.poll()
    case.put(3)
    for _ in range(2):
        case.wait(minutes=40)
        case.poll()
    assert ages == [0, 40, 0]


def test_the_metric_goes_on_while_kinesis_is_too_busy_to_give_anything(database: Database, ages: list[float]) -> None:
    case = Case(database, shards=1)
    case.put(3)
    case.poll()

    def busy(_: object) -> None:
        raise client_error("ProvisionedThroughputExceededException")

    case.kinesis.before["get_records"] = busy
    case.wait(minutes=300)
    case.poll()
    assert ages[1] >= 300


def test_the_metric_goes_on_where_somebody_holds_the_lock_for_ever(
    case: Case, another_database: Database, ages: list[float]
) -> None:
    case.poll()
    with kafka.locked(another_database, case.name):
        case.wait(minutes=300)
        case.poll()
    assert ages == [0, 300]
