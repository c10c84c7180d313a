"""Turn the server's errors into ones that name the dump's statement and say whether the dump is at fault."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pymysql

from ingestion.errors import Terminal, Transient
from liberator.errors import DumpRejected

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from dump_loader.sql.splitter import Statement

_SHOWN = 200
_CONNECTION_LOST = frozenset({2006, 2013, 2055, 1053, 1317, 1927, 4031})
# No storage, memory, connection or lock to be had, or read-only: another instance, or this one later, would take the dump.
_INSTANCE_LACKS = frozenset({3, 1021, 1026, 1037, 1038, 1040, 1041, 1114, 1135, 1203, 1205, 1206, 1213, 1290, 1836})
_LOOK_AT_INSTANCE = "Look at the instance's events, free storage, memory and other sessions, then load the dump again."


def shown(statement: Statement) -> str:
    """Return how the statement begins, for a person to read."""
    return printable(bytes(statement.text[: 4 * _SHOWN]).decode("utf-8", "replace"))


def printable(text: str) -> str:
    """Return the first 200 characters, on one line, without those that a terminal would act on."""
    text = text[:_SHOWN]
    return "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)


@contextmanager
def statement_errors_explained(statement: Statement, *, retried: Container[int] = ()) -> Iterator[None]:
    """Turn an error of the server about the statement into one of ours. Codes in `retried` go through.

    That is DumpRejected, but Terminal where the instance is the reason, and Transient for a lost connection.
    """
    try:
        yield
    except pymysql.err.MySQLError as error:
        code = error.args[0] if error.args else 0
        if code in retried:
            raise
        if code in _CONNECTION_LOST or isinstance(error, pymysql.err.InterfaceError):
            raise Transient(
                f"The connection to the database was lost at statement {statement.number}, line {statement.line}: {error}. "
                f"{_LOOK_AT_INSTANCE}"
            ) from error
        message = error.args[1] if len(error.args) > 1 else ""
        if code in _INSTANCE_LACKS:
            raise Terminal(
                f"Statement {statement.number}, line {statement.line}, failed for no fault of the dump's: "
                f"error {code}: {message}. {_LOOK_AT_INSTANCE}"
            ) from error
        raise DumpRejected(
            f"Statement {statement.number}, line {statement.line}, failed: error {code}: {message}. "
            f"It begins: {shown(statement)} -- Correct the dump, or ask for another, and upload it again."
        ) from error


@contextmanager
def server_errors_explained(database: str) -> Iterator[None]:
    """Raise Transient for an error of the server about requests of the loader itself: to connect, to count, to commit."""
    try:
        yield
    except pymysql.err.MySQLError as error:
        raise Transient(
            f"The server of database {database} did not do what the load needs: {error}. {_LOOK_AT_INSTANCE}"
        ) from error
