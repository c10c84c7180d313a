"""Measures claims of eight processes at once, in one PostgreSQL on this machine.

    python -m bench.cubic.claim [--tables 300] [--rounds 3] [--json FILE]

Each table has 20 loads that are ready, and each process is rung for each table once, in an order of its own: seven of eight
doorbells find nothing to do, as where messages come late and twice. A round is from the first claim to the last doorbell.

- ours: cubic.store.claiming;
- waiting: the same statements without SKIP LOCKED, with the plain FOR UPDATE of a user who has not heard of it;
- one queue: the loads of all tables in one queue, the oldest 20 that are ready, FOR UPDATE, without tables or batches.

Each is judged: all loads are claimed, none twice.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from bench.cubic import store
from cubic.keys import table_name
from cubic.settings import DatabaseSettings
from cubic.store import claiming
from cubic.store.database import Credentials, PostgreSql, Row
from tests import cubic

WORKERS, LOADS = 8, 20
NOW = datetime(2022, 3, 4, tzinfo=UTC)

type Claim = Callable[[PostgreSql, str], list[int]]


class _Waits(psycopg.Cursor[Row]):
    def execute(self, query: Any, *parameters: Any, **more: Any) -> Any:
        return super().execute(query.replace("FOR NO KEY UPDATE SKIP LOCKED", "FOR UPDATE"), *parameters, **more)


class Waiting(PostgreSql):
    """Waits for each lock."""

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with super().transaction() as cursor, _Waits(cursor.connection) as waits:
            yield waits


def _of_table(db: PostgreSql, table: str) -> list[int]:
    batch = claiming.claim(db, table, NOW)
    return [load.load_id for load in batch.loads] if batch else []


def _of_queue(db: PostgreSql, _: str) -> list[int]:
    with db.transaction() as cursor:
        cursor.execute(
            "SELECT id FROM cubic_loads WHERE status = 'ready' ORDER BY s3_modified, id LIMIT %s FOR UPDATE", [LOADS]
        )
        chosen = [row["id"] for row in cursor]
        cursor.execute(
            "UPDATE cubic_loads SET status = 'ready_for_erroring', reason = 'claimed' WHERE id = ANY(%s)", [chosen]
        )
        return chosen


WAYS: dict[str, tuple[type[PostgreSql], Claim]] = {
    "ours": (PostgreSql, _of_table),
    "waiting": (Waiting, _of_table),
    "one queue": (PostgreSql, _of_queue),
}

type Work = tuple[float, float, list[list[int]]]  # begin, end, batches


def work(settings: DatabaseSettings, credentials: Credentials, way: str, tables: list[str]) -> Work:
    """One process: connects, waits for the others, and answers its doorbells."""
    of, claim = WAYS[way]
    db = of(settings, lambda: credentials)
    with db.transaction() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(1)")
    began = time.monotonic()
    batches = [loads for table in tables if (loads := claim(db, table))]
    ended = time.monotonic()
    db.close()
    return began, ended, batches


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    prefixes = store.ods(options.tables)
    tables = [table_name(prefix) for prefix in prefixes]
    orders = [Random(n).sample(tables, len(tables)) for n in range(WORKERS)]  # noqa: S311  no secret
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    with store.database(prefixes) as (server, db), ProcessPoolExecutor(WORKERS, get_context("fork")) as pool:
        where = cubic.settings_of(server), cubic.credentials_of(server)
        for number in range(options.rounds):
            for way, taken in rates.items():
                _fill(db)
                with db.transaction() as cursor:
                    cursor.execute("SELECT pg_advisory_xact_lock(1)")
                    working = [pool.submit(work, *where, way, order) for order in orders]
                    while _waiting(cursor) < WORKERS and not any(it.done() for it in working):
                        time.sleep(0.05)
                done = [it.result() for it in working]
                batches = [batch for _, _, some in done for batch in some]
                loads = [load for batch in batches for load in batch]
                if len(loads) != len(set(loads)) or len(loads) != LOADS * options.tables:
                    raise RuntimeError(f"{way}: {len(loads)} loads were claimed, {len(set(loads))} of them different.")
                taken.append(len(batches) / (max(end for _, end, _ in done) - min(begin for begin, _, _ in done)))
                sys.stderr.write(f"round {number + 1}, {way}: {taken[-1]:.0f} batches a second\n")
    rows, base = [], statistics.median(rates["waiting"])
    sys.stdout.write(f"{'way':10} {'batches/s':>9} {'loads/s':>9} {'ratio':>6}\n")
    for way, taken in rates.items():
        rate = statistics.median(taken)
        rows.append({"way": way, "batches_per_second": round(rate), "ratio": round(rate / base, 2)})
        sys.stdout.write(f"{way:10} {rate:9,.0f} {LOADS * rate:9,.0f} {rate / base:6.2f}\n")
    if options.json:
        command = f"python -m bench.cubic.claim --tables {options.tables} --rounds {options.rounds}"
        options.json.write_text(json.dumps({"name": "claim", "command": command, "rows": rows}, indent=1) + "\n")


def _fill(db: PostgreSql) -> None:
    """Gives each table its loads, of DMAP's kind as far as the claim sees: without a snapshot to wait for."""
    with db.transaction() as cursor:
        cursor.execute("TRUNCATE cubic_loads, cubic_table_ods_snapshots, cubic_load_ods_snapshots, cubic_batches")
        cursor.execute(
            "INSERT INTO cubic_loads (table_id, status, s3_key, s3_modified, s3_size, s3_version, s3_etag, registered_at) "
            "SELECT id, 'ready', replace(s3_prefix, 'ods_qlik', 'dmap') || n || '.csv', %(now)s, 1, 'v', 'e', %(now)s "
            "FROM cubic_tables, generate_series(1, %(loads)s) n",
            {"now": NOW, "loads": LOADS},
        )
        cursor.execute("ANALYZE cubic_loads")


def _waiting(cursor: Any) -> int:
    """How many processes are connected, and wait to begin."""
    cursor.execute("SELECT count(*) AS it FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    [row] = cursor.fetchall()
    return int(row["it"])


if __name__ == "__main__":
    main()
