"""Collect remarks for people on a load that goes on, above all on values that the server has changed.

A dump mostly sets no strict sql_mode, as mysqldump doesn't: what does not fit a column is then cut to what does, with a
warning. The client of either flavour says nothing of these.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from typing import TYPE_CHECKING

from dump_loader.database.connection import warned, warnings
from dump_loader.database.server_errors import printable
from liberator.row_counts import Remark, RemarkKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dump_loader.database.connection import Connection
    from dump_loader.sql.splitter import Statement, Text

# Warnings that a value is not kept as it was given, most of which strict mode makes errors of; and those that a row is left
# out, which IGNORE makes of errors. Not here: 1300 (invalid characters in a literal), which MySQL says of each literal of a
# BLOB, although it is whole in its column; where a column can't hold the characters, 1366 comes with it. Nor 1906, which
# MariaDB says of each value that its own dumps have of a computed column.
# https://dev.mysql.com/doc/refman/8.4/en/sql-mode.html#ignore-strict-comparison
# https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html, https://mariadb.com/kb/en/mariadb-error-code-reference/
_CHANGED = frozenset({1048, 1260, 1263, 1264, 1265, 1292, 1299, 1364, 1365, 1366, 1406, 1411, 1416, 1423, 1441, 1690})
_LEFT_OUT = frozenset({1022, 1062, 1169, 1242, 1369, 1451, 1452, 1526, 1586, 1591, 1748, 3819, 4025})
_NAME = rb"""(?:`((?:[^`]|``)+)`|"((?:[^"]|"")+)"|([\w$\x80-\xff]+))"""
_TABLE = re.compile(
    rb"\b(?:INTO|UPDATE|TABLE)\s+(?:IGNORE\s+|IF\s+NOT\s+EXISTS\s+)?(?:%b\s*\.\s*)?%b" % (_NAME, _NAME), re.IGNORECASE
)


class Remarks:
    """Take remarks from any thread. Of those of one kind, table and code, the first is kept, and how many there were."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[RemarkKind, str | None, int | None], Remark] = {}

    def add(self, remarks: Iterable[Remark]) -> None:
        for remark in remarks:
            key = (remark.kind, remark.table, remark.code)
            with self._lock:
                known = self._found.get(key)
                if known:
                    first = min(known, remark, key=_place)
                    remark = first.model_copy(update={"count": known.count + remark.count})
                self._found[key] = remark

    @property
    def all(self) -> tuple[Remark, ...]:
        """Return them in the order of the dump."""
        with self._lock:
            return tuple(sorted(self._found.values(), key=_place))


def _place(remark: Remark) -> int:
    return remark.statement or 0


def on_values(connection: Connection, statement: Statement, sql: Text) -> list[Remark]:
    """Remark on the values that the server changed in the statement that it has just executed; ask only if it warned.

    Notes are left out, as mysqldump turns them off: rounding to a column's digits is one, which strict mode takes, too.
    Warnings that the server counts, but doesn't list, are taken for the kind that it lists most.
    """
    if not (number := warned(connection)):
        return []
    listed = warnings(connection)
    counts = Counter((level, code) for level, code, _ in listed)
    for most, _ in counts.most_common(1):
        counts[most] += number - len(listed)
    first = {(level, code): text for level, code, text in reversed(listed)}
    return [
        Remark(
            kind=RemarkKind.VALUES_CHANGED,
            text=printable(first[level, code]),
            code=code,
            table=_table(sql),
            count=count,
            statement=statement.number,
            line=statement.line,
        )
        for (level, code), count in counts.items()
        if level != "Note" and code in _CHANGED | _LEFT_OUT
    ]


def on_table(statement: Statement, sql: Text, text: str) -> Remark:
    """Remark on a change that the loader made to the table that the statement defines."""
    return Remark(
        kind=RemarkKind.TABLE_CONVERTED, text=text, table=_table(sql), statement=statement.number, line=statement.line
    )


def _table(sql: Text) -> str | None:
    """Return the table that a statement writes, as far as its first words tell."""
    match = _TABLE.search(bytes(sql[:500]))
    if match is None:
        return None
    in_ticks, in_quotes, plain = match.groups(b"")[3:]
    return (in_ticks.replace(b"``", b"`") or in_quotes.replace(b'""', b'"') or plain).decode("utf-8", "replace")
