"""Give tables and columns names that RDS exports and that the catalog tells apart.

Decided in docs/adr/0011-names-that-rds-cannot-export-are-changed-before-the-snapshot.md.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING

import pymysql

from dump_loader.database.connection import quoted, rows
from dump_loader.database.tables import base_tables, views
from liberator.errors import DumpRejected
from liberator.row_counts import OriginalNames

if TYPE_CHECKING:
    from collections.abc import Collection

    from aws_lambda_powertools import Logger

    from dump_loader.database.connection import Connection

# RDS skips tables with a slash in their names, or with a space or one of , ; { } ( ) \n \t = in a column's. One table with
# another character than these in its name, and RDS refuses to export a database by itself. In paths it makes four
# characters one. The raw zone's names have a letter, digit or _ for each character. These pass everywhere as they are.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html, "Limitations"
_EXPORTABLE = re.compile(r"[A-Za-z0-9$_]+")
_LONGEST = 64  # https://dev.mysql.com/doc/refman/8.4/en/identifier-length.html
# MySQL renames no column that one of these refers to: a generated column, a default, a functional index, partitioning, a
# CHECK. MariaDB renames it there, too. https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
_DEPENDED_ON = frozenset({3108, 3766, 3837, 3855, 3959})
_COLUMNS = "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s ORDER BY ORDINAL_POSITION"
_EXPRESSION_DEFAULTS = (
    "SELECT COLUMN_NAME FROM information_schema.COLUMNS "
    "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND EXTRA LIKE '%%DEFAULT_GENERATED%%'"
)
_FOREIGN_KEYS = (
    "SELECT TABLE_NAME, CONSTRAINT_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS "
    "WHERE CONSTRAINT_SCHEMA = %s AND REFERENCED_TABLE_NAME = %s"
)
# So that a copy takes every value as it is: zero dates, the hour that a time zone has twice.
_SESSION = "SET SESSION sql_mode = '', time_zone = '+00:00'"


def make_exportable(connection: Connection, database: str, logger: Logger) -> dict[str, OriginalNames]:
    """Rename tables and columns that RDS can't export. Returns the original names, by new table. Raises DumpRejected.

    Views that may refer to something renamed are dropped: nobody reads them, and RDS may not take a broken one. Triggers may
    break, and stay: nothing fires them any more.

    Safe to repeat, but for the names that it returns: the database is made anew by each load.
    """
    rows(connection, _SESSION)
    columns: dict[str, list[str]] = {table: [] for table in base_tables(connection, database)}
    for table, column in rows(connection, _COLUMNS, database):
        columns.get(table, []).append(column)
    renamed = {}
    for table, name in exportable(columns, f"Tables of {database}").items():
        names = exportable(columns[table], f"Columns of table {table!r}")
        changed = {column: new for column, new in names.items() if new != column}
        if name == table and not changed:
            continue
        how = _rename(connection, database, table, name, names)
        logger.info("Renamed, as RDS can't export such names", table=table, new_name=name, columns=changed, how=how)
        renamed[name] = OriginalNames(
            table=table if name != table else None, columns={new: column for column, new in changed.items()}
        )
    gone = [view for view in views(connection, database) if renamed or not _EXPORTABLE.fullmatch(view)]
    for view in gone:
        rows(connection, f"DROP VIEW {quoted(database)}.{quoted(view)}")
    if gone:
        logger.info("Dropped views, which are not exported", views=gone)
    return renamed


def _rename(connection: Connection, database: str, table: str, name: str, columns: dict[str, str]) -> str:
    """Rename in place, which changes no row. Where MySQL refuses that, copy the rows, which are all that is exported."""
    changed = {column: new for column, new in columns.items() if new != column}
    try:
        try:
            changes = [f"RENAME COLUMN {quoted(column)} TO {quoted(new)}" for column, new in changed.items()]
            changes += [f"RENAME TO {quoted(database)}.{quoted(name)}"] * (name != table)
            rows(connection, f"ALTER TABLE {quoted(database)}.{quoted(table)} {', '.join(changes)}")
        except pymysql.err.MySQLError as error:
            if error.args[0] not in _DEPENDED_ON:
                raise
            _copy(connection, database, table, name, columns)
            return f"by a copy, for {error.args[1]}"
    except pymysql.err.MySQLError as error:
        if not connection.open:
            raise
        raise DumpRejected(
            f"RDS can't export table {table!r} with its columns {list(changed)}, and the server doesn't rename it: {error}. "
            "Rename it in the dump, with letters, digits, $ and _ only."
        ) from error
    return "in place"


def _copy(connection: Connection, database: str, table: str, name: str, columns: dict[str, str]) -> None:
    """Copy the table under its new name, with the columns' types, but no keys and nothing that could refer to a column.

    References to columns by their old names are dropped before: defaults that are expressions, which CREATE TABLE … SELECT
    takes over, and foreign keys, which look for their columns in whatever table gets the name.
    """
    old, copy, new = (f"{quoted(database)}.{quoted(it)}" for it in (table, _marked(table), name))
    selected = ", ".join(f"{quoted(column)} AS {quoted(renamed)}" for column, renamed in columns.items())
    for (column,) in rows(connection, _EXPRESSION_DEFAULTS, database, table):
        rows(connection, f"ALTER TABLE {old} ALTER COLUMN {quoted(column)} DROP DEFAULT")
    for child, key in rows(connection, _FOREIGN_KEYS, database, table):
        rows(connection, f"ALTER TABLE {quoted(database)}.{quoted(child)} DROP FOREIGN KEY {quoted(key)}")
    rows(connection, f"CREATE TABLE {copy} ENGINE = InnoDB AS SELECT {selected} FROM {old}")  # noqa: S608  quoted
    rows(connection, f"DROP TABLE {old}")
    if copy != new:
        rows(connection, f"RENAME TABLE {copy} TO {new}")


def exportable(names: Collection[str], of: str) -> dict[str, str]:
    """Map each name to one of at most 64 letters, digits, `$` and `_`: to itself, wherever it can be.

    `names` are those of one database's tables, or of one table's columns, as `of` says. A name that can't stay gets a mark,
    made of the whole name. So its new name is the same on every day, whatever its neighbours are called. Two names that
    would be one in the catalog, which knows no capitals and no `$`, both get one: neither takes over the other's days.

    Raises DumpRejected where names are made to have one mark.
    """
    alike = Counter(map(_in_catalog, filter(_EXPORTABLE.fullmatch, names)))
    given = {
        name: name if alike[_in_catalog(name)] == 1 and _EXPORTABLE.fullmatch(name) else _marked(name) for name in names
    }
    times = Counter(map(_in_catalog, given.values()))
    if same := [name for name, new in given.items() if times[_in_catalog(new)] > 1]:
        raise DumpRejected(f"{of} {same} would have one name in the lake. Rename all but one of them in the dump.")
    return given


def _in_catalog(name: str) -> str:
    """Return the name that the raw zone's table or column has."""
    return name.lower().replace("$", "_")


def _marked(name: str) -> str:
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9$_]', '_', name)[: _LONGEST - 9]}_{mark}"
