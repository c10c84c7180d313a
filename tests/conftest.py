"""Fixtures of more than one kind of test."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from cubic.migrating import migrate
from cubic.store.database import PostgreSql
from deploy.bytecode import add_bytecode
from dump_loader.sql.server import Flavour
from local import ROOT
from local.emulator import postgres_server
from local.emulator.database_server import DatabaseServer, DatabaseServerError, find_programs
from local.emulator.lambda_runtime import BUILD
from local.emulator.postgres_server import PostgresServer
from local.emulator.rds.frozen import SYSTEM_DATABASES
from local.emulator.trino_access import TrinoAccess
from local.emulator.trino_install import TrinoServerError, find_trino
from tests import cubic
from tests.shared_trino import shared_trino

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Built from the working tree, so that what is tested is what would be deployed; once for all processes of a run."""
    done = of_all_processes(tmp_path_factory, "built")
    with done.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            environment = os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-west-2"}
            sam = Path(sys.executable).with_name("sam")
            subprocess.run([sam, "build"], cwd=ROOT, env=environment, check=True, capture_output=True)
            add_bytecode(BUILD)  # as `make build` does
            done.touch()


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[Flavour], DatabaseServer]]:
    """One server of each flavour for the session, started when it is first asked for; skips where it can't be had."""
    with ExitStack() as stack:

        @cache
        def of(flavour: Flavour) -> DatabaseServer:
            try:
                find_programs(flavour)
            except DatabaseServerError as missing:
                pytest.skip(str(missing))
            return stack.enter_context(DatabaseServer(flavour=flavour))

        yield of


@pytest.fixture(scope="session")
def server(servers: Callable[[Flavour], DatabaseServer]) -> DatabaseServer:
    """Of the flavour that is deployed, or of the other one where that can't be had. A test drops what it creates."""
    return servers(find_programs().flavour)


@pytest.fixture
def empty_server(server: DatabaseServer) -> DatabaseServer:
    """The same, without the databases that earlier tests have left: for tests that look at all of them."""
    with server.connect_as_root(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW DATABASES")
        for (name,) in cursor.fetchall():
            if name not in SYSTEM_DATABASES:
                cursor.execute(f"DROP DATABASE `{name}`")
    return server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL for the session, with Cubic's schema; skips where it can't be had."""
    try:
        postgres_server.find_programs()
    except DatabaseServerError as missing:
        pytest.skip(str(missing))
    with PostgresServer() as server:
        migrate(cubic.settings_of(server), cubic.credentials_of(server))
        yield server


@pytest.fixture(scope="session")
def connected(postgres: PostgresServer) -> Iterator[PostgreSql]:
    """Cubic's store, connected once."""
    database = cubic.database_of(postgres)
    yield database
    database.close()


@pytest.fixture
def database(connected: PostgreSql) -> PostgreSql:
    """Cubic's store, empty."""
    cubic.empty(connected)
    return connected


@pytest.fixture(scope="session")
def trino(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrinoAccess]:
    """One Trino for all processes of a run, with an AWS of its own that no test empties; skips where it can't be had."""
    try:
        find_trino()
    except TrinoServerError as missing:
        pytest.skip(str(missing))
    with shared_trino(of_all_processes(tmp_path_factory, "trino")) as access:
        yield access


def of_all_processes(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """A path for what the processes of a run share, and no other run."""
    run, folder = os.environ.get("PYTEST_XDIST_TESTRUNUID"), tmp_path_factory.getbasetemp()
    return folder.parent / f"{name}-{run}" if run else folder / name


@pytest.hookimpl(trylast=True)  # after pytest-randomly
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: a process that begins one at the end goes on alone."""
    order = ("e2e", "simulation", "integration")
    items.sort(key=lambda item: next((at for at, name in enumerate(order) if name in item.path.parts), len(order)))


class ByFile(LoadFileScheduling):
    """Give all tests of a file to one process, and all tests on Spark, which each process would start anew."""

    def _split_scope(self, nodeid: str) -> str:
        return "on Spark" if nodeid.startswith("tests/integration/glue/") else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)
