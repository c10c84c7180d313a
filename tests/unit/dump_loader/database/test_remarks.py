"""Which warnings are about values, of which table, and how they are counted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from dump_loader.database.remarks import Remarks, on_values
from dump_loader.sql.splitter import Statement
from liberator.row_counts import Remark

Warned = tuple[bytes, bytes, bytes]
CUT, OUT_OF_RANGE = (b"Warning", b"1265", b"Data truncated"), (b"Warning", b"1264", b"Out of range")


def remarked(
    *warnings: Warned, sql: bytes = b"INSERT INTO t VALUES (1)", number: int = 1, unlisted: int = 0
) -> list[Remark]:
    result = SimpleNamespace(warning_count=len(warnings) + unlisted)
    connection: Any = SimpleNamespace(_result=result, show_warnings=lambda: warnings, use_unicode=True)
    return on_values(connection, Statement(number, number * 10, sql), sql)


@pytest.mark.parametrize(
    "warning",
    [
        (b"Note", b"1265", b"Data truncated for column 'd' at row 1"),
        (b"Warning", b"1287", b"'utf8mb3' is deprecated"),
        (b"Warning", b"1681", b"Integer display width is deprecated"),
        (b"Warning", b"3719", b"'utf8' is currently an alias"),
        (b"Warning", b"1831", b"Duplicate index"),
        (b"Warning", b"1300", b"Invalid utf8mb4 character string: 'FFFE'"),
    ],
)
def test_what_says_nothing_about_values_is_left_out(warning: Warned) -> None:
    assert remarked(warning) == []


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        (b"INSERT INTO `a``b` VALUES (1)", "a`b"),
        (b"INSERT INTO `db`.`t` (`into`) VALUES (1)", "t"),
        ("replace  INTO größe VALUES (1)".encode(), "größe"),
        (b"INSERT IGNORE INTO db . t VALUES (1)", "t"),
        (b'INSERT INTO "db"."t""u" VALUES (1)', 't"u'),
        (b"UPDATE t SET a = 1", "t"),
        (b"CREATE TABLE IF NOT EXISTS `t` SELECT 1", "t"),
        (b"ALTER TABLE `t` MODIFY a TINYINT", "t"),
        (b"DELETE FROM t", None),
    ],
)
def test_the_table_has_the_dumps_own_name(sql: bytes, table: str | None) -> None:
    (remark,) = remarked(CUT, sql=sql)
    assert remark.table == table


def test_what_the_server_does_not_list_is_counted_as_the_most_frequent() -> None:
    counted = [(r.code, r.count) for r in remarked(OUT_OF_RANGE, CUT, CUT, unlisted=1000)]
    assert counted == [(1264, 1), (1265, 1002)]


def test_alike_are_counted_and_the_first_is_told() -> None:
    remarks = Remarks()
    remarks.add(remarked(CUT, OUT_OF_RANGE, CUT, number=7))
    remarks.add(remarked(CUT, number=5))
    remarks.add(remarked(CUT, number=6, sql=b"INSERT INTO u VALUES (1)"))
    assert [(r.table, r.code, r.count, r.statement, r.line) for r in remarks.all] == [
        ("t", 1265, 3, 5, 50),
        ("u", 1265, 1, 6, 60),
        ("t", 1264, 1, 7, 70),
    ]
