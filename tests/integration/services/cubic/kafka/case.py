"""One topic from the stream to its files, in a real database, with a Kinesis and an S3 that do all that those may do."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

from cubic.kafka.file import Buckets
from cubic.kafka.reading import Stream
from cubic.kafka.topic import write_topic
from cubic.store.database import Database
from ingestion.errors import Terminal
from tests.fakes import FakeClock, FakeS3
from tests.kinesis import FakeKinesis

BUCKETS = Buckets("incoming", "error")
FIRST, SECOND, THIRD = (f"shardId-{n:012}" for n in range(3))


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Killer:
    """Counts the calls of a run, and kills it before one of them, or at its end.

    Before a call is after the one before. SQL within a transaction counts not: it has no effect but by the commit.
    """

    at: int = -1
    seen: int = 0

    def moment(self) -> None:
        self.seen += 1
        if self.seen == self.at:
            raise Killed

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **more: Any) -> Any:
            self.moment()
            return call(*args, **more)

        return called


@dataclass
class _Around:
    of: Any
    killer: Killer

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.of, name)
        return self.killer.around(found) if callable(found) else found


@dataclass
class _Database:
    of: Database
    killer: Killer

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with self.of.transaction() as cursor:
            yield cursor
            self.killer.moment()
        self.killer.moment()


@dataclass
class Case:
    """A topic: the records sent to it, which are numbered, those in files, and the alerts."""

    database: Database
    shards: int = 2
    name: str = "sample"
    keys: int = 16
    clock: FakeClock = field(default_factory=FakeClock)
    told: list[tuple[str, str]] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kinesis = FakeKinesis(self.clock, self.shards)
        self.s3 = FakeS3()
        for bucket in ("incoming", "error"):
            self.s3.create_bucket(Bucket=bucket)
        self._numbers = count()

    def put(self, records: int, *, key: str | None = None, pad: int = 0) -> None:
        for n in (next(self._numbers) for _ in range(records)):
            of = key or f"k{n % self.keys}"
            self.send(of, json.dumps({"key": of, "n": n, "pad": "x" * pad}).encode())

    def send(self, key: str, data: bytes) -> str:
        self.sent.append(data)
        return self.kinesis.put(key, data)

    def key_of(self, shard: str) -> str:
        """A key whose records get into the shard."""
        return next(key for key in map(str, range(100, 200)) if self.kinesis.shard_of(key).id == shard)

    def wait(self, **duration: float) -> None:
        self.clock.sleep(timedelta(**duration).total_seconds())

    def poll(self, killer: Killer | None = None, *, seconds: float = 900) -> bool:
        """Runs once. False if it was killed."""
        killer, ends = killer or Killer(), self.clock.monotonic() + seconds
        kinesis: Any = _Around(self.kinesis, killer)
        s3: Any = _Around(self.s3, killer)
        stream = Stream(kinesis, "stream", self.clock, lambda: ends - self.clock.monotonic())
        try:
            write_topic(self.name, stream, s3, _Database(self.database, killer), BUCKETS, killer.around(self._tell))
        except Killed:
            return False
        return True

    def _tell(self, error: Terminal) -> None:
        self.told.append((type(error).__name__, str(error)))

    @property
    def errors(self) -> list[str]:
        return [error for error, _ in self.told]

    @property
    def files(self) -> list[list[bytes]]:
        """The lines of each file in Incoming, in the order of their being put."""
        return [versions[-1].body.splitlines() for versions in self.s3.buckets["incoming"].values()]

    @property
    def sizes(self) -> list[int]:
        return [len(file) for file in self.files]

    @property
    def refused(self) -> list[bytes]:
        bodies = self.s3.keys("error").values()
        return [b64decode(json.loads(line)["data"]) for body in bodies for line in body.splitlines()]

    def judge(self, *, without: int = 0) -> None:
        """Each record that was sent, but the first `without`, is there once, and those of each key are in order."""
        lines = [line for file in self.files for line in file]
        assert sorted(lines + self.refused) == sorted(self.sent[without:])
        last: dict[str, int] = {}
        for record in map(json.loads, lines):
            assert last.get(record["key"], -1) < record["n"]
            last[record["key"]] = record["n"]
        assert all(len(versions) == 1 for bucket in self.s3.buckets.values() for versions in bucket.values())
