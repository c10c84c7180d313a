"""The server fails in the middle of a load: a clear end, never a snapshot of half a load, and the next load succeeds."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dump_loader.sql.server import Flavour
from local.emulator.database_server import DatabaseServer
from local.emulator.warm import Process
from tests.integration.dump_loader.task import CHINOOK, DATABASE, Loader, until, zipped
from tests.sql import sequence

HEADER = "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n"
END = "-- Dump completed on 2021-06-04  3:00:00\n"
TABLES = (
    "CREATE TABLE `permits` (id INT PRIMARY KEY, note VARCHAR(200));\n"
    "INSERT INTO `permits` VALUES (1,'before');\n"
    "CREATE TABLE `gate` (open INT);\n"
)
WAITS = "INSERT INTO `gate` SELECT GET_LOCK('gate', 100);\n"  # line 4, or 5 where mysqldump's header is line 1
ROWS = "INSERT INTO `permits` VALUES " + ",".join(f"({i},'{'x' * 90}')" for i in range(2, 3000)) + ";\n"
BY_HAND = TABLES + WAITS + ROWS
BY_MYSQLDUMP = HEADER + TABLES + WAITS + ROWS + END
BOTH = pytest.mark.parametrize("sql", [BY_HAND, BY_MYSQLDUMP], ids=["by hand", "mysqldump"])


@pytest.fixture(scope="module", params=list(Flavour), ids=str)
def server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """A server of its own: here it is killed and misconfigured."""
    with DatabaseServer(flavour=request.param) as server:
        yield server


class Gate:
    """Closed, it holds a load up at WAITS; whatever comes before that is in the database, whatever follows is not."""

    def __init__(self, server: DatabaseServer) -> None:
        self._server = server
        self._connection = server.connect(autocommit=True)
        self._ask("SELECT GET_LOCK('gate', 0)")

    def reached(self) -> bool:
        return bool(self.waiting())

    def waiting(self) -> list[int]:
        """The connections that are held up."""
        return [row[0] for row in connections(self._server, "INFO LIKE 'INSERT INTO `gate`%'")]

    def open(self) -> None:
        self._ask("SELECT RELEASE_LOCK('gate')")

    def close(self) -> None:
        self._connection.close()

    def _ask(self, sql: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)


@contextmanager
def closed_gate(loader: Loader) -> Iterator[Gate]:
    gate = Gate(loader.server)
    try:
        yield gate
    finally:
        gate.close()


def connections(server: DatabaseServer, condition: str) -> list[tuple[Any, ...]]:
    with server.connect_as_root() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND {condition}")
        return list(cursor.fetchall())


def status(server: DatabaseServer, name: str) -> int:
    with server.connect_as_root() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE %s", (name,))
        return int(cursor.fetchall()[0][1])


def deadlocks(server: DatabaseServer) -> int:
    """So far; in a place that both flavours have."""
    with server.connect_as_root() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT FROM information_schema.INNODB_METRICS WHERE NAME = 'lock_deadlocks'")
        return int(cursor.fetchall()[0][0])


@contextmanager
def setting(server: DatabaseServer, name: str, value: int) -> Iterator[None]:
    with server.connect_as_root() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT @@GLOBAL.{name}")
        before = cursor.fetchall()[0][0]
        cursor.execute(f"SET GLOBAL {name} = %s", (value,))
        try:
            yield
        finally:
            cursor.execute(f"SET GLOBAL {name} = %s", (before,))


def kill_connection(server: DatabaseServer, identifier: int) -> None:
    with server.connect_as_root() as connection, connection.cursor() as cursor:
        cursor.execute(f"KILL CONNECTION {identifier}")


def kill(process: Process) -> None:
    process.kill()
    process.wait(20)


def the_next_load_succeeds(loader: Loader) -> None:
    outcome = loader.load(CHINOOK.read_bytes())
    assert outcome.exit_code == 0, outcome.log
    (counts,) = loader.row_counts()
    assert sum(counts.tables.values()) == 15607
    assert len(outcome.snapshots) == 1


@BOTH
def test_a_server_that_is_killed(loader: Loader, sql: str) -> None:
    loader.upload(zipped(sql))
    with closed_gate(loader) as gate:
        process = loader.start()
        until(gate.reached)
        os.kill(loader.server.pid, signal.SIGKILL)
        error = loader.ended(process).error
        loader.server.start_again()
        loader.use(loader.server)
    assert "The connection to the database was lost at statement 4, line" in error
    assert "then load the dump again" in error
    the_next_load_succeeds(loader)


@BOTH
def test_the_connection_that_executes_a_statement_is_reset(loader: Loader, sql: str) -> None:
    loader.upload(zipped(sql))
    with closed_gate(loader) as gate:
        process = loader.start()
        until(gate.reached)
        kill_connection(loader.server, *gate.waiting())
        error = loader.ended(process).error
    assert "The connection to the database was lost at statement 4, line" in error
    the_next_load_succeeds(loader)


@contextmanager
def row_2000_taken(server: DatabaseServer) -> Iterator[Any]:
    """By a transaction that has changed more than a batch does, so that of two in a deadlock it is not the victim."""
    with server.connect(DATABASE) as connection, connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO permits SELECT seq + 100000, 'weight' FROM {sequence(20_000)}")
        cursor.execute("INSERT INTO permits VALUES (2000, 'taken')")
        yield cursor
        connection.rollback()


def waits_for_a_row(server: DatabaseServer) -> bool:
    """INNODB_TRX would tell it too, but shows the same again and again to whoever asks often."""
    return status(server, "Innodb_row_lock_current_waits") > 0


def test_a_connection_that_loads_rows_is_reset(loader: Loader) -> None:
    loader.upload(zipped(BY_MYSQLDUMP))
    with closed_gate(loader) as gate:
        process = loader.start()
        until(gate.reached)
        with row_2000_taken(loader.server):
            gate.open()
            until(lambda: waits_for_a_row(loader.server))
            ((loads_rows,),) = connections(loader.server, "INFO LIKE 'INSERT INTO `permits`%'")
            kill_connection(loader.server, loads_rows)
            error = loader.ended(process).error
    assert "The connection to the database was lost at statement 5, line 6" in error
    the_next_load_succeeds(loader)


def test_the_victim_of_a_deadlock_is_executed_again(loader: Loader) -> None:
    loader.upload(zipped(BY_MYSQLDUMP))
    before = deadlocks(loader.server)
    with closed_gate(loader) as gate:
        process = loader.start()
        until(gate.reached)
        with row_2000_taken(loader.server) as other:
            gate.open()
            until(lambda: waits_for_a_row(loader.server))
            other.execute("INSERT INTO permits VALUES (3, 'what the batch has inserted by now')")
        outcome = loader.ended(process)
    assert deadlocks(loader.server) == before + 1
    assert outcome.exit_code == 0, outcome.log
    assert loader.row_counts()[0].tables["permits"] == 2999


def test_rows_that_wait_too_long_for_a_lock_are_tried_again(loader: Loader) -> None:
    loader.upload(zipped(BY_MYSQLDUMP))
    with setting(loader.server, "innodb_lock_wait_timeout", 1), closed_gate(loader) as gate:
        process = loader.start()
        until(gate.reached)
        with row_2000_taken(loader.server):
            before = status(loader.server, "Com_rollback")
            gate.open()
            until(lambda: status(loader.server, "Com_rollback") > before)
        outcome = loader.ended(process)
    assert outcome.exit_code == 0, outcome.log
    assert loader.row_counts()[0].tables["permits"] == 2999


@BOTH
def test_a_lock_that_is_never_given_back(loader: Loader, sql: str) -> None:
    loader.upload(zipped(sql))
    with setting(loader.server, "innodb_lock_wait_timeout", 0), closed_gate(loader) as gate:
        process = loader.start()
        until(gate.reached)
        with row_2000_taken(loader.server):
            gate.open()
            error = loader.ended(process).error
    assert "Statement 5, line" in error
    assert "1205" in error
    assert "Correct the dump" not in error
    assert "load the dump again" in error
    the_next_load_succeeds(loader)


@BOTH
def test_a_statement_longer_than_the_server_takes(loader: Loader, sql: str) -> None:
    long = sql.replace("'before'", f"'{'y' * 150}')" + f",(-1,'{'z' * 199}')" * 20_000 + ",(0,''")
    with setting(loader.server, "max_allowed_packet", 1024 * 1024):
        error = loader.load(zipped(long)).error
    assert "Statement 2, line" in error
    assert "max_allowed_packet" in error
    the_next_load_succeeds(loader)


def test_rows_are_never_joined_to_more_than_the_server_takes(loader: Loader) -> None:
    rows = "".join(f"INSERT INTO `permits` VALUES ({i},'{'x' * 150}');\n" for i in range(2, 2000))
    with setting(loader.server, "max_allowed_packet", 64 * 1024):
        outcome = loader.load(zipped(HEADER + TABLES + rows + END))
    assert outcome.exit_code == 0, outcome.log
    assert loader.row_counts()[0].tables["permits"] == 1999


@BOTH
def test_a_task_that_is_killed(loader: Loader, sql: str) -> None:
    loader.upload(zipped(sql))
    with closed_gate(loader) as gate:
        process = loader.start()
        until(gate.reached)
        kill(process)
    assert loader.snapshots() == []
    the_next_load_succeeds(loader)


def test_a_task_that_waits_for_another_goes_on_when_that_is_killed(loader: Loader) -> None:
    loader.upload(zipped(BY_MYSQLDUMP))
    with closed_gate(loader) as gate:
        first = loader.start()
        until(gate.reached)
        second = loader.start()
        until(lambda: connections(loader.server, "INFO LIKE 'SELECT GET_LOCK(\\'liberator%'"))
        kill(first)
        gate.open()
        outcome = loader.ended(second)
    assert outcome.exit_code == 0, outcome.log
    assert len(outcome.snapshots) == 1
    assert [counts.tables for counts in loader.row_counts()] == [{"gate": 1, "permits": 2999}]


def with_storage(megabytes: int) -> tuple[str, ...]:
    """InnoDB's one data file must not grow past that: what it then says is what it says of a full disk.

    A file system of that size is no better a model: on a tmpfs, this server aborts itself where RDS's would not.
    """
    return "--innodb-file-per-table=0", f"--innodb-data-file-path=ibdata1:12M:autoextend:max:{megabytes}M"


def test_an_instance_without_free_storage(loader: Loader) -> None:
    table = "CREATE TABLE `scans` (id INT, scan LONGTEXT);\n"
    rows = "".join(f"INSERT INTO `scans` VALUES ({i},'{'x' * 1_000_000}');\n" for i in range(60))
    with DatabaseServer(*with_storage(40)) as server:
        shared = loader.server
        loader.use(server)
        error = loader.load(zipped(HEADER + table + rows + END)).error
        assert "Statement " in error
        assert "error 1114: The table 'scans' is full" in error
        assert "Correct the dump" not in error
        assert "free storage" in error
        server.start_again(*with_storage(400))
        loader.use(server)
        the_next_load_succeeds(loader)
        loader.use(shared)
