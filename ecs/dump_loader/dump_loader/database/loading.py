"""Load the statements of a dump: rows over several connections, everything else in its place."""

from __future__ import annotations

import re
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pymysql

from dump_loader.database.connection import execute, reading
from dump_loader.database.pool import BATCH_BYTES, BATCH_STATEMENTS, OUTSTANDING_BYTES, Batch, Pool
from dump_loader.database.remarks import Remarks, on_table, on_values
from dump_loader.database.server_errors import statement_errors_explained
from dump_loader.prefetch import prefetched
from dump_loader.sql.policy import Policy, Treatment, Verdict
from dump_loader.sql.splitter import Splitter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dump_loader.database.connection import Connect, Connection
    from dump_loader.sql.indexes import Indexes
    from dump_loader.sql.reading import Reading
    from dump_loader.sql.server import Server
    from dump_loader.sql.signature import Signature
    from dump_loader.sql.splitter import Statement
    from liberator.row_counts import OriginalNames

# A statement is held in memory as a whole, whatever more the server would take (max_allowed_packet, up to 1 GB).
LONGEST_STATEMENT = 64 * 1024 * 1024
_BY_LOADER = (
    "The loader holds no more in memory: where it is one row, ask for a dump without its largest column, or raise "
    "LONGEST_STATEMENT in loading.py, and the task's memory with it."
)
_BY_SERVER = "The server's max_allowed_packet allows no more: raise it in the instance's parameter group."
# Of one table's rows: from here on its secondary indexes are built afterwards. Ours: about a tenth of a second of loading.
_LARGE = 4 * 1024 * 1024
_NEEDED = frozenset({1553})  # by a foreign key of another table, which MySQL lets refer to a key that is not unique
# Sets the client's character set or a variable of the dump's own, as mysqldump does around each CREATE TABLE. With any other
# setting (a strict sql_mode, innodb_strict_mode) the server might refuse a table as it stands, and so an index of it.
_OF_NO_INDEX = re.compile(rb"SET\s+(?:character_set_client\s*=\s*@?\w+|@\w+\s*:?=\s*[@\w.]+)\s*", re.IGNORECASE)
# What mysqldump itself writes at the top of a dump; in every session, as rows of one table may come before another's.
_UNCHECKED = "SET FOREIGN_KEY_CHECKS = 0, UNIQUE_CHECKS = 0"


@dataclass(slots=True)
class Loaded:
    """The progress of a load, for the log. `remarks` are told when it has ended.

    `originals` has the original names of renamed tables and columns, by the table's new name.
    """

    statements: int = 0
    bytes: int = 0
    remarks: Remarks = field(default_factory=Remarks)
    originals: dict[str, OriginalNames] = field(default_factory=dict)


def load(
    chunks: Iterable[bytes],
    signature: Signature,
    connect: Connect,
    server: Server,
    *,
    database: str,
    connections: int,
    loaded: Loaded,
) -> None:
    """Execute a whole dump in `database`. Raises DumpRejected. `signature` sees all of it, `loaded` how far the load is.

    Only dumps of mysqldump and mariadb-dump go over several connections. Their INSERTs have rows with all their values, of
    a table that is complete before anything depends on it. A script made by hand can depend on the order of its INSERTs
    (auto-increment values, LAST_INSERT_ID(), foreign keys, user variables). One connection executes it, statement after
    statement, as the mysql client would.
    """
    longest, bound = min((server.max_allowed_packet - 1024, _BY_SERVER), (LONGEST_STATEMENT, _BY_LOADER))
    with ExitStack() as stack:
        ready = stack.enter_context(closing(prefetched(chunks)))
        splitter = Splitter(signature.watch(ready), max_bytes=longest, bound=bound)
        executor: _Serial | _Parallel | None = None
        for statement in splitter:
            if executor is None:  # the first statement is here, so the signature has seen the beginning
                policy = Policy(server, database=database, own=signature.database, of_mariadb=signature.of_mariadb)
                many = signature.by_mysqldump and connections > 1
                opened = [stack.enter_context(closing(connect(database))) for _ in range(connections + 1 if many else 1)]
                remarks = loaded.remarks
                executor = stack.enter_context(
                    closing(_Parallel(opened, remarks, longest) if many else _Serial(opened[0], remarks))
                )
            signature.note(statement)
            verdict = policy.judge(statement)
            executor.execute(statement, verdict)
            if verdict.remark:
                remarks.add([on_table(statement, verdict.sql, verdict.remark)])
            if verdict.treatment is Treatment.EVERYWHERE:
                splitter.reading = policy.reading = executor.reading(statement)
            loaded.statements = statement.number
            loaded.bytes += len(statement.text)
            del statement, verdict  # one may be 64 MB, and the next is read before these names are used again
        if executor is not None:
            executor.finish()


def _reading(connection: Connection, statement: Statement) -> Reading:
    with statement_errors_explained(statement):
        return reading(connection)


def _execute(connection: Connection, statement: Statement, verdict: Verdict, remarks: Remarks) -> None:
    with statement_errors_explained(statement):
        execute(connection, verdict.sql)
        if verdict.treatment is not Treatment.EVERYWHERE:  # a variable has no value of the dump
            remarks.add(on_values(connection, statement, verdict.sql))


