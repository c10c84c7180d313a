"""Measures how fast events of Incoming become loads, and which files other ways lose.

    python -m bench.cubic.register [--tables 2] [--rounds 3] [--json FILE]

Each table has a full load of 600 files and 600 files of changes, which come within the same 20 minutes: the arrival of a
large file is up to 30 s after its time, which is that of the upload's start. One connection over TLS to a PostgreSQL on this
machine. S3 costs nothing (a function that answers): moto would cost more than all that is measured.

- ours: from the text of the event to the row, its snapshot and the next message (cubic.registering);
- INSERT: a row for each object in a transaction of its own, into the same table: no snapshot, no lock, no question to S3;
- watermark, the public implementation's: each minute the objects of the listing that are later than the table's newest load,
  cut to seconds, one INSERT for each. `lost`: what it never registers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

from bench.cubic import store
from cubic.functions.inbox import to_register
from cubic.keys import table_name
from cubic.registering import register_load
from cubic.store.database import PostgreSql
from local.emulator.postgres_server import PostgresServer

FILES = 600  # of each kind, of a table
START = datetime(2022, 3, 4, tzinfo=UTC)
BUCKET = "incoming"
_INSERT = (
    "INSERT INTO cubic_loads (table_id, status, s3_key, s3_modified, s3_size, s3_version, s3_etag, registered_at) "
    "SELECT id, 'ready', %s, %s, %s, %s, %s, now() FROM cubic_tables WHERE name = %s ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True)
class Arrival:
    """An object, and when it can be seen. S3's `modified` may be earlier."""

    table: str
    key: str
    version: str
    modified: datetime
    seen: datetime

    @property
    def event(self) -> str:
        """As EventBridge delivers it: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html"""
        found = {"key": self.key, "size": 100_000, "etag": "e", "version-id": self.version, "sequencer": "1"}
        detail = {"version": "0", "bucket": {"name": BUCKET}, "object": found, "reason": "PutObject"}
        return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})


class S3:
    """Answers at once."""

    def __init__(self, arrivals: list[Arrival]) -> None:
        self._answers = {
            arrival.version: {"LastModified": arrival.modified, "ContentLength": 100_000, "ETag": '"e"'}
            for arrival in arrivals
        }

    def head_object(self, **request: str) -> Any:
        return self._answers[request["VersionId"]]


def arrivals(prefixes: list[str]) -> list[Arrival]:
    """In the order of their arrival."""
    chance = Random(1)  # noqa: S311  no secret
    found = []
    for prefix in prefixes:
        name = table_name(prefix)
        for n in range(FILES):
            loaded, changed = START + timedelta(seconds=2 * n), START + timedelta(seconds=1 + 2 * n)
            upload = timedelta(seconds=chance.uniform(0, 30) if n else 0)
            found.append(Arrival(name, f"{prefix}LOAD{n + 1:08X}.csv.gz", f"{name} l{n}", loaded, loaded + upload))
            key = f"{prefix[:-1]}__ct/{changed:%Y%m%d-%H%M%S}000.csv.gz"
            found.append(Arrival(name, key, f"{name} c{n}", changed, changed))
    return sorted(found, key=lambda it: (it.seen, it.key))


def by_us(found: list[Arrival], db: PostgreSql, _: PostgresServer) -> None:
    s3: Any = S3(found)
    alerts: Any = None  # nobody is told anything
    for event, now in [(it.event, it.seen) for it in found]:
        if not register_load(to_register(event, BUCKET, now), db, s3, BUCKET, alerts, now):
            raise RuntimeError(f"Nothing is to do after {event}.")


def by_insert(found: list[Arrival], _: PostgreSql, server: PostgresServer) -> None:
    with server.connect(autocommit=True) as connection:
        for it in found:
            connection.execute(_INSERT, (it.key, it.modified, 100_000, it.version, "e", it.table))


def by_watermark(found: list[Arrival], _: PostgreSql, server: PostgresServer) -> None:
    newest = (
        "SELECT max(date_trunc('second', s3_modified)) FROM cubic_loads "
        "WHERE table_id = (SELECT id FROM cubic_tables WHERE name = %s)"
    )
    last, seen = max(it.seen for it in found), START
    with server.connect(autocommit=True) as connection:
        while seen < last:
            seen += timedelta(minutes=1)
            # A listing has all that was ever put; the rows of those that are known cost nothing here.
            there = sorted((it for it in found if it.seen <= seen), key=lambda it: (it.table, it.modified))
            for table, of_table in groupby(there, key=lambda it: it.table):
                [(watermark,)] = connection.execute(newest, (table,)).fetchall()
                for it in of_table:
                    if watermark is None or it.modified.replace(microsecond=0) > watermark:
                        connection.execute(_INSERT, (it.key, it.modified, 100_000, it.version, "e", it.table))


WAYS: dict[str, Callable[[list[Arrival], PostgreSql, PostgresServer], None]] = {
    "ours": by_us,
    "INSERT": by_insert,
    "watermark": by_watermark,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    prefixes = store.ods(options.tables)
    found = arrivals(prefixes)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    lost: dict[str, int] = {}
    with store.database(prefixes) as (server, db):
        for number in range(options.rounds):
            for name, way in WAYS.items():
                _forget(db)
                began = time.monotonic()
                way(found, db, server)
                seconds[name].append(time.monotonic() - began)
                lost[name] = len(found) - _loads(db)
                sys.stderr.write(f"round {number + 1}, {name}: {seconds[name][-1]:.1f} s for {len(found):,} files\n")
    rows = []
    base = statistics.median(seconds["INSERT"])
    sys.stdout.write(f"{'way':10} {'loads/s':>8} {'ratio':>6} {'lost':>6}\n")
    for name, taken in seconds.items():
        median = statistics.median(taken)
        row = {
            "way": name,
            "files": len(found),
            "loads_per_second": round((len(found) - lost[name]) / median),
            "ratio": round(base / median, 2),
            "lost": lost[name],
        }
        rows.append(row)
        sys.stdout.write(f"{name:10} {row['loads_per_second']:8,} {row['ratio']:6.2f} {row['lost']:6}\n")
    if options.json:
        command = f"python -m bench.cubic.register --tables {options.tables} --rounds {options.rounds}"
        options.json.write_text(json.dumps({"name": "register", "command": command, "rows": rows}, indent=1) + "\n")


def _forget(db: PostgreSql) -> None:
    with db.transaction() as cursor:
        cursor.execute("TRUNCATE cubic_loads, cubic_table_ods_snapshots, cubic_load_ods_snapshots")


def _loads(db: PostgreSql) -> int:
    with db.transaction() as cursor:
        cursor.execute("SELECT count(*) AS loads FROM cubic_loads")
        [row] = cursor.fetchall()
        return int(row["loads"])


if __name__ == "__main__":
    main()
