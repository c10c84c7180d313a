"""The metadata database of a simulation: a real PostgreSQL, whose transactions begin and end as calls of the world.

Actors take turns in one thread, so that none may wait for a lock that another holds. A transaction therefore runs from its
first statement to its commit without giving way, and fails as a whole, as PostgreSQL has it: before it, with its commit,
or with the answer to its commit lost. The reader of streams alone makes AWS calls within one, and skips what is locked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from cubic.errors import DatabaseUnavailable
from tests.simulation.world import World

type Connection = psycopg.Connection[dict[str, Any]]


@dataclass
class SimulatedDatabase:
    """`connect` gives connections, of which as many are kept as transactions were ever open at once."""

    world: World
    connect: Callable[[], Connection]
    _idle: list[Connection] = field(default_factory=list)

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Cursor[dict[str, Any]]]:
        self._call("sql begin", lambda: None, instant=False)
        connection = self._idle.pop() if self._idle else self.connect()
        try:
            with connection.cursor() as cursor:
                yield cursor
            self._call("sql commit", connection.commit, instant=True)
        except BaseException:
            with suppress(psycopg.Error):
                connection.rollback()
            raise
        finally:
            self._idle.append(connection)

    def close(self) -> None:
        for connection in self._idle:
            connection.close()

    def _call(self, operation: str, effect: Callable[[], None], *, instant: bool) -> None:
        try:
            self.world.call(operation, effect, instant=instant)
        except (ClientError, BotoCoreError) as fault:
            raise DatabaseUnavailable(f"{operation}: {fault}") from fault
