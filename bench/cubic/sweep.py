"""Measures a sweep of Incoming: by what is there, and by what ever was.

    python -m bench.cubic.sweep [--rounds 2] [--history 1000000] [--json FILE]

All objects of Incoming are registered, as they mostly are: the sweep finds that out, and rings for their tables. PostgreSQL
runs on this machine; S3 and the queues cost nothing (functions that answer). There are ten tables, none of them with
key columns, so that no view is looked at in Glue.

- ours: the whole of cubic.sweeping, all versions and all that is undone;
- all keys: what is listed minus all that is registered, fetched whole: the plain way to miss nothing;
- watermark, the public implementation's: the latest objects only, later than each table's newest load. It misses files
  (bench.cubic.register).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.cubic import store
from cubic.keys import table_name
from cubic.messages import SweepIncoming
from cubic.raw_zone import RawZone
from cubic.store.database import PostgreSql
from cubic.sweeping import Sweep, sweep_incoming
from ingestion.landing_zone.zone import Bucket
from local.emulator.postgres_server import PostgresServer
from tests import cubic

TABLES = 10
THERE = (1_000, 100_000)
PAGE = 1_000
NOW = datetime(2022, 3, 4, tzinfo=UTC)


class S3:
    """Versions of objects, page by page; any other bucket is empty."""

    def __init__(self, prefixes: list[str], objects: int) -> None:
        each = objects // len(prefixes)
        self.versions = [
            {
                "Key": f"{prefix[:-1]}__ct/n{n:09}.csv.gz",
                "VersionId": f"v{n}",
                "LastModified": NOW + timedelta(seconds=n),
                "Size": 100_000,
                "ETag": '"e"',
            }
            for prefix in prefixes
            for n in range(each)
        ]

    def list_object_versions(self, *, KeyMarker: str = "0", **_: str) -> dict[str, Any]:  # noqa: N803
        at = int(KeyMarker)
        end = at + PAGE
        more = {"IsTruncated": end < len(self.versions), "NextKeyMarker": str(end), "NextVersionIdMarker": "v"}
        return {"Versions": self.versions[at:end]} | more

    def get_paginator(self, _: str) -> S3:
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{}]


def ours(s3: Any, db: PostgreSql) -> int:
    rung: list[Any] = []
    glue: Any = None
    alerts: Any = None
    bucket = Bucket(s3, "springboard", ThreadPoolExecutor)
    at = Sweep(db, s3, "incoming", bucket, RawZone(bucket, glue, "raw"), alerts, rung.extend)
    if sweep_incoming(SweepIncoming(), at, NOW, lambda: 900):
        raise RuntimeError("The sweep has not ended.")
    return len(rung)


def all_keys(s3: S3, db: PostgreSql) -> int:
    with db.transaction() as cursor:
        cursor.execute("SELECT s3_key, s3_modified, s3_version FROM cubic_loads")
        known = {(row["s3_key"], row["s3_modified"], row["s3_version"]) for row in cursor}
    return sum((it["Key"], it["LastModified"], it["VersionId"]) not in known for it in _listed(s3))


def watermark(s3: S3, db: PostgreSql) -> int:
    with db.transaction() as cursor:
        cursor.execute(
            "SELECT s3_prefix, (SELECT max(s3_modified) FROM cubic_loads WHERE table_id = t.id) AS newest "
            "FROM cubic_tables t"
        )
        newest = {row["s3_prefix"][:-1]: row["newest"] for row in cursor}
    return sum(it["LastModified"] > newest[it["Key"].rpartition("/")[0].removesuffix("__ct")] for it in _listed(s3))


def _listed(s3: S3) -> Iterator[dict[str, Any]]:
    marker = "0"
    while True:
        page = s3.list_object_versions(KeyMarker=marker)
        yield from page["Versions"]
        if not page["IsTruncated"]:
            return
        marker = page["NextKeyMarker"]


WAYS: dict[str, Callable[[Any, PostgreSql], int]] = {"ours": ours, "all keys": all_keys, "watermark": watermark}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--history", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    prefixes, rows = store.ods(TABLES), []
    sys.stdout.write(f"{'in Incoming':>11} {'history':>9} {'ours':>9} {'all keys':>9} {'watermark':>9}  seconds\n")
    with store.database(prefixes) as (server, db):
        for history in (0, options.history):
            began = time.monotonic()
            if history:
                cubic.add_history(server, prefixes, history // TABLES)
                sys.stderr.write(f"{history:,} loads of history made in {time.monotonic() - began:.0f} s\n")
            for there in THERE:
                s3 = S3(prefixes, there)
                _forget_ready(db)
                _register(db, s3)
                taken: dict[str, list[float]] = {way: [] for way in WAYS}
                for _ in range(options.rounds):
                    for name, way in WAYS.items():
                        began = time.monotonic()
                        found = way(s3, db)
                        taken[name].append(time.monotonic() - began)
                        if found != (TABLES if name == "ours" else 0):
                            raise RuntimeError(f"{name} found {found} things to do.")
                row = {"there": there, "history": history} | {
                    name: round(statistics.median(seconds), 3) for name, seconds in taken.items()
                }
                rows.append(row)
                sys.stdout.write(f"{there:11,} {history:9,} {' '.join(f'{row[name]:9.2f}' for name in WAYS)}\n")
                sys.stdout.flush()
        sizes = _megabytes(server)
    sys.stdout.writelines(f"{size:8} MB  {name}\n" for name, size in sizes.items())
    if options.json:
        command = f"python -m bench.cubic.sweep --rounds {options.rounds} --history {options.history}"
        result = {"name": "sweep", "command": command, "rows": rows, "megabytes": sizes}
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def _forget_ready(db: PostgreSql) -> None:
    with db.transaction() as cursor:
        cursor.execute("DELETE FROM cubic_load_ods_snapshots WHERE NOT filed")
        cursor.execute("DELETE FROM cubic_table_ods_snapshots WHERE snapshot = %s", (NOW,))
        cursor.execute("DELETE FROM cubic_loads WHERE status = 'ready'")


def _register(db: PostgreSql, s3: S3) -> None:
    """Makes their rows at once, in a snapshot of each table: bench.cubic.register measures how they come about."""
    columns = "table_id, status, s3_key, s3_modified, s3_size, s3_version, s3_etag, registered_at"
    with db.transaction() as cursor:
        cursor.execute("SELECT id, name FROM cubic_tables")
        ids = {row["name"]: row["id"] for row in cursor}
        with cursor.copy(f"COPY cubic_loads ({columns}) FROM STDIN") as copy:
            for it in s3.versions:
                table = ids[table_name(it["Key"].rpartition("/")[0].removesuffix("__ct") + "/")]
                values = (it["Key"], it["LastModified"], it["Size"], it["VersionId"], "e", it["LastModified"])
                copy.write_row((table, "ready", *values))
        cursor.execute(
            "INSERT INTO cubic_table_ods_snapshots SELECT table_id, %s, min(s3_key), min(id), %s FROM cubic_loads l "
            "WHERE status = 'ready' GROUP BY table_id ON CONFLICT DO NOTHING",
            (NOW, NOW),
        )
        cursor.execute(
            "INSERT INTO cubic_load_ods_snapshots SELECT id, table_id, %s, true FROM cubic_loads WHERE status = 'ready' "
            "ON CONFLICT DO NOTHING",
            (NOW,),
        )
        cursor.execute("ANALYZE")


def _megabytes(server: PostgresServer) -> dict[str, int]:
    """Those of each table and index of loads that has at least one."""
    with server.connect() as connection:
        found = connection.execute(
            "SELECT relname, pg_relation_size(oid) / 1000000 FROM pg_class WHERE pg_relation_size(oid) >= 1000000 "
            "AND relname LIKE 'cubic_load%' AND relkind IN ('r', 'i') ORDER BY 2 DESC"
        )
        return dict(found.fetchall())


if __name__ == "__main__":
    main()
