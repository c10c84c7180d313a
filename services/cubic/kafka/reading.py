"""Reads a stream of Kinesis: its shards, and the records of each after its checkpoint."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from cubic.kafka.shards import Listed
from ingestion.aws_errors import error_code, explained
from ingestion.errors import NotYet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import GetRecordsOutputTypeDef, RecordTypeDef

    from cubic.kafka.shards import Shard
    from ingestion.clock import Clock
    from ingestion.consumer import SecondsLeft

logger = Logger(child=True)

# Ours: enough to write a file that has been read, and to commit.
RESERVE_SECONDS = 60
# A shard gives 5 answers and 2 MiB a second, and after an answer of 10 MiB none for 5 seconds.
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 5.0
RECORDS_PER_CALL = 10_000
_TRIM_MARGIN = timedelta(hours=1)


@dataclass(frozen=True)
class Record:
    """One record. Sequence numbers have up to 56 digits, and compare as numbers only."""

    shard: str
    sequence: int
    arrived: datetime
    partition_key: str
    data: bytes


def _record(shard: str, it: RecordTypeDef) -> Record:
    return Record(shard, int(it["SequenceNumber"]), it["ApproximateArrivalTimestamp"], it["PartitionKey"], it["Data"])


@dataclass(frozen=True)
class Page:
    """Some records of a shard. `caught_up`: there are no more at this moment; `ended`: there never will be."""

    records: list[Record]
    caught_up: bool
    ended: bool


@dataclass(frozen=True)
class Described:
    """A stream. One that was deleted and made again has the same name, and another `created`."""

    created: datetime
    retention: timedelta


@dataclass(frozen=True)
class Stream:
    """A stream, and how long to be patient with it. Reading changes nothing, so that all of it may be repeated."""

    kinesis: KinesisClient
    name: str
    clock: Clock
    seconds_left: SecondsLeft

    @property
    def time_is_short(self) -> bool:
        return self.seconds_left() < RESERVE_SECONDS

    def describe(self) -> Described:
        """Raises NotFound where there is no such stream."""
        summary = self._ask(self.kinesis.describe_stream_summary, StreamName=self.name)["StreamDescriptionSummary"]
        return Described(summary["StreamCreationTimestamp"], timedelta(hours=summary["RetentionPeriodHours"]))

    def shards(self) -> list[Listed]:
        """All that have records, or may have."""
        answer = self._ask(self.kinesis.list_shards, StreamName=self.name)
        found = list(answer["Shards"])
        while token := answer.get("NextToken"):  # it stands for the name too, which must not be given beside it
            answer = self._ask(self.kinesis.list_shards, NextToken=token)
            found += answer["Shards"]
        return [
            Listed(
                it["ShardId"],
                tuple(filter(None, (it.get("ParentShardId"), it.get("AdjacentParentShardId")))),
                closed="EndingSequenceNumber" in it["SequenceNumberRange"],
            )
            for it in found
        ]

    def pages(
        self, shard: Shard, retention: timedelta, limit: int = RECORDS_PER_CALL, *, closed: bool = False
    ) -> Iterator[Page]:
        """Reads the shard after its checkpoint until it is caught up, or the time is short; at most `limit` records a page.

        `closed` says that Kinesis had listed the shard as closed before. A page without records is not the end: Kinesis
        looks through one part of a shard at a time. Raises NotFound where the shard is gone.
        """
        last, from_horizon = shard.checkpoint, False
        with suppress(NotYet):  # Kinesis was busy until the time got short
            iterator: str | None = self._after(shard.id, last)
            while iterator and not self.time_is_short:
                answer = self._records(iterator, limit)
                if answer is None:  # the iterator has expired
                    iterator = self._after(shard.id, None if from_horizon else last)
                    continue
                behind = timedelta(milliseconds=answer["MillisBehindLatest"])
                if not answer["Records"] and behind >= retention - _TRIM_MARGIN and not from_horizon:
                    # After a record that is trimmed, as in a shard that was quiet, Kinesis may find nothing for ever.
                    # https://github.com/harlow/kinesis-consumer/issues/125
                    iterator, from_horizon = self._after(shard.id, None), True
                    continue
                records = [record for it in answer["Records"] if (record := _record(shard.id, it)).sequence > (last or 0)]
                if records:
                    last, from_horizon = records[-1].sequence, False
                iterator = answer.get("NextShardIterator")
                # In a shard that was closed before it was read, nothing follows either.
                ended = iterator is None or (closed and not behind)
                caught_up = ended or not behind
                yield Page(records, caught_up, ended)
                if caught_up:
                    return

    def _records(self, iterator: str, limit: int) -> GetRecordsOutputTypeDef | None:
        """None where the iterator has expired: it lives for 5 minutes."""
        try:
            return self._ask(self.kinesis.get_records, ShardIterator=iterator, Limit=limit)
        except ClientError as error:
            if error_code(error) == "ExpiredIteratorException":
                return None
            raise

    def _after(self, shard: str, last: int | None) -> str:
        """An iterator; from the oldest record on where there was none, or where Kinesis refuses `last` as it is trimmed."""
        ask = self.kinesis.get_shard_iterator
        if last is not None:
            try:
                return self._ask(
                    ask,
                    StreamName=self.name,
                    ShardId=shard,
                    ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                    StartingSequenceNumber=str(last),
                )["ShardIterator"]
            except ClientError as error:
                if error_code(error) != "InvalidArgumentException":
                    raise
                logger.warning(
                    "Checkpoint refused, reading from the oldest record on", extra={"shard": shard, "last": str(last)}
                )
        return self._ask(ask, StreamName=self.name, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]

    def _ask[**P, T](self, operation: Callable[P, T], *args: P.args, **parameters: P.kwargs) -> T:
        """Waits where Kinesis, or KMS for it, is busy. Raises NotYet where the time gets short, AccessDenied, NotFound."""
        pause = PAUSE_SECONDS
        while True:
            try:
                with explained(f"reading the stream {self.name}"):
                    return operation(*args, **parameters)
            except NotYet:
                if self.time_is_short:
                    raise
            self.clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
