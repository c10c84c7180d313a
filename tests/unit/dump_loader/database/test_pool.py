"""Batches over several connections: all of them, bounded, repeated after a deadlock, ended by the first failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pymysql
import pytest

from dump_loader.database.pool import JOINED_BYTES, OUTSTANDING_BYTES, Batch, Pool, joined
from dump_loader.database.remarks import Remarks
from dump_loader.sql.splitter import Statement
from ingestion.errors import Transient
from liberator.errors import DumpRejected

HEAD = b"INSERT INTO t VALUES "


class Connection:
    """Keeps what is committed. `fails`: what is raised at the next occurrence of a text. `warns`: of what at each."""

    def __init__(self) -> None:
        self.warns: dict[bytes, list[tuple[bytes, bytes, bytes]]] = {}
        self._warnings: list[tuple[bytes, bytes, bytes]] = []
        self._result = SimpleNamespace(warning_count=0)
        self.open: list[bytes] = []
        self.committed: list[bytes] = []
        self.fails: dict[bytes, list[Exception]] = {}
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def query(self, sql: bytes) -> None:
        assert self.may_go_on.wait(10)
        for text, errors in self.fails.items():
            if text in bytes(sql) and errors:
                raise errors.pop(0)
        self.open.append(bytes(sql))
        self._warnings = [warning for text, some in self.warns.items() if text in bytes(sql) for warning in some]
        self._result.warning_count = len(self._warnings)

    def show_warnings(self) -> list[tuple[bytes, bytes, bytes]]:
        return self._warnings

    def commit(self) -> None:
        self.committed += self.open
        self.open = []

    def rollback(self) -> None:
        self.open = []


def batch(*rows: bytes, head: bytes = HEAD) -> Batch:
    made = Batch()
    for number, row in enumerate(rows, 1):
        sql = head + row
        made.add(Statement(number, number * 10, sql, len(head)), sql, len(head))
    return made


def committed(connections: list[Connection]) -> list[bytes]:
    return [sql for connection in connections for sql in connection.committed]


@pytest.fixture
def connections() -> list[Connection]:
    return [Connection(), Connection()]


@pytest.fixture
def remarks() -> Remarks:
    return Remarks()


@pytest.fixture
def pool(connections: list[Connection], remarks: Remarks) -> Iterator[Pool]:
    made = Pool(connections, remarks)  # type: ignore[arg-type]
    yield made
    for connection in connections:
        connection.may_go_on.set()
    made.stop()


def test_everything_is_committed_once(pool: Pool, connections: list[Connection]) -> None:
    for i in range(100):
        pool.submit(batch(b"(%d)" % i))
    pool.drain()
    assert sorted(committed(connections)) == sorted(HEAD + b"(%d)" % i for i in range(100))


def test_rows_of_one_table_are_sent_together() -> None:
    other = batch(b"(9)", head=b"INSERT INTO u VALUES ")
    mixed = batch(b"(1)", b"(2)", b"(3)")
    mixed.statements += other.statements
    mixed.statements += batch(b"(4)").statements
    assert [sql for _, sql, _ in joined(mixed).statements] == [
        HEAD + b"(1),(2),(3)",
        b"INSERT INTO u VALUES (9)",
        HEAD + b"(4)",
    ]


def test_but_not_more_than_a_packet_holds_and_never_by_copying_a_large_one() -> None:
    row = b"(" + b"1" * (JOINED_BYTES // 2) + b")"
    large = batch(row, row, row)
    assert [sql for _, sql, _ in joined(large).statements] == [sql for _, sql, _ in large.statements]
    assert all(a[1] is b[1] for a, b in zip(joined(large).statements, large.statements, strict=True))


@pytest.mark.parametrize("code", [1205, 1213])
def test_a_deadlock_is_repeated_from_the_beginning_of_the_batch(
    pool: Pool, connections: list[Connection], code: int
) -> None:
    for connection in connections:
        connection.fails = {b"(3)": [pymysql.err.OperationalError(code, "Deadlock found")] * 3}
    pool.submit(batch(b"(1)", b"(3)"))
    pool.drain()
    assert committed(connections) == [HEAD + b"(1),(3)"]


def test_a_failure_names_the_one_statement(pool: Pool, connections: list[Connection]) -> None:
    for connection in connections:
        connection.fails = {b"(2)": [pymysql.err.IntegrityError(1062, "Duplicate entry")] * 9}
    pool.submit(batch(b"(1)", b"(2)", b"(3)"))
    with pytest.raises(DumpRejected, match=r"Statement 2, line 20, failed: error 1062: Duplicate entry"):
        pool.drain()
    assert not {b"INSERT INTO t VALUES (2)", b"INSERT INTO t VALUES (3)"} & set(committed(connections))
    with pytest.raises(DumpRejected):
        pool.submit(batch(b"(4)"))


CUT = (b"Warning", b"1265", b"Data truncated for column 'a' at row 1")


def test_statements_that_the_server_warns_of_together_are_executed_as_they_stand(
    pool: Pool, connections: list[Connection], remarks: Remarks
) -> None:
    for connection in connections:
        connection.warns = {b"(2)": [CUT, CUT]}
    pool.submit(batch(b"(1)", b"(2)", b"(3)"))
    pool.drain()
    assert committed(connections) == [HEAD + b"(1)", HEAD + b"(2)", HEAD + b"(3)"]
    (remark,) = remarks.all
    assert str(remark) == "table t, statement 2, line 20, 2 times: Data truncated for column 'a' at row 1 (warning 1265)"


def test_what_a_deadlock_rolled_back_is_remarked_once(pool: Pool, connections: list[Connection], remarks: Remarks) -> None:
    for connection in connections:
        connection.warns = {b"(1)": [CUT]}
        connection.fails = {b"(2)": [pymysql.err.OperationalError(1213, "Deadlock found")] * 5}
    pool.submit(batch(b"(1)", b"(2)"))
    pool.drain()
    assert committed(connections) == [HEAD + b"(1)", HEAD + b"(2)"]
    assert [remark.count for remark in remarks.all] == [1]


def test_a_lost_connection_is_no_fault_of_the_dump(pool: Pool, connections: list[Connection]) -> None:
    for connection in connections:
        connection.fails = {b"(1)": [pymysql.err.OperationalError(2013, "Lost connection")] * 9}
    pool.submit(batch(b"(1)"))
    with pytest.raises(Transient, match="was lost at statement 1, line 10"):
        pool.drain()


def test_what_is_waiting_is_bounded_by_bytes(pool: Pool, connections: list[Connection]) -> None:
    for connection in connections:
        connection.may_go_on.clear()
    big = b"(" + b"1" * (OUTSTANDING_BYTES // 2) + b")"
    submitted = threading.Semaphore(0)

    def submit() -> None:
        for _ in range(3):
            pool.submit(batch(big))
            submitted.release()

    thread = threading.Thread(target=submit)
    thread.start()
    assert submitted.acquire(timeout=5)
    assert not submitted.acquire(timeout=0.3)
    for connection in connections:
        connection.may_go_on.set()
    thread.join(10)
    pool.drain()
    assert len(committed(connections)) == 3
