from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

import pymysql
import pytest

from dump_loader.sql.server import Flavour
from local.emulator import database_server as module
from local.emulator.database_server import DatabaseServer, DatabaseServerError
from tests.eventually import eventually


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_account_can_do_what_an_rds_master_user_can_and_no_more(server: DatabaseServer) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE rights")
        cursor.execute("CREATE TABLE rights.x (id INT)")
        cursor.execute("CREATE TRIGGER rights.t BEFORE INSERT ON rights.x FOR EACH ROW SET @a = 1")
        cursor.execute("CREATE FUNCTION rights.f() RETURNS INT DETERMINISTIC RETURN 1")
        cursor.execute("DROP DATABASE rights")
        for forbidden in ("SET GLOBAL max_connections = 10", "SELECT 1 INTO OUTFILE 'x'", "SHUTDOWN"):
            with pytest.raises(pymysql.err.OperationalError, match="denied"):
                cursor.execute(forbidden)


def test_settings_that_a_loader_notices_are_those_of_rds(server: DatabaseServer) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT @@sql_mode, @@lower_case_table_names, @@max_allowed_packet, @@character_set_server, @@time_zone"
        )
        assert cursor.fetchone() == ("NO_ENGINE_SUBSTITUTION", 0, 2**30, "utf8mb4", "+00:00")


def test_tls_verifies_with_its_authority_and_with_no_other(server: DatabaseServer) -> None:
    with (
        server.connect(ssl=ssl.create_default_context(cafile=server.ca_bundle)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
        assert cursor.fetchone()[1].startswith("TLS")
    with pytest.raises(pymysql.err.OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
        server.connect(ssl=ssl.create_default_context())


def test_two_run_at_once_and_leave_nothing_behind() -> None:
    with DatabaseServer(flavour=Flavour.MARIADB) as one, DatabaseServer(flavour=Flavour.MARIADB) as other:
        assert one.port != other.port
        with one.connect() as connection:
            connection.cursor().execute("CREATE DATABASE mine")
        with pytest.raises(pymysql.err.OperationalError, match="mine"):
            other.connect("mine")
        pids, folders = [one.pid, other.pid], [one.directory, other.directory]
    assert not any(alive(pid) for pid in pids)
    assert not any(folder.exists() for folder in folders)


def test_starting_leaves_the_temporary_tables_of_other_servers_alone() -> None:
    """Else one that starts breaks another that does so at the same moment."""
    theirs = Path(tempfile.gettempdir()) / "#sql-temptable-liberator-test.MAI"
    theirs.touch()
    try:
        with DatabaseServer(flavour=Flavour.MARIADB):
            assert theirs.exists()
    finally:
        theirs.unlink(missing_ok=True)


def test_an_error_in_the_block_stops_it_too() -> None:
    server = DatabaseServer(flavour=Flavour.MARIADB)
    with pytest.raises(KeyboardInterrupt), server:
        raise KeyboardInterrupt
    assert not server.directory.exists()
    with pytest.raises(pymysql.err.OperationalError):
        server.connect()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_a_parent_that_is_killed(number: signal.Signals) -> None:
    block = "with DatabaseServer(flavour=Flavour.MARIADB) as s: print(s.pid, s.directory, flush=True); time.sleep(60)"
    code = f"import time\nfrom local.emulator.database_server import DatabaseServer, Flavour\n{block}"
    path = {"PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ | path) as parent:
        assert parent.stdout is not None
        pid, folder = parent.stdout.readline().split()
        assert alive(int(pid))
        parent.send_signal(number)
    eventually(lambda: alive(int(pid)) or Path(folder).exists(), lambda left: not left)


def test_when_the_port_is_taken_meanwhile_it_takes_another(server: DatabaseServer, monkeypatch: pytest.MonkeyPatch) -> None:
    free = module.free_port()
    ports = iter([server.port, free])
    monkeypatch.setattr(module, "free_port", lambda: next(ports))
    with DatabaseServer(flavour=Flavour.MARIADB) as server:
        assert server.port == free


def test_without_a_server_the_error_says_how_to_install_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_find", lambda _flavour, _name: None)
    with pytest.raises(DatabaseServerError, match="install-server"), DatabaseServer(flavour=Flavour.MARIADB):
        pass
