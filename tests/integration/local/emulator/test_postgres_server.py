from __future__ import annotations

import os
import pwd
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from local.emulator import postgres_server as module
from local.emulator.database_server import DatabaseServerError
from local.emulator.postgres_server import PostgresServer
from tests.eventually import eventually


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_account_owns_its_database_and_is_no_superuser(postgres: PostgresServer) -> None:
    with postgres.connect() as connection:
        connection.execute("CREATE TABLE mine (id int)")
        connection.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("COPY (SELECT 1) TO PROGRAM 'cat'")


def test_it_takes_no_connection_without_tls_nor_with_a_wrong_password(postgres: PostgresServer) -> None:
    with postgres.connect() as connection:
        assert connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone() == (True,)
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        postgres.connect(sslmode="disable")
    with pytest.raises(psycopg.OperationalError, match="password"):
        postgres.connect(password="wrong")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as another user")
def test_a_folder_that_its_user_may_not_enter_is_told_in_one_sentence() -> None:
    begin = "from local.emulator.postgres_server import PostgresServer; PostgresServer().__enter__()"
    with tempfile.TemporaryDirectory() as closed:  # nobody else may enter it; tmp_path is too long for a server's socket
        environment = os.environ | {"TMPDIR": closed}
        done = subprocess.run([sys.executable, "-c", begin], env=environment, capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert re.search(rf"does not run as root but as \w+, who may not enter {closed}. Set TMPDIR to a folder", last)


def test_it_answers_on_another_address_of_the_machine_too_by_a_certificate_for_both() -> None:
    with PostgresServer(also_on="127.0.0.2") as server:
        for address in (server.host, "127.0.0.2"):
            with server.connect(host=address) as connection:
                assert connection.execute("SELECT host(inet_server_addr())").fetchone() == (address,)


def test_it_is_not_root_that_runs_it(postgres: PostgresServer) -> None:
    assert Path(f"/proc/{postgres.pid}").stat().st_uid != 0
    if os.geteuid() == 0:
        assert Path(f"/proc/{postgres.pid}").stat().st_uid in {pwd.getpwnam(name).pw_uid for name in ("postgres", "nobody")}


def test_two_run_at_once_keep_their_data_over_a_restart_and_leave_nothing_behind() -> None:
    with PostgresServer() as one, PostgresServer("max_connections=7") as other:
        assert str(one).startswith("PostgreSQL ")
        with one.connect() as connection:
            connection.execute("CREATE TABLE kept ()")
        one.start_again()
        with one.connect() as connection, other.connect() as theirs:
            connection.execute("SELECT FROM kept")
            assert theirs.execute("SHOW max_connections").fetchone() == ("7",)
            with pytest.raises(psycopg.errors.UndefinedTable):
                theirs.execute("SELECT FROM kept")
        pids, folders = [one.pid, other.pid], [one.directory, other.directory]
    assert not any(alive(pid) for pid in pids)
    assert not any(folder.exists() for folder in folders)
    with pytest.raises(DatabaseServerError, match="not running"):
        _ = one.pid


def test_it_ends_with_a_parent_that_is_killed() -> None:
    code = """
import time
from local.emulator.postgres_server import PostgresServer
with PostgresServer() as server, server.connect() as connection:
    print(server.pid, connection.info.backend_pid, server.directory, flush=True)
    time.sleep(60)
"""
    path = {"PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ | path) as parent:
        assert parent.stdout is not None
        pid, backend, folder = parent.stdout.readline().split()
        assert alive(int(pid))
        assert alive(int(backend))
        parent.kill()
    eventually(lambda: alive(int(pid)) or alive(int(backend)) or Path(folder).exists(), lambda left: not left)


def test_when_the_port_is_taken_meanwhile_it_takes_another(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = module.free_port()
    ports = iter([postgres.port, free])
    monkeypatch.setattr(module, "free_port", lambda: next(ports))
    with PostgresServer() as server:
        assert server.port == free


def test_settings_that_it_does_not_take_are_told() -> None:
    server = PostgresServer("no_such_setting=1")
    with pytest.raises(DatabaseServerError, match="no_such_setting"), server:
        pass
    assert not server.directory.exists()


def test_without_a_server_the_error_says_how_to_install_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(module, "_DIRECTORIES", ())
    with pytest.raises(DatabaseServerError, match="install-server postgresql"), PostgresServer():
        pass
