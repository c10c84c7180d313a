"""Measures the reader of Kinesis over hours of traffic: files, the records' delay, and CPU.

    python -m bench.cubic.kinesis [--hours 6] [--json FILE]

The hours are those of a fake clock and of tests.kinesis' stream of one shard; the metadata database is a PostgreSQL on this
machine, S3 is a dictionary. A delay is from a record's arrival to the object with it. Records have some 200 bytes.

- ours: cubic.kafka, asked each minute: a file after 10,000 records or an hour, whichever is first;
- event source mapping: Lambda's, with the longest window that it has, 300 s, the most records, 10,000, and 6 MB; a function
  that decodes its event and puts it as lines, checking nothing, whose CPU is measured;
- Firehose: the longest that it waits, 900 s, or 128 MB; by its documentation, without any CPU of ours. It has no count.

The two are models of their rules, as no AWS is here: they know nothing of retries, of their own delays, or of a
second shard, of which the mapping would make files of their own.
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
https://docs.aws.amazon.com/firehose/latest/dev/buffering-hints.html
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from bench.cubic import store
from cubic.kafka.file import Buckets
from cubic.kafka.reading import Stream
from cubic.kafka.topic import write_topic
from cubic.store.database import PostgreSql
from tests.fakes import FakeClock
from tests.kinesis import FakeKinesis

POLL = 60
START = datetime(2022, 3, 4, tzinfo=UTC)
WINDOW_SECONDS, WINDOW_RECORDS, WINDOW_BYTES = 300, 10_000, 6 * 10**6
BUFFER_SECONDS, BUFFER_BYTES = 900, 128 * 1024**2

type Arrival = tuple[float, bytes]
type Sent = tuple[int, list[float]]  # files, and each record's delay in seconds


def steady(hours: int) -> Iterator[float]:
    """3 a second."""
    return (n / 3 for n in range(3 * 3600 * hours))


def bursts(hours: int) -> Iterator[float]:
    """25,000 within ten minutes, each six hours, and nothing else."""
    return (hour * 3600 + n * 600 / 25_000 for hour in range(1, hours, 6) for n in range(25_000))


def trickle(hours: int) -> Iterator[float]:
    """One every two minutes or so."""
    chance, at = Random(1), 0.0  # noqa: S311  no secret
    while (at := at + chance.expovariate(1 / 120)) < 3600 * hours:
        yield at


PROFILES: dict[str, Callable[[int], Iterator[float]]] = {"steady": steady, "bursts": bursts, "trickle": trickle}


class S3:
    """Keeps the number of lines of each object, and when it was put."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock, self.files = clock, list[tuple[float, int]]()

    def put_object(self, *, Body: bytes, **_: str) -> None:  # noqa: N803
        self.files.append(((self.clock.now() - START).total_seconds(), Body.count(b"\n")))


