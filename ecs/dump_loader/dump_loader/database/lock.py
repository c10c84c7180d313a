"""The lock that keeps two loads from using one database."""

from __future__ import annotations

import math
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pymysql

from dump_loader.database.connection import rows
from ingestion.errors import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from aws_lambda_powertools import Logger

    from dump_loader.database.connection import Connect, Connection
    from ingestion.clock import Clock

_ATTEMPT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Lock:
    """An advisory lock of the server, held by a connection and gone with it, however the process ends."""

    connection: Connection
    name: str

    def refuse_lost(self) -> None:
        """Raise Terminal if the lock is not held any more: another load may have begun."""
        try:
            ((held,),) = rows(self.connection, "SELECT IS_USED_LOCK(%s) = CONNECTION_ID()", self.name)
        except pymysql.err.MySQLError as error:
            held, reason = 0, f" ({error})"
        else:
            reason = ""
        if not held:
            raise Terminal(
                f"The connection that holds the lock {self.name} was lost{reason}: another load may have changed the "
                "database meanwhile, so no snapshot is taken. Load the dump again."
            )


@contextmanager
def locked(
    connect: Connect, database: str, *, timeout: timedelta, every: float, clock: Clock, logger: Logger
) -> Iterator[Lock]:
    """Wait until no other load uses the database, and keep others waiting. Raises Terminal after `timeout`.

    The lock has a connection of its own: nothing in a dump can release it, and no long statement keeps it from answering.
    """
    name = f"liberator-load-{database}"[:64]
    deadline = clock.monotonic() + timeout.total_seconds()
    with connect(None) as connection:
        patience = 0
        while not rows(connection, "SELECT GET_LOCK(%s, %s)", name, patience)[0][0]:
            if clock.monotonic() >= deadline:
                raise Terminal(
                    f"Another load has used database {database} for {timeout}, longer than LOCK_TIMEOUT_MINUTES. "
                    "See whether that task still makes progress; stop it if not, and load this dump again."
                )
            logger.info("Waiting for another load to end", database=database)
            # in whole seconds: MySQL makes 0 of less than half a one, and this loop would spin
            patience = math.ceil(max(0.0, min(_ATTEMPT_SECONDS, every, deadline - clock.monotonic())))
        try:
            yield Lock(connection, name)
        finally:
            # a lost connection has lost the lock too, and must not hide why the load ended
            with suppress(pymysql.err.MySQLError):
                rows(connection, "SELECT RELEASE_LOCK(%s)", name)
