"""The schema, and that loads.py and the database say the same."""

from __future__ import annotations

import getpass
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cubic.errors import DatabaseUnavailable
from cubic.loads import TRANSITIONS, LoadStatus
from cubic.migrating import migrate, roll_back
from cubic.settings import DatabaseSettings
from cubic.store.database import Credentials, Database
from local.emulator.postgres_server import PostgresServer
from tests.cubic import credentials_of, settings_of

SCHEMA = """
    SELECT 'column' AS kind, table_name AS of, column_name || ' ' || data_type || ' ' || is_nullable || ' '
        || coalesce(column_default, '') AS said FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'index', tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'view', viewname, definition FROM pg_views WHERE schemaname = 'public'
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'function', proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'enum', typname, enumlabel FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid
    ORDER BY 1, 2, 3
"""


@pytest.fixture
def elsewhere(postgres: PostgresServer) -> Iterator[DatabaseSettings]:
    """An empty database of its own."""
    with postgres.connect_as_administrator(autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE elsewhere OWNER {postgres.user}")
    yield settings_of(postgres).model_copy(update={"db_name": "elsewhere"})
    with postgres.connect_as_administrator(autocommit=True) as connection:
        connection.execute("DROP DATABASE elsewhere WITH (FORCE)")


def schema(postgres: PostgresServer) -> list[Any]:
    with postgres.connect(dbname="elsewhere") as connection:
        return [row for row in connection.execute(SCHEMA).fetchall() if "yoyo" not in row[1]]


def test_a_user_without_a_name_can_migrate_as_in_lambda(
    elsewhere: DatabaseSettings, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_name() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr(getpass, "getuser", no_name)
    assert migrate(elsewhere, credentials_of(postgres))[0] == "0001_metadata"
    with postgres.connect(dbname="elsewhere") as connection:
        names = connection.execute("SELECT DISTINCT username FROM _yoyo_log").fetchall()
    assert names == [(postgres.user,)]


def test_up_then_down_leaves_nothing_and_up_again_the_same(postgres: PostgresServer, elsewhere: DatabaseSettings) -> None:
    account = credentials_of(postgres)
    applied = migrate(elsewhere, account)
    assert applied[0] == "0001_metadata"
    up = schema(postgres)
    assert {kind for kind, _, _ in up} == {"column", "constraint", "index", "view", "trigger", "function", "enum"}
    assert roll_back(elsewhere, account) == applied[::-1]
    assert schema(postgres) == []
    assert migrate(elsewhere, account) == applied
    assert schema(postgres) == up
    assert migrate(elsewhere, account) == []


def test_two_migrations_at_once_take_turns(postgres: PostgresServer, elsewhere: DatabaseSettings) -> None:
    applied: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: applied.append(migrate(elsewhere, credentials_of(postgres)))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(bool, applied)) == [False, False, False, True]


def test_a_migration_that_fails_leaves_the_schema_as_it_was(
    postgres: PostgresServer, elsewhere: DatabaseSettings, tmp_path: Path
) -> None:
    (tmp_path / "0001_a.sql").write_text("CREATE TABLE a (id int); SELECT 1 / 0;")
    with pytest.raises(Exception, match="division by zero"):
        migrate(elsewhere, credentials_of(postgres), tmp_path)
    assert schema(postgres) == []


def test_a_database_that_does_not_let_us_in_is_named(postgres: PostgresServer) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"cubic at 127\.0\.0\.1.*password"):
        migrate(settings_of(postgres), Credentials(postgres.user, "wrong"))


def test_every_migration_can_be_taken_back() -> None:
    folder = Path(migrate.__globals__["FOLDER"])
    for file in folder.glob("*.sql"):
        assert file.name.endswith(".rollback.sql") or file.with_suffix(".rollback.sql").exists(), file


def test_statuses_and_transitions_are_those_of_the_code(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("SELECT unnest(enum_range(NULL::cubic_load_status))::text AS status")
        assert [row["status"] for row in cursor] == list(LoadStatus)
        cursor.execute("SELECT before::text, after::text FROM cubic_load_transitions")
        assert {(row["before"], row["after"]) for row in cursor} == TRANSITIONS
