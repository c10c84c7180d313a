"""The rows of a Kafka topic: its stream, under a lock, the checkpoints of its shards, and its files."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from cubic.kafka.file import File, Range
from cubic.kafka.shards import Shard

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from cubic.kafka.shards import Listed
    from cubic.store.database import Cursor, Database

# The longest that a function of Lambda runs. One that is killed may leave its connection open, and with it the lock.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
LONGEST_LOCK = "15min"


@contextmanager
def locked(db: Database, topic: str) -> Iterator[Topic | None]:
    """Gives the topic, which nobody else reads within the block; None where somebody else does. Commits at the end.

    The one transaction that spans calls of AWS: two readers of a topic would each ask Kinesis for the same records.
    """
    with db.transaction() as cursor:
        cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{LONGEST_LOCK}'")
        cursor.execute("INSERT INTO cubic_kafka_streams (topic) VALUES (%s) ON CONFLICT DO NOTHING", [topic])
        cursor.execute("SELECT stream_created FROM cubic_kafka_streams WHERE topic = %s FOR UPDATE SKIP LOCKED", [topic])
        found = cursor.fetchone()
        yield Topic(cursor, topic, found["stream_created"]) if found else None


def filed_until(db: Database, topic: str) -> datetime | None:
    """All records of the topic that arrived before are in files; null before its stream is first read. Waits for no lock."""
    with db.transaction() as cursor:
        cursor.execute("SELECT min(filed_until) AS it FROM cubic_kafka_shards WHERE topic = %s AND NOT ended", [topic])
        [row] = cursor.fetchall()
        return row["it"]  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Topic:
    """A topic under its lock. `stream_created`: when the stream of these checkpoints was made; null at first."""

    cursor: Cursor
    name: str
    stream_created: datetime | None

    def begin_stream(self, created: datetime) -> None:
        """Forgets the shards of an earlier stream of that name."""
        self.cursor.execute("DELETE FROM cubic_kafka_shards WHERE topic = %s", [self.name])
        self.cursor.execute("UPDATE cubic_kafka_streams SET stream_created = %s WHERE topic = %s", [created, self.name])

    def shards(self) -> list[Shard]:
        self.cursor.execute(
            "SELECT shard_id, parents, checkpoint, filed_until, ended FROM cubic_kafka_shards WHERE topic = %s", [self.name]
        )
        return [
            Shard(
                row["shard_id"],
                tuple(row["parents"]),
                None if row["checkpoint"] is None else int(row["checkpoint"]),
                row["filed_until"],
                row["ended"],
            )
            for row in self.cursor.fetchall()
        ]

    def add(self, listed: Sequence[Listed], now: datetime) -> None:
        """Adds the shards that are new: what arrives in them from now on must be read before it expires."""
        self.cursor.executemany(
            "INSERT INTO cubic_kafka_shards (topic, shard_id, parents, filed_until) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [(self.name, it.id, list(it.parents), now) for it in listed],
        )

    def looked_at(self, shard: Shard) -> None:
        """Notes how far a shard is filed as far as can be told by reading it."""
        self.cursor.execute(
            "UPDATE cubic_kafka_shards SET filed_until = %s, ended = %s WHERE topic = %s AND shard_id = %s",
            [shard.filed_until, shard.ended, self.name, shard.id],
        )

    def unwritten(self) -> tuple[File, bool] | None:
        """The file that was recorded and not finished, and whether it was put into Incoming: whether it is a load."""
        self.cursor.execute(
            "SELECT id, ranges, records, EXISTS (SELECT FROM cubic_loads l WHERE l.s3_key = f.s3_key) AS loaded"
            " FROM cubic_kafka_files f WHERE topic = %s AND written_at IS NULL",
            [self.name],
        )
        if (row := self.cursor.fetchone()) is None:
            return None
        ranges = tuple(Range(it["shard"], int(it["first"]), int(it["last"]), it["ended"]) for it in row["ranges"])
        return File(row["id"], self.name, ranges, row["records"]), row["loaded"]

    def record(self, file: File, now: datetime) -> None:
        """The numbers go into JSON as text: most readers of JSON would round them."""
        ranges = [asdict(it) | {"first": str(it.first), "last": str(it.last)} for it in file.ranges]
        self.cursor.execute(
            "INSERT INTO cubic_kafka_files (id, topic, ranges, records, s3_key, created_at) VALUES (%s, %s, %s, %s, %s, %s)",
            [file.id, file.topic, Jsonb(ranges), file.records, file.key, now],
        )

    def finish(self, file: File, now: datetime) -> None:
        """Notes that the file is written, and that its records are in it."""
        self.cursor.execute("UPDATE cubic_kafka_files SET written_at = %s WHERE id = %s", [now, file.id])
        self.cursor.executemany(
            "UPDATE cubic_kafka_shards SET checkpoint = %s, ended = %s WHERE topic = %s AND shard_id = %s",
            [(it.last, it.ended, self.name, it.shard) for it in file.ranges],
        )
