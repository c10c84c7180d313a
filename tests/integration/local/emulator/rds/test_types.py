"""Each MySQL type, loaded, exported and read back: the Parquet types are those of AWS's table, the values the same."""

from __future__ import annotations

import io
import struct
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest

from tests.integration.local.emulator.rds.conftest import DATABASE, Rds


class Case(NamedTuple):
    """A column type, a value in SQL, the Parquet type (physical, logical, converted), and the value read back."""

    mysql: str
    sql: str
    physical: str
    logical: str
    converted: str
    value: Any


INT32, INT64 = ("INT32", "None", "NONE"), ("INT64", "None", "NONE")
DOUBLE, BYTES, STRING = ("DOUBLE", "None", "NONE"), ("BYTE_ARRAY", "None", "NONE"), ("BYTE_ARRAY", "String", "UTF8")
MICROS = ("INT64", "Timestamp(isAdjustedToUTC=true, timeUnit=microseconds)", "TIMESTAMP_MICROS")


def decimal(physical: str, precision: int, scale: int) -> tuple[str, str, str]:
    return (physical, f"Decimal(precision={precision}, scale={scale})", "DECIMAL")


def point(x: float, y: float) -> bytes:
    return struct.pack("<IBIdd", 0, 1, 1, x, y)  # SRID, then WKB


