"""A stream of Kinesis as its documentation has it, for what moto's lacks: lineage, trimming, iterators that expire, gaps."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from tests.fakes import FakeClock, client_error

HASHES = 2**128
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html
ITERATOR_LIFE = timedelta(minutes=5)


@dataclass
class _Stored:
    sequence: int
    arrived: datetime
    key: str
    data: bytes


@dataclass
class _Shard:
    id: str
    hashes: range
    parents: list[str]
    records: list[_Stored] = field(default_factory=list)
    closed_at: datetime | None = None


@dataclass
class _Iterator:
    """`gap`: the next answer is empty, though it may not be the end. `lost`: it stands after a record that is trimmed."""

    shard: str
    after: int
    made: datetime
    gap: bool
    lost: bool = False


class FakeKinesis:
    """One stream. A test sets how it answers.

    `page`: records of an answer at most; `gaps`: each part of a shard begins with an empty answer; `refuses_trimmed`: a
    number that is trimmed is refused, where otherwise it finds nothing for ever. `before` has a function for an operation,
    which is called first, and may raise. Numbers soon need one more digit, so that as text they compare otherwise.
    """

    def __init__(self, clock: FakeClock, shards: int = 1, *, name: str = "stream", retention_hours: int = 168) -> None:
        self.clock, self.name, self.retention_hours = clock, name, retention_hours
        self.page, self.gaps, self.refuses_trimmed = 10_000, False, False
        self.shards_per_page = 2
        self.before: dict[str, Callable[[dict[str, Any]], object]] = {}
        self.calls: list[str] = []
        self._numbers = count(10**30 - 4)
        self.make(shards)

    def make(self, shards: int) -> None:
        """Makes the stream, anew if it was there: with the same names."""
        self.created = self.clock.now()
        self.shards: dict[str, _Shard] = {}
        self._iterators: dict[str, _Iterator] = {}
        step = HASHES // shards
        for at in range(shards):
            self._add(range(at * step, (at + 1) * step if at + 1 < shards else HASHES))

    def put(self, key: str, data: bytes) -> str:
        """Puts a record. Returns its shard."""
        shard = self.shard_of(key)
        shard.records.append(_Stored(next(self._numbers), self.clock.now(), key, data))
        return shard.id

    def shard_of(self, key: str) -> _Shard:
        """The open shard that takes the records of a key."""
        at = int(hashlib.md5(key.encode()).hexdigest(), 16)  # noqa: S324  as Kinesis does
        return next(it for it in self.shards.values() if it.closed_at is None and at in it.hashes)

    def split(self, shard: str) -> list[str]:
        """Splits a shard in the middle. Returns its children."""
        hashes = self.shards[shard].hashes
        middle = (hashes.start + hashes.stop) // 2
        self.shards[shard].closed_at = self.clock.now()
        return [self._add(range(hashes.start, middle), shard), self._add(range(middle, hashes.stop), shard)]

    def merge(self, left: str, right: str) -> str:
        """Merges two neighbours. Returns their child."""
        hashes = range(self.shards[left].hashes.start, self.shards[right].hashes.stop)
        for shard in (left, right):
            self.shards[shard].closed_at = self.clock.now()
        return self._add(hashes, left, right)

    def describe_stream_summary(self, *, StreamName: str) -> dict[str, Any]:  # noqa: N803
        self._called("describe_stream_summary", StreamName=StreamName)
        summary = {"StreamCreationTimestamp": self.created, "RetentionPeriodHours": self.retention_hours}
        return {"StreamDescriptionSummary": summary}

    def list_shards(self, *, StreamName: str | None = None, NextToken: str | None = None) -> dict[str, Any]:  # noqa: N803
        if (StreamName is None) == (NextToken is None):
            raise client_error("InvalidArgumentException")
        self._called("list_shards", StreamName=StreamName or self.name)
        shards = [shard for shard in self.shards.values() if not self._is_expired(shard)]
        at = int(NextToken or 0)
        end = at + self.shards_per_page
        more = {"NextToken": str(end)} if end < len(shards) else {}
        return {"Shards": [self._described(shard) for shard in shards[at:end]]} | more

    def get_shard_iterator(
        self,
        *,
        StreamName: str,  # noqa: N803
        ShardId: str,  # noqa: N803
        ShardIteratorType: str,  # noqa: N803
        StartingSequenceNumber: str | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        self._called("get_shard_iterator", StreamName=StreamName)
        if ShardId not in self.shards or self._is_expired(self.shards[ShardId]):
            raise client_error("ResourceNotFoundException")
        if ShardIteratorType == "TRIM_HORIZON":
            return {"ShardIterator": self._iterator(ShardId, -1)}
        assert ShardIteratorType == "AFTER_SEQUENCE_NUMBER"
        after = int(StartingSequenceNumber or "")
        trimmed = after not in {record.sequence for record in self._there(self.shards[ShardId])}
        if trimmed and self.refuses_trimmed:
            raise client_error("InvalidArgumentException")
        return {"ShardIterator": self._iterator(ShardId, after, lost=trimmed)}

    def get_records(self, *, ShardIterator: str, Limit: int) -> dict[str, Any]:  # noqa: N803
        self._called("get_records", ShardIterator=ShardIterator)
        assert 1 <= Limit <= 10_000
        found = self._iterators[ShardIterator]
        if self.clock.now() - found.made > ITERATOR_LIFE:
            raise client_error("ExpiredIteratorException")
        shard = self.shards[found.shard]
        left = [record for record in self._there(shard) if record.sequence > found.after]
        behind = max(1, round((self.clock.now() - left[0].arrived) / timedelta(milliseconds=1))) if left else 0
        if found.lost and (left or shard.records):
            behind = self.retention_hours * 3_600_000
            return self._answer([], self._iterator(shard.id, found.after, lost=True), behind)
        if found.gap:
            return self._answer([], self._iterator(shard.id, found.after, gap=False), max(behind, 1))
        given, rest = left[: min(Limit, self.page)], left[min(Limit, self.page) :]
        if not rest and shard.closed_at:
            return self._answer(given, None, 0)
        return self._answer(
            given, self._iterator(shard.id, given[-1].sequence if given else found.after), behind if rest else 0
        )

    def _answer(self, records: list[_Stored], iterator: str | None, behind: int) -> dict[str, Any]:
        given = [
            {
                "SequenceNumber": str(r.sequence),
                "ApproximateArrivalTimestamp": r.arrived,
                "PartitionKey": r.key,
                "Data": r.data,
            }
            for r in records
        ]
        return {"Records": given, "MillisBehindLatest": behind} | ({"NextShardIterator": iterator} if iterator else {})

    def _iterator(self, shard: str, after: int, *, lost: bool = False, gap: bool | None = None) -> str:
        token = f"i{len(self._iterators)}"
        self._iterators[token] = _Iterator(shard, after, self.clock.now(), self.gaps if gap is None else gap, lost)
        return token

    def _add(self, hashes: range, *parents: str) -> str:
        shard = _Shard(f"shardId-{len(self.shards):012}", hashes, list(parents))
        self.shards[shard.id] = shard
        return shard.id

    def _described(self, shard: _Shard) -> dict[str, Any]:
        names = ("ParentShardId", "AdjacentParentShardId")
        ending = {"EndingSequenceNumber": "1"} if shard.closed_at else {}
        numbers = {"StartingSequenceNumber": "0"} | ending
        return {"ShardId": shard.id, "SequenceNumberRange": numbers} | dict(zip(names, shard.parents, strict=False))

    @property
    def _horizon(self) -> datetime:
        return self.clock.now() - timedelta(hours=self.retention_hours)

    def _there(self, shard: _Shard) -> list[_Stored]:
        return [record for record in shard.records if record.arrived >= self._horizon]

    def _is_expired(self, shard: _Shard) -> bool:
        return shard.closed_at is not None and shard.closed_at < self._horizon

    def _called(self, operation: str, **parameters: Any) -> None:
        if parameters.get("StreamName", self.name) != self.name:
            raise client_error("ResourceNotFoundException")
        self.calls.append(operation)
        if before := self.before.get(operation):
            before(parameters)