class _Serial:
    """One connection, strictly in order.

    It commits every megabyte, not after each statement, which is many times faster for single-row INSERTs. The outcome is
    the same: ROLLBACK is refused, nobody else reads meanwhile, and a load that fails is not used.
    """

    def __init__(self, connection: Connection, remarks: Remarks) -> None:
        self._connection = connection
        self._remarks = remarks
        self._pending = 0
        self._pending_bytes = 0
        self._last: Statement | None = None
        connection.autocommit(False)  # noqa: FBT003  pymysql's signature

    def reading(self, statement: Statement) -> Reading:
        """Return how the server reads after `statement`, the last one."""
        return _reading(self._connection, statement)

    def execute(self, statement: Statement, verdict: Verdict) -> None:
        if verdict.treatment is Treatment.LEAVE_OUT:
            return
        _execute(self._connection, statement, verdict, self._remarks)
        self._pending += 1
        self._pending_bytes += len(verdict.sql)
        self._last = statement
        if self._pending >= BATCH_STATEMENTS or self._pending_bytes >= BATCH_BYTES:
            self.finish()

    def finish(self) -> None:
        if self._last is None:
            return
        with statement_errors_explained(self._last):
            self._connection.commit()
        self._pending = self._pending_bytes = 0
        self._last = None  # it may be 64 MB

    def close(self) -> None:
        """Do nothing: whoever opened the connection closes it."""


@dataclass(slots=True)
class _Growing:
    """A table that may turn out to be large: the statement that made it, its indexes, the bytes of its rows so far."""

    created: Statement
    indexes: Indexes
    bytes: int = 0


class _Parallel:
    """Rows over all connections but the first; everything else on the first one.

    Definitions of tables that are not being filled, and settings of the client's character set, run while rows load.
    Everything else waits until the rows before it are committed and the indexes rebuilt. Executed rows are not enough: a
    definition waits for every transaction that has touched its table.
    """

    def __init__(self, connections: list[Connection], remarks: Remarks, longest: int) -> None:
        self._connections = connections
        self._remarks = remarks
        for connection in connections:
            connection.query(_UNCHECKED)
        for connection in connections[1:]:
            connection.autocommit(False)  # noqa: FBT003  pymysql's signature
        self._pool = Pool(connections[1:], remarks, longest=longest)
        self._batch = Batch()
        self._with_triggers: set[str] = set()
        self._whole: dict[str, _Growing] = {}
        self._without_indexes: dict[str, _Growing] = {}
        self._filled: set[str] = set()

    def reading(self, statement: Statement) -> Reading:
        """Return how the server reads after `statement`, the last one."""
        return _reading(self._connections[0], statement)

    def execute(self, statement: Statement, verdict: Verdict) -> None:
        if verdict.treatment is Treatment.LEAVE_OUT:
            return
        if verdict.treatment is Treatment.ROWS and verdict.table not in self._with_triggers:
            self._drop_indexes(verdict)
            self._filled.add(verdict.table)
            self._batch.add(statement, verdict.sql, verdict.rows_at)
            if self._batch.full:
                self._submit()
            return
        if (verdict.apart and verdict.table not in self._filled) or _OF_NO_INDEX.fullmatch(verdict.sql):
            self._submit()
        else:
            self.finish()
            self._whole.clear()  # it may be about any of them
        if verdict.treatment is Treatment.EVERYWHERE:
            self._pool.everywhere(statement, verdict.sql)
        if verdict.trigger_on:
            self._with_triggers.add(verdict.trigger_on)  # a trigger may see the order of the rows
        _execute(self._connections[0], statement, verdict, self._remarks)
        if verdict.indexes:
            self._whole[verdict.table] = _Growing(statement, verdict.indexes)

    def finish(self) -> None:
        """Wait for the rows, then build the indexes that were dropped, those of several tables at once."""
        self._finish_rows()
        for table in self._without_indexes.values():
            batch = Batch()
            batch.add(table.created, table.indexes.add, 0)
            self._pool.submit(batch)
        self._pool.drain()
        self._without_indexes.clear()
        self._filled.clear()

    def _drop_indexes(self, rows: Verdict) -> None:
        """Drop them once a table turns out to be large. For a small one, two more definitions take longer than its rows."""
        table = self._whole.get(rows.table)
        if table is None:
            return
        table.bytes += len(rows.sql)
        if table.bytes > _LARGE:
            self._finish_rows()
            del self._whole[rows.table]
            try:
                with statement_errors_explained(table.created, retried=_NEEDED):
                    self._connections[0].query(table.indexes.drop)
            except pymysql.err.MySQLError:
                return  # they stay
            self._without_indexes[rows.table] = table

    def _finish_rows(self) -> None:
        self._submit()
        self._pool.drain()

    def close(self) -> None:
        self._pool.stop()

    def _submit(self) -> None:
        if not self._batch.statements:
            return
        large = self._batch.size > OUTSTANDING_BYTES
        self._pool.submit(self._batch)
        self._batch = Batch()
        if large:  # so large that there should be no second one in memory beside it
            self._pool.drain()
