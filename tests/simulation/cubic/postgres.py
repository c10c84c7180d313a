"""One PostgreSQL for each process that simulates, started when it is first asked for, and empty for each play."""

from __future__ import annotations

import atexit
from functools import cache
from typing import TYPE_CHECKING

import psycopg
from psycopg.rows import dict_row

from cubic.migrating import migrate
from local.emulator.postgres_server import PostgresServer
from tests.cubic import TABLES, credentials_of, settings_of

if TYPE_CHECKING:
    from tests.simulation.cubic.database import Connection


@cache
def server() -> PostgresServer:
    made = PostgresServer()
    made.__enter__()
    atexit.register(made.stop)
    migrate(settings_of(made), credentials_of(made))
    return made


def connect() -> Connection:
    """By the socket: the functions' own way, over TLS, is tested elsewhere."""
    there = server()
    return psycopg.connect(
        host=str(there.directory),
        port=there.port,
        user=there.user,
        dbname=there.database,
        options="-c TimeZone=UTC -c lock_timeout=5s",
        row_factory=dict_row,
    )


def clear() -> None:
    with connect() as connection:
        connection.execute(f"TRUNCATE {TABLES} RESTART IDENTITY")
