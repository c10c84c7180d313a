"""The database itself refuses what must never be, whoever asks for it."""

from __future__ import annotations

from contextlib import nullcontext
from uuid import uuid4

import psycopg
import pytest

from cubic.loads import TRANSITIONS, LoadStatus
from cubic.store.database import Cursor, Database
from tests.cubic import PREFIX, START, configure, ingest, move, register


def load_in(cursor: Cursor, status: LoadStatus) -> int:
    batch = None
    if status is LoadStatus.INGESTING:
        batch = uuid4()
        cursor.execute("INSERT INTO cubic_batches VALUES (%s, 1, NULL, now(), now())", (batch,))
    cursor.execute(
        "INSERT INTO cubic_loads (table_id, status, s3_key, s3_modified, s3_size, s3_version, s3_etag, registered_at, rows, "
        "reason, kept_key, kept_version, batch_id) VALUES (1, %s, %s, %s, 1, 'v', 'e', now(), 1, 'other: x', 'k', 'v', %s) "
        "RETURNING id",
        (status, f"{PREFIX}LOAD001.csv", START, batch),
    )
    [row] = cursor.fetchall()
    return int(row["id"])


@pytest.mark.parametrize("before", LoadStatus)
def test_case_17_a_status_changes_as_the_transitions_say_and_in_no_other_way(database: Database, before: LoadStatus) -> None:
    configure(database)
    with database.transaction() as cursor:
        load = load_in(cursor, before)
        cursor.execute("INSERT INTO cubic_batches VALUES (%s, 1, NULL, now(), now(), now())", (batch := uuid4(),))
        for after in set(LoadStatus) - {before}:
            allowed = (before, after) in TRANSITIONS
            refused = pytest.raises(psycopg.errors.CheckViolation, match=f"must not go from {before} to {after}")
            with nullcontext() if allowed else refused, cursor.connection.transaction(force_rollback=True):
                cursor.execute(
                    "UPDATE cubic_loads SET status = %s, batch_id = %s WHERE id = %s",
                    (after, batch if after is LoadStatus.INGESTING else None, load),
                )


def test_case_17_archived_to_ready_and_a_duplicate_row_by_sql_are_refused(database: Database) -> None:
    configure(database)
    load = register(database, f"{PREFIX}LOAD001.csv.gz")
    ingest(database, START)
    move(database, load, START)
    with pytest.raises(psycopg.errors.CheckViolation, match="archived to ready"), database.transaction() as cursor:
        cursor.execute("UPDATE cubic_loads SET status = 'ready'")
    with pytest.raises(psycopg.errors.UniqueViolation), database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO cubic_loads (table_id, status, s3_key, s3_modified, s3_size, s3_version, s3_etag, registered_at) "
            "SELECT table_id, 'ready', s3_key, s3_modified, s3_size, s3_version, s3_etag, registered_at FROM cubic_loads"
        )


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("UPDATE cubic_loads SET s3_size = -1", psycopg.errors.CheckViolation),
        ("UPDATE cubic_loads SET kept_key = NULL", psycopg.errors.CheckViolation),
        ("UPDATE cubic_loads SET rows = NULL", psycopg.errors.CheckViolation),
        ("UPDATE cubic_loads SET table_id = 2", psycopg.errors.ForeignKeyViolation),
        ("DELETE FROM cubic_loads", psycopg.errors.ForeignKeyViolation),
        ("DELETE FROM cubic_tables", psycopg.errors.ForeignKeyViolation),
        ("DELETE FROM cubic_table_ods_snapshots", psycopg.errors.ForeignKeyViolation),
        ("UPDATE cubic_load_ods_snapshots SET snapshot = now()", psycopg.errors.ForeignKeyViolation),
        ("UPDATE cubic_load_ods_snapshots SET table_id = 2", psycopg.errors.ForeignKeyViolation),
        (
            "INSERT INTO cubic_tables (name, s3_prefix) SELECT name, 'another' FROM cubic_tables",
            psycopg.errors.UniqueViolation,
        ),
        (
            "INSERT INTO cubic_batches SELECT gen_random_uuid(), 1, NULL, now(), now() FROM generate_series(1, 2)",
            psycopg.errors.UniqueViolation,
        ),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused(database: Database, statement: str, refusal: type[psycopg.Error]) -> None:
    configure(database)
    load = register(database, f"{PREFIX}LOAD001.csv.gz")
    ingest(database, START)
    move(database, load, START)
    with pytest.raises(refusal), database.transaction() as cursor:
        cursor.execute(statement)
