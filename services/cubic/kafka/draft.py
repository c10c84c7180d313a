"""Reads the records that no file has yet, and says whether a file of them is due."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from cubic.kafka.errors import RecordsLost
from cubic.kafka.file import File, Range, new_id
from cubic.kafka.shards import Lineage
from ingestion.errors import NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from cubic.kafka.file import Tell
    from cubic.kafka.reading import Record, Stream
    from cubic.kafka.shards import Shard
    from cubic.store.kafka import Topic

FILE_RECORDS = 10_000
FILE_AGE = timedelta(hours=1)
# A record has up to 10 MiB, and no memory holds 10,000 of that size: a file of this many bytes is closed early.
# https://docs.aws.amazon.com/streams/latest/dev/large-records.html
FILE_BYTES = 32 * 1024**2
# Kinesis calls the time at which a stream was created approximate.
_SAME_TIME = timedelta(minutes=1)


@dataclass
class Draft:
    """The records of a file to be, shard by shard. `full`: no more fit."""

    records: list[Record] = field(default_factory=list)
    ranges: list[Range] = field(default_factory=list)
    bytes: int = 0
    full: bool = False

    @property
    def room(self) -> int:
        return FILE_RECORDS - len(self.records)

    def take(self, records: list[Record]) -> list[Record]:
        """Takes as many of the records as fit, from the first; one at least fits into an empty draft."""
        taken: list[Record] = []
        for record in records[: self.room]:
            if self.records and self.bytes + len(record.data) > FILE_BYTES:
                break
            taken.append(record)
            self.records.append(record)
            self.bytes += len(record.data)
        self.full = len(taken) < len(records) or not self.room
        return taken

    def is_due(self, now: datetime, age: timedelta) -> bool:
        return self.full or (bool(self.records) and now - min(it.arrived for it in self.records) >= age)


def next_file(topic: Topic, stream: Stream, tell: Tell, age: timedelta = FILE_AGE) -> tuple[File, list[Record]] | None:
    """Reads on from the checkpoints; the next file and its records where one is due: full, or its oldest record of this age.

    Moves no checkpoint: records that get into no file are read again the next time.
    """
    now, described = stream.clock.now(), stream.describe()
    _begin_stream(topic, stream.name, described.created, tell)
    listed = stream.shards()
    topic.add(listed, now)
    closed = {it.id for it in listed if it.closed}
    lineage, draft = Lineage(topic.shards()), Draft()
    for shard in lineage:
        if draft.full or stream.time_is_short:
            break
        read = _read(shard, stream, described.retention, draft, closed=shard.id in closed)
        late = shard.filed_until < now - described.retention and (read.records or read.all_of_it)
        if read.gone or late:
            _tell_of_loss(shard, topic.name, described.retention, tell)
        if read.ended:
            lineage.ended.add(shard.id)
        filed_until = min((it.arrived for it in read.records), default=now if read.all_of_it else shard.filed_until)
        topic.looked_at(replace(shard, filed_until=filed_until, ended=read.ended and not read.records))
    if not draft.is_due(now, age):
        return None
    return File(new_id(), topic.name, tuple(draft.ranges), len(draft.records)), draft.records


@dataclass
class _Read:
    """A shard's part of the draft. `all_of_it`: there is no more now; `ended`: never; `gone`: its rest expired."""

    records: list[Record] = field(default_factory=list)
    all_of_it: bool = False
    ended: bool = False
    gone: bool = False


def _read(shard: Shard, stream: Stream, retention: timedelta, draft: Draft, *, closed: bool) -> _Read:
    """Takes the shard's records into the draft, as many as fit."""
    read = _Read()
    try:
        for page in stream.pages(shard, retention, draft.room, closed=closed):
            taken = draft.take(page.records)
            read.records += taken
            if len(taken) == len(page.records):
                read.all_of_it, read.ended = page.caught_up, page.ended
            if draft.full:
                break
    except NotFound:
        read.all_of_it = read.ended = read.gone = True
    if read.records:
        draft.ranges.append(Range(shard.id, read.records[0].sequence, read.records[-1].sequence, read.ended))
    return read


def _begin_stream(topic: Topic, name: str, created: datetime, tell: Tell) -> None:
    """Starts with the shards of a stream that was made anew: its names are those of the earlier one's."""
    if topic.stream_created and created - topic.stream_created < _SAME_TIME:
        return
    if topic.stream_created:
        lost = RecordsLost(
            f"The stream {name} of the topic {topic.name} was deleted and made again at {created:%Y-%m-%d %H:%M} UTC. "
            "Records of the earlier one that were in no file are lost; those of the new one are read from the first. Ask "
            "for what is missing to be sent again."
        )
        tell(lost)
    topic.begin_stream(created)


def _tell_of_loss(shard: Shard, topic: str, retention: timedelta, tell: Tell) -> None:
    lost = RecordsLost(
        f"Records of the topic {topic} that arrived in its {shard.id} after {shard.filed_until:%Y-%m-%d %H:%M} UTC may have "
        f"expired before they were read: the stream keeps them for {retention}. Find out what kept write_kafka_files from "
        "reading them, and ask for what is missing to be sent again."
    )
    tell(lost)
