"""Records that Kinesis may have forgotten before they were read: people are told, and what is left is written."""

from __future__ import annotations

import pytest

from cubic.store.database import Database
from ingestion.errors import AccessDenied, NotFound
from tests.fakes import client_error
from tests.integration.services.cubic.kafka.case import FIRST, Case, Killer


@pytest.fixture
def case(database: Database) -> Case:
    return Case(database, shards=1)


@pytest.mark.parametrize("refuses", [False, True], ids=["finds-nothing-for-ever", "refuses"])
def test_records_that_expired_in_an_outage_are_told_of_once_and_the_rest_is_written(case: Case, refuses: bool) -> None:
    case.kinesis.refuses_trimmed = refuses
    case.put(3)
    case.wait(minutes=61)
    case.poll()
    case.put(2)
    case.wait(days=4)
    case.put(4)
    case.wait(days=4)
    case.poll()
    case.poll()
    assert case.errors == ["RecordsLost"]
    assert f"arrived in its {FIRST} after 2021-06-04 11:16 UTC may have expired" in case.told[0][1]
    assert case.sizes == [3, 4]
    del case.sent[3:5]
    case.judge()


@pytest.mark.parametrize("refuses", [False, True], ids=["finds-nothing-for-ever", "refuses"])
def test_a_topic_that_was_quiet_for_longer_than_the_stream_keeps_records_has_lost_nothing(case: Case, refuses: bool) -> None:
    case.kinesis.refuses_trimmed = refuses
    case.put(3)
    case.wait(minutes=61)
    for _ in range(9):
        case.poll()
        case.wait(days=1)
    case.put(2)
    case.poll()
    case.wait(minutes=61)
    case.poll()
    assert case.told == []
    case.judge()


def test_records_that_the_stream_held_before_it_was_first_read_are_written(case: Case) -> None:
    case.put(3)
    case.wait(days=6)
    case.poll()
    case.judge()
    assert case.told == []


def test_a_shard_that_expired_before_it_was_read_to_its_end_is_told_of_and_its_children_are_read(case: Case) -> None:
    case.put(3)
    case.poll()
    case.kinesis.split(FIRST)
    case.wait(days=8)
    case.put(4)
    case.wait(minutes=61)
    case.poll()
    assert case.errors == ["RecordsLost"]
    case.judge(without=3)
    case.poll()
    assert case.errors == ["RecordsLost"]


def test_a_stream_that_was_deleted_and_made_again_is_read_from_its_first_record_and_told_of(case: Case) -> None:
    case.put(3)
    case.wait(minutes=61)
    case.poll()
    case.kinesis.make(1)
    case.put(4)
    case.wait(minutes=61)
    case.poll()
    assert case.errors == ["RecordsLost"]
    assert "was deleted and made again" in case.told[0][1]
    case.judge()


def test_a_shard_that_is_gone_though_nothing_can_have_expired_is_told_of(database: Database) -> None:
    case = Case(database, shards=2)
    case.poll()
    case.kinesis.make(1)
    case.poll()
    case.poll()
    assert case.errors == ["RecordsLost"]


def test_a_recorded_file_whose_records_expired_before_it_was_written_gets_what_is_left(case: Case) -> None:
    case.put(3)
    case.wait(days=4)
    case.put(4)
    _record_only(case)
    case.wait(days=4)
    case.poll()
    assert "RecordsLost" in case.errors
    assert "Of the 7 records" in case.told[0][1]
    assert "3 expired" in case.told[0][1]
    case.judge(without=3)


def test_a_recorded_file_that_was_put_before_its_records_expired_has_lost_nothing(case: Case) -> None:
    case.put(3)
    case.wait(minutes=61)
    killer = Killer()
    case.s3.before["put_object"] = lambda _: setattr(killer, "at", killer.seen + 1)
    assert not case.poll(killer)
    case.s3.before.clear()
    case.wait(days=6, hours=22, minutes=59)
    case.poll()
    assert case.sizes == [3]
    assert case.told == []


def test_a_recorded_file_of_a_shard_that_is_gone_is_finished(case: Case) -> None:
    case.put(3)
    case.kinesis.split(FIRST)
    case.wait(minutes=61)
    _record_only(case)
    case.wait(days=8)
    case.poll()
    assert "Of the 3 records" in case.told[0][1]
    assert case.sizes == []
    case.put(1)
    case.wait(minutes=61)
    case.poll()
    assert case.sizes == [1]


def test_people_are_not_told_of_a_loss_where_nobody_can_say_whether_the_file_was_put(case: Case) -> None:
    case.put(3)
    case.wait(minutes=61)
    _record_only(case)
    case.wait(days=8)

    def refuse(_: object) -> None:
        raise client_error("403", "HeadObject")

    case.s3.before["head_object"] = refuse
    with pytest.raises(AccessDenied, match="looking for s3://incoming/cubic/kafka/sample/"):
        case.poll()
    assert case.told == []


def test_a_stream_that_is_not_there_is_named(case: Case) -> None:
    case.kinesis.name = "another"
    with pytest.raises(NotFound, match="the stream stream"):
        case.poll()


def _record_only(case: Case) -> None:
    """A run that dies once it has recorded a file."""
    killer = Killer()
    case.kinesis.before["get_records"] = lambda _: setattr(killer, "at", killer.seen + 3)
    assert not case.poll(killer)
    case.kinesis.before.clear()
