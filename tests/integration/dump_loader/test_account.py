"""The account that loads dumps, made by the task's first container on a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest
from pydantic import SecretStr

from dump_loader.account import RIGHTS, make
from dump_loader.settings import Credentials
from dump_loader.sql.server import Flavour
from ingestion.errors import Terminal
from local.emulator.database_server import DatabaseServer
from tests.integration.dump_loader.task import CHINOOK, DATABASE, Loader, credentials, zipped

ACCOUNT = Credentials(username="made_for_a_load", password=SecretStr("ea5y-t0-f1nd"))


@pytest.fixture(autouse=True)
def _gone(server: DatabaseServer) -> Iterator[None]:
    yield
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP USER IF EXISTS {ACCOUNT.username}")


def container(loader: Loader, **changed: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, log lines and standard error of the container that makes the account."""
    master = {"username": loader.server.user, "password": loader.server.password}
    given = {"MASTER_CREDENTIALS": json.dumps(master), "DB_CREDENTIALS": json.dumps(credentials(ACCOUNT))}
    command = [sys.executable, "-m", "dump_loader.account"]
    done = subprocess.run(
        command, env=loader.environment | given | changed, capture_output=True, text=True, check=False, timeout=60
    )
    assert "ea5y-t0-f1nd" not in done.stdout + done.stderr
    assert loader.server.password not in done.stdout + done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def granted(server: DatabaseServer) -> list[str]:
    with server.connect_as_root() as connection, connection.cursor() as cursor:
        cursor.execute(f"SHOW GRANTS FOR {ACCOUNT.username}")
        return [row[0].split(" IDENTIFIED")[0] for row in cursor.fetchall()]


def test_it_may_do_everything_in_its_database_and_nothing_elsewhere(loader: Loader) -> None:
    assert container(loader)[::2] == (0, "")
    usage, database = granted(loader.server)
    assert usage == f"GRANT USAGE ON *.* TO `{ACCOUNT.username}`@`%`"
    # MySQL calls all that it has for a database ALL
    rights = "ALL PRIVILEGES" if loader.server.flavour is Flavour.MYSQL else RIGHTS
    assert database == f"GRANT {rights} ON `{DATABASE.replace('_', chr(92) + '_')}`.* TO `{ACCOUNT.username}`@`%`"


def test_a_dump_is_loaded_with_it(loader: Loader) -> None:
    assert container(loader)[0] == 0
    outcome = loader.load(CHINOOK.read_bytes(), DB_CREDENTIALS=json.dumps(credentials(ACCOUNT)))
    assert outcome.exit_code == 0, outcome.log


def test_it_is_made_anew_each_night_though_it_is_the_definer_of_last_nights_objects(loader: Loader) -> None:
    sql = """CREATE TABLE a (id INT PRIMARY KEY); INSERT INTO a VALUES (1); CREATE VIEW v AS SELECT * FROM a;
        CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @a = 1; CREATE PROCEDURE p() SELECT 1;"""
    for _ in range(2):
        assert container(loader)[::2] == (0, "")
        outcome = loader.load(zipped(sql), DB_CREDENTIALS=json.dumps(credentials(ACCOUNT)))
        assert outcome.exit_code == 0, outcome.log
    assert len(loader.snapshots()) == 2


def test_it_is_given_its_new_password_while_it_loads_with_the_old_one(loader: Loader) -> None:
    assert container(loader)[0] == 0
    old, new = credentials(ACCOUNT)["password"], "ea5y-t0-f1nd-too"
    with loader.server.connect(user=ACCOUNT.username, password=old) as connection, connection.cursor() as cursor:
        renewed = {"username": ACCOUNT.username, "password": new}
        assert container(loader, DB_CREDENTIALS=json.dumps(renewed))[0] == 0
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
    loader.server.connect(user=ACCOUNT.username, password=new).close()
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        loader.server.connect(user=ACCOUNT.username, password=old)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"MASTER_CREDENTIALS": '{"username": "liberator", "password": "wr0ng"}'}, "Access denied"),
        ({"MASTER_CREDENTIALS": "ea5y-t0-f1nd"}, "MASTER_CREDENTIALS"),
        ({"DB_CREDENTIALS": '{"user": "x", "password": "ea5y-t0-f1nd"}'}, "DB_CREDENTIALS"),
        ({"DB_PORT": "1"}, "Can't connect"),
        ({"DB_CA_BUNDLE": "/no/such/file"}, "No such file"),
        ({"DB_CA_BUNDLE": ""}, "CERTIFICATE_VERIFY_FAILED"),
    ],
)
def test_where_it_cannot_be_made_one_line_says_why(loader: Loader, changed: dict[str, str], said: str) -> None:
    code, lines, stderr = container(loader, **changed)
    assert (code, stderr) == (1, "")
    [line] = lines
    assert said in line["message"]
    assert line["level"] == "ERROR"


def test_the_master_user_is_not_taken_for_the_loaders_account(server: DatabaseServer) -> None:
    master = Credentials(username=server.user, password=SecretStr("another"))
    with server.connect() as connection, pytest.raises(Terminal, match="account of its own"):
        make(connection, master, DATABASE)
    server.connect().close()
