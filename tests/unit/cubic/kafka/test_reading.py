"""A shard is read to its end, whatever Kinesis answers meanwhile."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from cubic.kafka.reading import Page, Stream
from cubic.kafka.shards import Shard
from ingestion.errors import NotFound, NotYet
from tests.fakes import FakeClock, client_error
from tests.kinesis import FakeKinesis

FIRST = "shardId-000000000000"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def kinesis(clock: FakeClock) -> FakeKinesis:
    return FakeKinesis(clock)


def stream(kinesis: Any, seconds: float = 900) -> Stream:
    clock = kinesis.clock
    ends = clock.monotonic() + seconds
    return Stream(kinesis, kinesis.name, clock, lambda: ends - clock.monotonic())


def pages(
    kinesis: FakeKinesis, after: int | None = None, seconds: float = 900, shard: str = FIRST, **more: Any
) -> list[Page]:
    row = Shard(shard, (), after, kinesis.clock.now(), ended=False)
    return list(stream(kinesis, seconds).pages(row, timedelta(hours=kinesis.retention_hours), **more))


def read(*args: Any, **more: Any) -> list[bytes]:
    return [record.data for page in pages(*args, **more) for record in page.records]


def put(kinesis: FakeKinesis, count: int) -> list[bytes]:
    data = [b'{"n":%d}' % n for n in range(count)]
    for it in data:
        kinesis.put("key", it)
        kinesis.clock.sleep(0.01)
    return data


def failing(*codes: str) -> Any:
    """Raises one after the other, then nothing more."""
    left = list(codes)

    def fail(_: dict[str, Any]) -> None:
        if left:
            raise client_error(left.pop(0))

    return fail


def test_all_records_are_read_in_order_and_their_numbers_are_compared_as_numbers(kinesis: FakeKinesis) -> None:
    data = put(kinesis, 9)
    [page] = pages(kinesis)
    numbers = [record.sequence for record in page.records]
    assert [record.data for record in page.records] == data
    assert len({len(str(number)) for number in numbers}) == 2
    for number, following in pairwise(numbers):
        assert next(record.sequence for page in pages(kinesis, number) for record in page.records) == following


def test_an_empty_answer_is_not_the_end(kinesis: FakeKinesis) -> None:
    data = put(kinesis, 10)
    kinesis.page, kinesis.gaps = 3, True
    assert read(kinesis) == data


def test_a_shard_without_records_is_caught_up_with_at_once(kinesis: FakeKinesis) -> None:
    assert pages(kinesis) == [Page([], caught_up=True, ended=False)]


def test_a_closed_shard_ends_and_an_open_one_does_not(kinesis: FakeKinesis) -> None:
    put(kinesis, 2)
    assert [page.ended for page in pages(kinesis)] == [False]
    kinesis.split(FIRST)
    assert [page.ended for page in pages(kinesis)] == [True]


def test_an_emulated_stream_that_gives_an_iterator_after_the_end_of_a_closed_shard_ends_too(kinesis: FakeKinesis) -> None:
    put(kinesis, 2)
    assert [page.ended for page in pages(kinesis, closed=True)] == [True]


@pytest.mark.parametrize("gaps", [False, True])
def test_an_iterator_that_has_expired_is_asked_for_again_and_nothing_is_read_twice(
    kinesis: FakeKinesis, clock: FakeClock, gaps: bool
) -> None:
    data = put(kinesis, 10)
    kinesis.page, kinesis.gaps = 3, gaps
    calls = iter(range(100))

    def idle(_: dict[str, Any]) -> None:
        if next(calls) in (0, 2, 3, 6):
            clock.sleep(301)

    kinesis.before["get_records"] = idle
    assert read(kinesis, seconds=10_000) == data


@pytest.mark.parametrize(
    "code",
    ["ProvisionedThroughputExceededException", "LimitExceededException", "KMSThrottlingException", "ThrottlingException"],
)
@pytest.mark.parametrize("operation", ["get_records", "get_shard_iterator"])
def test_where_kinesis_is_busy_it_is_asked_again_later_and_later(
    kinesis: FakeKinesis, clock: FakeClock, code: str, operation: str
) -> None:
    data = put(kinesis, 3)
    began = clock.monotonic()
    kinesis.before[operation] = failing(*[code] * 7)
    assert read(kinesis) == data
    assert clock.monotonic() - began == pytest.approx(0.25 + 0.5 + 1 + 2 + 4 + 5 + 5)


def test_when_it_stays_busy_what_was_read_until_the_time_got_short_counts(kinesis: FakeKinesis) -> None:
    put(kinesis, 10)
    kinesis.page = 4
    calls = iter(range(1000))

    def busy(_: dict[str, Any]) -> None:
        if next(calls) > 1:
            raise client_error("ProvisionedThroughputExceededException")

    kinesis.before["get_records"] = busy
    found = pages(kinesis, seconds=90)
    assert [len(page.records) for page in found] == [4, 4]
    assert not found[-1].caught_up


def test_without_time_nothing_is_read(kinesis: FakeKinesis) -> None:
    put(kinesis, 1)
    assert pages(kinesis, seconds=59) == []


@pytest.mark.parametrize("refuses", [False, True], ids=["finds-nothing-for-ever", "refuses"])
@pytest.mark.parametrize("gaps", [False, True])
def test_a_record_after_one_that_has_expired_is_found(
    kinesis: FakeKinesis, clock: FakeClock, refuses: bool, gaps: bool
) -> None:
    kinesis.refuses_trimmed, kinesis.gaps = refuses, gaps
    put(kinesis, 1)
    [[first]] = [page.records for page in pages(kinesis) if page.records]
    clock.sleep(8 * 86_400)
    kinesis.put("key", b"new")
    assert read(kinesis, first.sequence) == [b"new"]


def test_a_record_after_one_that_has_expired_is_found_though_the_iterator_expires_meanwhile(
    kinesis: FakeKinesis, clock: FakeClock
) -> None:
    put(kinesis, 1)
    [[first]] = [page.records for page in pages(kinesis) if page.records]
    clock.sleep(8 * 86_400)
    kinesis.gaps = True
    kinesis.put("key", b"new")
    calls = iter(range(100))
    kinesis.before["get_records"] = lambda _: clock.sleep(301 if next(calls) == 1 else 0)
    assert read(kinesis, first.sequence) == [b"new"]


def test_what_is_filed_already_is_not_read_again_though_reading_begins_at_the_oldest_record(kinesis: FakeKinesis) -> None:
    data = put(kinesis, 5)
    records = [record for page in pages(kinesis) for record in page.records]
    kinesis.before["get_shard_iterator"] = failing("InvalidArgumentException")
    assert read(kinesis, records[2].sequence) == data[3:]


def test_any_other_refusal_is_not_taken_for_an_expired_record(kinesis: FakeKinesis) -> None:
    kinesis.before["get_shard_iterator"] = failing("InternalFailureException")
    with pytest.raises(Exception, match="InternalFailureException"):
        pages(kinesis, 7)


def test_a_shard_that_is_gone_is_not_found(kinesis: FakeKinesis) -> None:
    with pytest.raises(NotFound, match="reading the stream stream"):
        pages(kinesis, shard="shardId-000000000009")


def test_all_pages_of_shards_are_read_with_their_parents(clock: FakeClock) -> None:
    kinesis: Any = FakeKinesis(clock, shards=4)
    children = kinesis.split(FIRST)
    child = kinesis.merge("shardId-000000000001", "shardId-000000000002")
    found = {it.id: it for it in stream(kinesis).shards()}
    assert len(found) == 7
    assert {it.id for it in found.values() if it.closed} == {f"shardId-00000000000{n}" for n in range(3)}
    assert {found[it].parents for it in children} == {(FIRST,)}
    assert found[child].parents == ("shardId-000000000001", "shardId-000000000002")


def test_a_stream_that_is_not_there_is_told_by_its_name(kinesis: FakeKinesis) -> None:
    with pytest.raises(NotFound, match="the stream other"):
        Stream(kinesis, "other", kinesis.clock, lambda: 900).describe()  # type: ignore[arg-type]


def test_when_describing_is_refused_until_the_time_gets_short_the_message_waits(kinesis: FakeKinesis) -> None:
    kinesis.before["describe_stream_summary"] = failing(*["LimitExceededException"] * 1000)
    with pytest.raises(NotYet):
        stream(kinesis).describe()