class TimedKinesis(FakeKinesis):
    """Its own work is not the reader's: `seconds` of CPU."""

    seconds = 0.0

    def get_shard_iterator(self, **request: Any) -> dict[str, Any]:
        return self._timed(lambda: super(TimedKinesis, self).get_shard_iterator(**request))

    def get_records(self, **request: Any) -> dict[str, Any]:
        return self._timed(lambda: super(TimedKinesis, self).get_records(**request))

    def _timed(self, do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        began = time.process_time()
        try:
            return do()
        finally:
            self.seconds += time.process_time() - began

    def forget(self, records: int) -> None:
        """Drops what is in files, but for the last, after which the reader goes on: the fake looks at each of the rest."""
        [shard] = self.shards.values()
        del shard.records[: max(records - 1, 0)]


def by_us(arrivals: list[Arrival], db: PostgreSql) -> tuple[Sent, float]:
    clock = FakeClock(START)
    kinesis, s3 = TimedKinesis(clock), S3(clock)
    clients: tuple[Any, Any] = kinesis, s3
    seconds, arriving, filed = 0.0, iter(arrivals), 0
    ahead = next(arriving, None)
    dropped = 0
    for minute in range(POLL, int(arrivals[-1][0]) + 2 * 3600, POLL):
        while ahead and ahead[0] < minute:
            clock.slept = ahead[0]
            kinesis.put("k", ahead[1])
            ahead = next(arriving, None)
        clock.slept = minute
        began = time.process_time()
        stream = Stream(clients[0], kinesis.name, clock, lambda: 900)
        write_topic("sample", stream, clients[1], db, Buckets("incoming", "error"), _fail)
        seconds += time.process_time() - began
        if (now := sum(lines for _, lines in s3.files)) > filed:
            filed = now
            kinesis.forget(filed - dropped)
            dropped = filed - 1
    delays, at = [], 0
    for put, lines in s3.files:
        delays += [put - arrived for arrived, _ in arrivals[at : at + lines]]
        at += lines
    if at != len(arrivals):
        raise RuntimeError(f"{at} of {len(arrivals)} records are in files.")
    return (len(s3.files), delays), seconds - kinesis.seconds


def _fail(error: Exception) -> None:
    raise error


def by_rules(arrivals: list[Arrival], seconds: float, records: float, size: int) -> Iterator[tuple[float, list[Arrival]]]:
    """The batches of something that waits so long from the first record on, each with when it is handed over."""
    batch: list[Arrival] = []
    held = 0
    for it in arrivals:
        if batch and it[0] >= batch[0][0] + seconds:
            yield batch[0][0] + seconds, batch
            batch, held = [], 0
        batch.append(it)
        held += len(it[1])
        if len(batch) >= records or held >= size:
            yield it[0], batch
            batch, held = [], 0
    if batch:
        yield batch[0][0] + seconds, batch


def by_mapping(arrivals: list[Arrival], _: PostgreSql) -> tuple[Sent, float]:
    files, delays, seconds = 0, [], 0.0
    for at, batch in by_rules(arrivals, WINDOW_SECONDS, WINDOW_RECORDS, WINDOW_BYTES):
        event = json.dumps({"Records": [{"kinesis": {"data": b64encode(data).decode()}} for _, data in batch]})
        began = time.process_time()
        b"\n".join(b64decode(it["kinesis"]["data"]) for it in json.loads(event)["Records"])
        seconds += time.process_time() - began
        files += 1
        delays += [at - arrived for arrived, _ in batch]
    return (files, delays), seconds


def by_firehose(arrivals: list[Arrival], _: PostgreSql) -> tuple[Sent, float]:
    batches = list(by_rules(arrivals, BUFFER_SECONDS, float("inf"), BUFFER_BYTES))
    return (len(batches), [at - arrived for at, batch in batches for arrived, _ in batch]), 0.0


WAYS = {"ours": by_us, "event source mapping": by_mapping, "Firehose": by_firehose}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=6)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    sys.stdout.write(f"{'':37} {'':>7} {'':>6} {'delay, minutes':^20} {'records a':>12}\n")
    sys.stdout.write(
        f"{'traffic':8} {'way':20} {'records':>7} {'files':>7} {'ratio':>6} {'mean':>6} {'95 %':>6} {'max':>6} "
        f"{'s of CPU':>12}\n"
    )
    with store.database([]) as (_, db):
        for profile, times in PROFILES.items():
            arrivals = [(at, _record(n)) for n, at in enumerate(times(options.hours))]
            with db.transaction() as cursor:
                cursor.execute("TRUNCATE cubic_kafka_streams, cubic_kafka_shards, cubic_kafka_files")
            sent = {name: way(arrivals, db) for name, way in WAYS.items()}
            for name, ((files, delays), seconds) in sent.items():
                row = {
                    "traffic": profile,
                    "way": name,
                    "records": len(arrivals),
                    "files": files,
                    "ratio": round(files / sent["ours"][0][0], 2),
                    "mean_minutes": round(statistics.mean(delays) / 60, 1),
                    "p95_minutes": round(statistics.quantiles(delays, n=100)[94] / 60, 1),
                    "max_minutes": round(max(delays) / 60, 1),
                    "records_per_cpu_second": round(len(arrivals) / seconds) if seconds else None,
                }
                rows.append(row)
                sys.stdout.write(_line(row))
                sys.stdout.flush()
    if options.json:
        result = {"name": "kinesis", "command": f"python -m bench.cubic.kinesis --hours {options.hours}", "rows": rows}
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def _record(number: int) -> bytes:
    return json.dumps({"id": number, "at": str(START + timedelta(seconds=number)), "text": "x" * 140}).encode()


def _line(row: dict[str, Any]) -> str:
    delays = " ".join(f"{row[name]:6.1f}" for name in ("mean_minutes", "p95_minutes", "max_minutes"))
    rate = f"{row['records_per_cpu_second']:12,}" if row["records_per_cpu_second"] else f"{'-':>12}"
    return f"{row['traffic']:8} {row['way']:20} {row['records']:7,} {row['files']:7,} {row['ratio']:6.2f} {delays} {rate}\n"


if __name__ == "__main__":
    main()
