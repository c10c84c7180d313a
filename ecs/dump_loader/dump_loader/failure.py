"""Turns the server's error about a statement into one that says which statement of the dump it was."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pymysql

from ingestion.errors import DumpRejected, Transient

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from dump_loader.splitter import Statement

_SHOWN = 200
_CONNECTION_LOST = frozenset({2006, 2013, 2055, 1053, 1927, 4031})


def shown(statement: Statement) -> str:
    """The first 200 characters, on one line, without what a terminal would act on."""
    text = bytes(statement.text[: 4 * _SHOWN]).decode("utf-8", "replace")[:_SHOWN]
    return "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)


@contextmanager
def rejected(statement: Statement, *, retried: Container[int] = ()) -> Iterator[None]:
    """Raises DumpRejected for an error of the server; Transient for a lost connection. Codes in `retried` go through."""
    try:
        yield
    except pymysql.err.MySQLError as error:
        code = error.args[0] if error.args else 0
        if code in retried:
            raise
        if code in _CONNECTION_LOST or isinstance(error, pymysql.err.InterfaceError):
            raise Transient(
                f"The connection to the database was lost at statement {statement.number}, line {statement.line}: {error}. "
                "Look at the instance's events and memory, then load the dump again."
            ) from error
        message = error.args[1] if len(error.args) > 1 else ""
        raise DumpRejected(
            f"Statement {statement.number}, line {statement.line}, failed: error {code}: {message}. "
            f"It begins: {shown(statement)} -- Correct the dump, or ask for another, and upload it again."
        ) from error