CASES = [
    Case("TINYINT", "-128", *INT32, -128),
    Case("TINYINT UNSIGNED", "255", *INT32, 255),
    Case("TINYINT(1)", "1", *INT32, 1),
    Case("BOOLEAN", "0", *INT32, 0),
    Case("SMALLINT", "-32768", *INT32, -32768),
    Case("SMALLINT UNSIGNED", "65535", *INT32, 65535),
    Case("MEDIUMINT", "-8388608", *INT32, -8388608),
    Case("MEDIUMINT UNSIGNED", "16777215", *INT64, 16777215),
    Case("INT", "-2147483648", *INT32, -2147483648),
    Case("INT UNSIGNED", "4294967295", *INT64, 4294967295),
    Case("INT(8) UNSIGNED ZEROFILL", "42", *INT64, 42),
    Case("BIGINT", "-9223372036854775808", *INT64, -(2**63)),
    Case("BIGINT UNSIGNED", "18446744073709551615", *decimal("FIXED_LEN_BYTE_ARRAY(9)", 20, 0), Decimal(2**64 - 1)),
    Case("DECIMAL(9,2)", "-9999999.99", *decimal("INT32", 9, 2), Decimal("-9999999.99")),
    Case("DECIMAL(10,2)", "-99999999.99", *decimal("INT64", 10, 2), Decimal("-99999999.99")),
    Case("DECIMAL(18,4)", "0.0001", *decimal("INT64", 18, 4), Decimal("0.0001")),
    Case("DECIMAL(19,0)", "9", *decimal("FIXED_LEN_BYTE_ARRAY(9)", 19, 0), Decimal(9)),
    Case("DECIMAL(38,10)", "'1.5'", *decimal("FIXED_LEN_BYTE_ARRAY(16)", 38, 10), Decimal("1.5")),
    Case("DECIMAL(8,3) UNSIGNED ZEROFILL", "1.5", *decimal("INT32", 8, 3), Decimal("1.5")),
    Case("DECIMAL(39,1)", "'1.5'", *STRING, "1.5"),
    Case("DECIMAL(65,30)", "'-2'", *STRING, "-2." + "0" * 30),
    Case("NUMERIC(5,0)", "12345", *decimal("INT32", 5, 0), Decimal(12345)),
    Case("FLOAT", "1.5", *DOUBLE, 1.5),
    Case("DOUBLE", "-1.7976931348623157e308", *DOUBLE, -1.7976931348623157e308),
    Case("BIT(1)", "b'1'", *BYTES, b"\x01"),
    Case("BIT(12)", "b'101000000001'", *BYTES, b"\x0a\x01"),
    Case("BIT(64)", "18446744073709551615", *BYTES, b"\xff" * 8),
    Case("BINARY(4)", "x'00ff'", *BYTES, b"\x00\xff\x00\x00"),
    Case("VARBINARY(9)", "x'00ff27'", *BYTES, b"\x00\xff'"),
    Case("TINYBLOB", "x'ff'", *BYTES, b"\xff"),
    Case("BLOB", "x'ff'", *BYTES, b"\xff"),
    Case("MEDIUMBLOB", "x'ff'", *BYTES, b"\xff"),
    Case("LONGBLOB", "x''", *BYTES, b""),
    Case("CHAR(5)", "'é🚗'", *BYTES, "é🚗".encode()),
    Case("VARCHAR(20)", "'é🚗''\\\\\\0;'", *STRING, "é🚗'\\\0;"),
    Case("VARCHAR(20) CHARACTER SET latin1", "'é€'", *STRING, "é€"),
    Case("VARCHAR(20) CHARACTER SET utf16", "'é🚗'", *STRING, "é🚗"),
    Case("TINYTEXT", "'a\\nb'", *STRING, "a\nb"),
    Case("TEXT", "''", *STRING, ""),
    Case("MEDIUMTEXT", "'NULL'", *STRING, "NULL"),
    Case("LONGTEXT", "'x'", *STRING, "x"),
    Case("ENUM('a','b;''')", "'b;'''", *STRING, "b;'"),
    Case("SET('a','b','c')", "'a,c'", *STRING, "a,c"),
    Case("JSON", """'{"a": 1}'""", *STRING, '{"a": 1}'),
    Case("DATE", "'9999-12-31'", *STRING, "9999-12-31"),
    Case("TIME", "'-838:59:59'", *STRING, "-838:59:59"),
    Case("TIME(6)", "'23:00:00.000001'", *STRING, "23:00:00.000001"),
    Case("YEAR", "1901", *INT32, 1901),
    Case("DATETIME", "'1000-01-01 00:00:00'", *MICROS, datetime(1000, 1, 1, tzinfo=UTC)),
    Case("DATETIME(3)", "'2021-06-04 10:15:30.123'", *MICROS, datetime(2021, 6, 4, 10, 15, 30, 123_000, UTC)),
    Case("DATETIME(6)", "'9999-12-31 23:59:59.999999'", *MICROS, datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)),
    Case("TIMESTAMP", "'2021-06-04 10:15:30'", *MICROS, datetime(2021, 6, 4, 10, 15, 30, tzinfo=UTC)),
    Case("TIMESTAMP(6)", "'2021-06-04 10:15:30.000001'", *MICROS, datetime(2021, 6, 4, 10, 15, 30, 1, UTC)),
    Case("GEOMETRY", "ST_GeomFromText('POINT(1 2)')", *BYTES, point(1, 2)),
    Case("POINT", "ST_GeomFromText('POINT(-1 2.5)')", *BYTES, point(-1, 2.5)),
    *(
        Case(kind, f"ST_GeomFromText('{kind}{text}')", *BYTES, ...)
        for kind, text in {
            "LINESTRING": "(0 0, 1 1)",
            "POLYGON": "((0 0, 3 0, 3 3, 0 0))",
            "MULTIPOINT": "(0 0, 1 1)",
            "MULTILINESTRING": "((0 0, 1 1))",
            "MULTIPOLYGON": "(((0 0, 3 0, 3 3, 0 0)))",
            "GEOMETRYCOLLECTION": "(POINT(1 2))",
        }.items()
    ),
]


def exported_file(rds: Rds) -> pq.ParquetFile:
    rds.snapshot_taken("one")
    assert rds.exported("one")["Status"] == "COMPLETE"
    (key,) = [k for k in rds.keys(f"one/{DATABASE}/{DATABASE}.t/") if k.endswith(".parquet")]
    return pq.ParquetFile(io.BytesIO(rds.read(key)))


