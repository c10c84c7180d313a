"""The database itself, and the tables and views in it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pymysql

from dump_loader.database.connection import quoted, rows

if TYPE_CHECKING:
    from dump_loader.database.connection import Connection


def recreate(connection: Connection, database: str) -> None:
    """Make an empty database. Safe to repeat: all that an earlier load left is gone either way.

    An earlier load that has lost its lock without noticing is ended first. Its other connections would go on to fill the new
    tables, and the transactions of a dead one would keep the database from being dropped.
    """
    with connection.cursor() as cursor:
        # Without further rights an account sees its own connections only, and may end them.
        # https://dev.mysql.com/doc/refman/8.4/en/kill.html
        ((own, account),) = rows(connection, "SELECT CONNECTION_ID(), SUBSTRING_INDEX(USER(), '@', 1)")
        for thread, user, _host, used, *_ in rows(connection, "SHOW PROCESSLIST"):
            if user == account and used == database and thread != own:
                with suppress(pymysql.err.OperationalError):  # it has ended by itself
                    cursor.execute("KILL %s", (thread,))
        cursor.execute(f"DROP DATABASE IF EXISTS {quoted(database)}")
        cursor.execute(f"CREATE DATABASE {quoted(database)} CHARACTER SET utf8mb4")


def base_tables(connection: Connection, database: str) -> list[str]:
    """Return the names of the tables that have rows of their own."""
    found = rows(
        connection,
        "SELECT TABLE_NAME FROM information_schema.TABLES "
        "WHERE TABLE_SCHEMA = %s AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY TABLE_NAME",
        database,
    )
    return [name for (name,) in found]


def count_rows(connection: Connection, database: str) -> dict[str, int]:
    """Count the rows of every base table, by name. They are not estimated."""
    return {
        table: int(rows(connection, f"SELECT COUNT(*) FROM {quoted(database)}.{quoted(table)}")[0][0])  # noqa: S608  quoted
        for table in base_tables(connection, database)
    }


def views(connection: Connection, database: str) -> list[str]:
    """Return the names of the views, which have no rows of their own to count."""
    found = rows(
        connection, "SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = %s ORDER BY TABLE_NAME", database
    )
    return [name for (name,) in found]
