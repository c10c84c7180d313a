"""The shards of a stream: how far each has been taken into files, and the order that their lineage allows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime


@dataclass(frozen=True)
class Listed:
    """A shard as Kinesis lists it. `parents`: one of a split, two of a merge. `closed`: it takes no more records."""

    id: str
    parents: tuple[str, ...]
    closed: bool


@dataclass(frozen=True)
class Shard:
    """A shard as its row says.

    `checkpoint` is the last sequence number that is in a file; null before the first. All records that arrived before
    `filed_until` are in files. `ended`: it is closed, and all of it is in files.
    """

    id: str
    parents: tuple[str, ...]
    checkpoint: int | None
    filed_until: datetime
    ended: bool


@dataclass
class Lineage:
    """Gives out the shards to read: parents before children, so that the records of one key keep their order.

    A parent that is not known had expired before the topic was first read.
    https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
    """

    shards: Sequence[Shard]
    ended: set[str] = field(default_factory=set)

    def __iter__(self) -> Iterator[Shard]:
        """Gives out, of the shards whose parents have ended, the one that has waited longest: none starves the others.

        The caller adds to `ended` the shards that it has read to their end. The children of the others are left out.
        """
        self.ended.update(shard.id for shard in self.shards if shard.ended)
        known = {shard.id for shard in self.shards}
        waiting = sorted((it for it in self.shards if not it.ended), key=lambda it: (it.filed_until, it.id))
        while ready := next((it for it in waiting if known.intersection(it.parents) <= self.ended), None):
            waiting.remove(ready)
            yield ready