def test_each_type_is_exported_as_in_the_table_of_rds(rds: Rds) -> None:
    columns = ", ".join(f"c{number} {case.mysql} NULL" for number, case in enumerate(CASES))
    values = ", ".join(case.sql for case in CASES)
    rds.sql(f"CREATE TABLE t (id INT PRIMARY KEY, {columns})")
    rds.sql("SET time_zone = '+00:00'", f"INSERT INTO t VALUES (1, {values})")
    rds.sql("INSERT INTO t (id) VALUES (2)")
    file = exported_file(rds)
    row, nulls = file.read().to_pylist()
    assert all(value is None for name, value in nulls.items() if name != "id")
    for number, case in enumerate(CASES):
        column = file.schema.column(number + 1)
        length = f"({column.length})" if column.physical_type == "FIXED_LEN_BYTE_ARRAY" else ""
        logical = str(column.logical_type).split(", is_from")[0] + ")" * ("is_from" in str(column.logical_type))
        seen = (column.physical_type + length, logical, column.converted_type)
        assert (case.mysql, seen) == (case.mysql, (case.physical, case.logical, case.converted))
        assert column.max_definition_level == 1, f"{case.mysql} must be nullable"
        if case.value is not ...:
            assert (case.mysql, row[f"c{number}"]) == (case.mysql, case.value)


def test_files_are_gzipped_and_carry_no_arrow_schema(rds: Rds) -> None:
    rds.sql("CREATE TABLE t (a INT, b VARCHAR(5))", "INSERT INTO t VALUES (1, 'x')")
    file = exported_file(rds)
    group = file.metadata.row_group(0)
    assert {group.column(i).compression for i in range(group.num_columns)} == {"GZIP"}
    assert not file.metadata.metadata


def test_generated_and_invisible_columns_are_columns_like_any(rds: Rds) -> None:
    rds.sql("CREATE TABLE t (a INT, s INT AS (a + 1) STORED, v VARCHAR(9) AS (CONCAT('v', a)) VIRTUAL)")
    rds.sql("ALTER TABLE t ADD i INT INVISIBLE DEFAULT 7")
    rds.sql("INSERT INTO t (a) VALUES (1)")
    assert exported_file(rds).read().to_pylist() == [{"a": 1, "s": 2, "v": "v1", "i": 7}]


@pytest.mark.parametrize(
    ("kind", "stored", "read"),
    [
        ("DATE", "0000-00-00", "0000-00-00"),
        ("DATE", "2021-00-00", "2021-00-00"),
        ("DATETIME", "0000-00-00 00:00:00", None),
        ("DATETIME(6)", "0000-00-00 00:00:00", None),
        ("DATETIME", "2021-00-00 00:00:00", None),
        ("TIMESTAMP", "0000-00-00 00:00:00", None),
        ("YEAR", "0000", 0),
    ],
)
def test_zero_dates_do_not_stop_an_export(rds: Rds, kind: str, stored: str, read: object) -> None:
    rds.sql(f"CREATE TABLE t (c {kind} NULL)", f"INSERT INTO t VALUES ('{stored}'), (NULL)")
    assert [row["c"] for row in exported_file(rds).read().to_pylist()] == [read, None]


def test_a_zero_date_among_others_costs_no_other_value(rds: Rds) -> None:
    rds.sql("CREATE TABLE t (c DATETIME(6))", "INSERT INTO t VALUES ('0000-00-00'), ('2021-06-04 10:15:30.000001'), (NULL)")
    exact = datetime(2021, 6, 4, 10, 15, 30, 1, UTC)
    assert [row["c"] for row in exported_file(rds).read().to_pylist()] == [None, exact, None]


def test_timestamps_are_utc_whatever_zone_wrote_them_and_whatever_the_server_is_in(rds: Rds) -> None:
    rds.sql("SET time_zone = '-03:00'", "CREATE TABLE t (c TIMESTAMP)", "INSERT INTO t VALUES ('2021-06-04 07:15:30')")
    with rds.server.connect_as_root() as connection, connection.cursor() as cursor:
        cursor.execute("SET GLOBAL time_zone = '+05:00'")
        try:
            assert exported_file(rds).read()["c"].to_pylist() == [datetime(2021, 6, 4, 10, 15, 30, tzinfo=UTC)]
        finally:
            cursor.execute("SET GLOBAL time_zone = '+00:00'")
