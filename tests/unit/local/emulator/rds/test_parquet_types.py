from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from local.emulator.rds.parquet_types import Column, arrow_type, exported_type, to_arrow


def test_bytes_that_are_not_utf8_are_replaced_not_fatal() -> None:
    assert to_arrow(Column("c", "text", "text"), [b"ok", b"\xff\xfe", None]).to_pylist() == ["ok", "��", None]


def test_a_column_of_nulls_keeps_its_type() -> None:
    for kind in ("int", "datetime", "text", "blob", "double"):
        column = Column("c", kind, kind)
        assert to_arrow(column, [None, None]).type == arrow_type(column)


def test_one_impossible_date_nulls_only_itself() -> None:
    column = Column("c", "datetime", "datetime(6)")
    values = to_arrow(column, [b"2021-02-31 00:00:00", b"2021-06-04 10:15:30.000001", b"0000-00-00 00:00:00", None])
    assert values.to_pylist() == [None, datetime(2021, 6, 4, 10, 15, 30, 1, UTC), None, None]


@pytest.mark.parametrize(
    ("column", "name"),
    [
        (Column("c", "int", "int(11)"), "int32"),
        (Column("c", "int", "int(10) unsigned"), "int64"),
        (Column("c", "decimal", "decimal(9,2)", 9, 2), "int32 (decimal(9,2))"),
        (Column("c", "decimal", "decimal(10,2)", 10, 2), "int64 (decimal(10,2))"),
        (Column("c", "decimal", "decimal(38,2)", 38, 2), "decimal(38,2)"),
        (Column("c", "decimal", "decimal(39,2)", 39, 2), "binary (UTF8)"),
        (Column("c", "datetime", "datetime"), "int64 (timestamp_micros)"),
        (Column("c", "char", "char(3)"), "binary"),
    ],
)
def test_the_names_that_export_tables_info_has(column: Column, name: str) -> None:
    assert exported_type(column) == name


def test_a_type_that_nobody_listed_becomes_text() -> None:
    assert arrow_type(Column("c", "inet6", "inet6")) == pa.string()
