from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from cubic.errors import DatabaseUnavailable
from cubic.migrating import migrate
from cubic.store.database import Credentials, PostgreSql, secret_credentials
from ingestion.errors import Transient
from local.emulator.certificates import write_certificates
from local.emulator.postgres_server import PostgresServer
from tests.cubic import configure, credentials_of, database_of, settings_of


@pytest.fixture
def alone(postgres: PostgresServer) -> Iterator[PostgreSql]:
    database = database_of(postgres)
    yield database
    database.close()


def backend(database: PostgreSql) -> int:
    with database.transaction() as cursor:
        cursor.execute("SELECT pg_backend_pid() AS pid")
        [row] = cursor.fetchall()
        return int(row["pid"])


def end(postgres: PostgresServer, pid: int) -> None:
    with postgres.connect_as_administrator(autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def test_a_transaction_is_kept_at_its_end_and_undone_on_an_error(database: PostgreSql) -> None:
    def half() -> None:
        with database.transaction() as cursor:
            cursor.execute("DELETE FROM cubic_tables")
            raise ZeroDivisionError

    configure(database)
    with pytest.raises(ZeroDivisionError):
        half()
    with database.transaction() as cursor:
        cursor.execute("SELECT name FROM cubic_tables")
        assert len(cursor.fetchall()) == 1


def test_one_connection_serves_until_it_is_lost_and_then_another(postgres: PostgresServer, alone: PostgreSql) -> None:
    first = backend(alone)
    assert backend(alone) == first
    end(postgres, first)
    assert backend(alone) != first


def test_a_connection_that_is_lost_within_a_transaction_is_transient(postgres: PostgresServer, alone: PostgreSql) -> None:
    def interrupted() -> None:
        with alone.transaction() as cursor:
            end(postgres, cursor.connection.info.backend_pid)
            cursor.execute("SELECT 1")

    with pytest.raises(DatabaseUnavailable, match=r"cubic at 127\.0\.0\.1:\d+ ended the transaction"):
        interrupted()
    assert issubclass(DatabaseUnavailable, Transient)
    backend(alone)


def test_a_lock_that_is_not_to_be_had_is_transient(database: PostgreSql, alone: PostgreSql) -> None:
    def wait() -> None:
        with alone.transaction() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '20ms'")
            cursor.execute("LOCK TABLE cubic_told")

    with database.transaction() as cursor:
        cursor.execute("LOCK TABLE cubic_told")
        with pytest.raises(DatabaseUnavailable, match="lock timeout"):
            wait()


def test_a_server_that_does_not_answer_is_transient(postgres: PostgresServer) -> None:
    settings = settings_of(postgres).model_copy(update={"db_port": 1})
    database = PostgreSql(settings, lambda: credentials_of(postgres))
    with pytest.raises(DatabaseUnavailable, match=r"cubic at 127\.0\.0\.1:1 as 'cubic'"), database.transaction():
        pass


def test_a_password_that_was_rotated_is_asked_for_again(postgres: PostgresServer) -> None:
    passwords = iter(["old", postgres.password])
    database = PostgreSql(settings_of(postgres), lambda: Credentials(postgres.user, next(passwords)))
    with pytest.raises(DatabaseUnavailable, match="password authentication failed"), database.transaction():
        pass
    backend(database)
    database.close()


def test_a_server_whose_certificate_another_authority_signed_is_not_spoken_to(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    write_certificates(tmp_path, postgres.host)
    settings = settings_of(postgres).model_copy(update={"db_ca_bundle": str(tmp_path / "ca.pem")})
    database = PostgreSql(settings, lambda: credentials_of(postgres))
    with pytest.raises(DatabaseUnavailable, match="certificate"), database.transaction():
        pass


def test_credentials_are_those_of_the_secret_and_not_shown(postgres: PostgresServer) -> None:
    with mock_aws():
        secrets = boto3.client("secretsmanager")
        arn = secrets.create_secret(Name="cubic", SecretString='{"username": "cubic", "password": "hidden"}')["ARN"]
        credentials = secret_credentials(secrets, arn)()
    assert credentials == Credentials("cubic", "hidden")
    assert "hidden" not in repr(credentials)
    with pytest.raises(DatabaseUnavailable) as error:
        migrate(settings_of(postgres), credentials, Path())
    assert "hidden" not in str(error.value)
