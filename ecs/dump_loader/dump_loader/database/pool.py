"""Execute batches of rows on several connections at once, in memory that is bounded in bytes."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pymysql

from dump_loader.database.connection import warned
from dump_loader.database.remarks import Remarks, on_values
from dump_loader.database.server_errors import statement_errors_explained
from liberator.errors import DumpRejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dump_loader.database.connection import Connection
    from dump_loader.sql.splitter import Statement, Text

OUTSTANDING_BYTES = 10 * 1024 * 1024
BATCH_BYTES = 1024 * 1024
BATCH_STATEMENTS = 1000
# Up to here, INSERTs of one row each are sent together: what they cost is mostly the way to the server and back.
JOINED_BYTES = 256 * 1024
_RETRIED = frozenset({1205, 1213})  # lock wait timeout, deadlock
_ATTEMPTS = 10
_STOP_SECONDS = 10


@dataclass(slots=True)
class Batch:
    """One transaction. It stays in memory until it is committed, so that a deadlock's victim can be executed again.

    `session`: how many of the pool's session statements come before it.
    """

    statements: list[tuple[Statement, Text, int]] = field(default_factory=list)
    size: int = 0
    session: int = 0

    def add(self, statement: Statement, sql: Text, rows_at: int) -> None:
        self.statements.append((statement, sql, rows_at))
        self.size += len(sql)

    @property
    def full(self) -> bool:
        return self.size >= BATCH_BYTES or len(self.statements) >= BATCH_STATEMENTS


class _Warned(Exception):
    """The server has warned of a joined statement."""


class Pool:
    """Threads, one for each connection. The first failure ends all of them, and is raised at the next call."""

    def __init__(self, connections: Sequence[Connection], remarks: Remarks, *, longest: int = JOINED_BYTES) -> None:
        """Start the threads. The server takes statements of `longest` bytes. `remarks` gets those on committed rows."""
        self._remarks = remarks
        self._joined_bytes = min(JOINED_BYTES, longest)
        self._changed = threading.Condition()
        self._waiting: deque[Batch] = deque()
        self._session: list[tuple[Statement, Text]] = []
        self._outstanding = 0
        self._failure: Exception | None = None
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._work, args=(c,), name=f"load-{i}", daemon=True) for i, c in enumerate(connections)
        ]
        for thread in self._threads:
            thread.start()

    def everywhere(self, statement: Statement, sql: Text) -> None:
        """Let each connection execute a session statement before the batches that are submitted from now on."""
        self._session.append((statement, sql))

    def submit(self, batch: Batch) -> None:
        """Wait until there is room for the batch. One that is larger than the bound gets all of it."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._failure or not self._outstanding or self._outstanding + batch.size <= OUTSTANDING_BYTES
            )
            self._raise_failure()
            self._outstanding += batch.size
            batch.session = len(self._session)
            self._waiting.append(batch)
            self._changed.notify_all()

    def drain(self) -> None:
        """Wait until everything submitted is committed."""
        with self._changed:
            self._changed.wait_for(lambda: self._failure or not self._outstanding)
            self._raise_failure()

    def stop(self) -> None:
        """End the threads after the statement each is at. Uncommitted rows are rolled back with their connection."""
        with self._changed:
            self._stopped = True
            self._waiting.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(_STOP_SECONDS)

    def _raise_failure(self) -> None:
        if self._failure:
            raise self._failure

    def _work(self, connection: Connection) -> None:
        batch: Batch | None
        done = 0
        while batch := self._next():
            try:
                for statement, sql in self._session[done : batch.session]:
                    with statement_errors_explained(statement):
                        connection.query(sql)
                done = batch.session
                self._execute(connection, batch)
            except Exception as error:  # noqa: BLE001  raised again by submit or drain
                with self._changed:
                    self._failure = self._failure or error
                    self._stopped = True
            size, batch = batch.size, None  # given back before the next one is waited for
            with self._changed:
                self._outstanding -= size
                self._changed.notify_all()

    def _next(self) -> Batch | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopped)
            return None if self._stopped else self._waiting.popleft()

    def _execute(self, connection: Connection, batch: Batch) -> None:
        """Join statements where that makes no difference.

        NULL in a column that can't hold it becomes 0, with a warning, in a statement of several rows. In a statement of one
        row it is an error. So after any warning the statements are executed as they stand. After an error they are, too, to
        see which one it is.
        https://dev.mysql.com/doc/refman/8.4/en/insert.html, https://mariadb.com/kb/en/insert/
        """
        together = joined(batch, self._joined_bytes)
        if len(together.statements) < len(batch.statements):
            try:
                self._repeated(connection, together, strictly=True)
            except (DumpRejected, _Warned):
                connection.rollback()
            else:
                return
        self._repeated(connection, batch)

    def _repeated(self, connection: Connection, batch: Batch, *, strictly: bool = False) -> None:
        """Repeat the batch after a deadlock, which is safe: the server has rolled back all of it."""
        for attempt in range(1, _ATTEMPTS + 1):
            last = attempt == _ATTEMPTS
            try:
                self._transact(connection, batch, strictly=strictly, retried=frozenset() if last else _RETRIED)
            except pymysql.err.OperationalError:
                connection.rollback()
            else:
                return

    def _transact(self, connection: Connection, batch: Batch, *, strictly: bool, retried: frozenset[int]) -> None:
        """Execute the batch as one transaction. Raises _Warned, if `strictly`, at the first warning."""
        remarks = []
        for statement, sql, _ in batch.statements:
            if self._stopped:
                return
            with statement_errors_explained(statement, retried=retried):
                connection.query(sql)
                if strictly and warned(connection):
                    raise _Warned
                remarks += on_values(connection, statement, sql)
        # a commit can fail too: the server is gone, or full
        with statement_errors_explained(batch.statements[0][0], retried=retried):
            connection.commit()
        self._remarks.add(remarks)


def joined(batch: Batch, longest: int = JOINED_BYTES) -> Batch:
    """Put the same rows into fewer statements: neighbours that differ in nothing but their rows become one."""
    made, group, size = Batch(), [batch.statements[0]], len(batch.statements[0][1])
    for one in batch.statements[1:]:
        first, sql, rows_at = group[0][1], one[1], one[2]
        if sql[:rows_at] == first[: group[0][2]] and size + len(sql) <= longest:
            group.append(one)
            size += len(sql)
        else:
            made.add(*_one(group))
            group, size = [one], len(sql)
    made.add(*_one(group))
    return made


def _one(group: list[tuple[Statement, Text, int]]) -> tuple[Statement, Text, int]:
    """Return the first statement with the rows of all. If it is alone, it is not copied."""
    statement, sql, rows_at = group[0]
    if len(group) == 1:
        return group[0]
    return statement, bytes(sql[:rows_at]) + b",".join(other[at:] for _, other, at in group), rows_at
