"""The table of types: what is written for each of Arrow's, what Trino reads it as, and that no value changes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_commons.errors import SourceRefused, SpecRefused
from dataset_loader.types import converter, declared, written

NESTED = pa.struct([("A b", pa.uint8()), ("c", pa.large_list(pa.struct([("D", pa.large_binary())])))])
DAY = dt.date(1, 1, 1)
MOMENT = dt.datetime(1960, 1, 1, 12, 0, 0, 1)  # noqa: DTZ001  of a type without a zone

CASES: list[tuple[pa.Array, str, list[Any]]] = [
    (pa.array([True]), "boolean", [True]),
    (pa.array([-1], pa.int8()), "tinyint", [-1]),
    (pa.array([-1], pa.int16()), "smallint", [-1]),
    (pa.array([-1], pa.int32()), "integer", [-1]),
    (pa.array([-1]), "bigint", [-1]),
    (pa.array([255], pa.uint8()), "smallint", [255]),
    (pa.array([65535], pa.uint16()), "integer", [65535]),
    (pa.array([2**32 - 1], pa.uint32()), "bigint", [2**32 - 1]),
    (pa.array([2**64 - 1], pa.uint64()), "decimal(20,0)", [Decimal(2**64 - 1)]),
    (pa.array([1.5], pa.float16()), "real", [1.5]),
    (pa.array([1.5], pa.float32()), "real", [1.5]),
    (pa.array([0.1]), "double", [0.1]),
    (pa.array([Decimal("0.01")], pa.decimal32(5, 2)), "decimal(5,2)", [Decimal("0.01")]),
    (pa.array([Decimal("0.01")], pa.decimal128(38, 2)), "decimal(38,2)", [Decimal("0.01")]),
    (pa.array([Decimal("1200")], pa.decimal128(5, -2)), "decimal(7,0)", [Decimal("1200")]),
    (pa.array([Decimal(7)], pa.decimal256(38, 0)), "decimal(38,0)", [Decimal(7)]),
    (pa.array([Decimal(10) ** 50], pa.decimal256(60, 2)), "varchar", ["1" + "0" * 50 + ".00"]),
    (pa.array([DAY], pa.date32()), "date", [DAY]),
    (pa.array([DAY], pa.date64()), "date", [DAY]),
    (pa.array([-1], pa.timestamp("s")), "timestamp(6)", [dt.datetime(1969, 12, 31, 23, 59, 59)]),  # noqa: DTZ001
    (pa.array([MOMENT], pa.timestamp("us")), "timestamp(6)", [MOMENT]),
    (pa.array([MOMENT], pa.timestamp("ns")), "timestamp(6)", [MOMENT]),
    (pa.array([3600], pa.timestamp("s", "Europe/Paris")), "timestamp(6)", [dt.datetime(1970, 1, 1, 1, tzinfo=dt.UTC)]),
    (pa.array([dt.time(1, 2, 3)], pa.time32("s")), "varchar", ["01:02:03"]),
    (pa.array([1], pa.time64("ns")), "varchar", ["00:00:00.000000001"]),
    (pa.array([(1, 2, -1_500_000_000)], pa.month_day_nano_interval()), "varchar", ["P1M2DT-1.500000000S"]),
    (pa.array([90], pa.duration("s")), "bigint", [90]),
    (pa.array(["a"], pa.large_string()), "varchar", ["a"]),
    (pa.array(["a"], pa.string_view()), "varchar", ["a"]),
    (pa.nulls(1), "varchar", [None]),
    (pa.array(["a"]).dictionary_encode(), "varchar", ["a"]),
    (pa.array([7], pa.uint32()).dictionary_encode(), "bigint", [7]),
    (pa.RunEndEncodedArray.from_arrays([1], pa.array(["a"])), "varchar", ["a"]),
    (pa.array([b"a"], pa.large_binary()), "varbinary", [b"a"]),
    (pa.array([b"ab"], pa.binary(2)), "varbinary", [b"ab"]),
    (pa.array([[1]], pa.list_(pa.uint8())), "array(smallint)", [[1]]),
    (pa.array([[1, 2]], pa.list_(pa.int32(), 2)), "array(integer)", [[1, 2]]),
    (pa.array([[1]], pa.list_view(pa.int32())), "array(integer)", [[1]]),
    (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.uint16())), "map(varchar, integer)", [[("k", 1)]]),
    (
        pa.array([{"A b": 1, "c": [{"D": b"x"}]}], NESTED),
        'row("a_b" smallint, "c" array(row("d" varbinary)))',
        [{"a_b": 1, "c": [{"d": b"x"}]}],
    ),
]


@pytest.mark.parametrize(("array", "trino", "values"), CASES, ids=[str(case[0].type) for case in CASES])
def test_the_table(array: pa.Array, trino: str, values: list[Any], tmp_path: Any) -> None:
    if not pa.types.is_run_end_encoded(array.type):  # with nulls, and from the middle of an array
        array, values = pa.concat_arrays([array, array, pa.nulls(1, array.type)])[1:], [*values, None]
    column = written(array.type, "column")
    assert column.trino == trino
    converted = converter(array.type, column.type, truncate=False)(array)
    converted.validate(full=True)
    assert converted.type == column.type
    pq.write_table(pa.table({"column": converted}), tmp_path / "file", store_schema=False)
    assert pq.read_table(tmp_path / "file")["column"].to_pylist() == values


@pytest.mark.parametrize("union", [pa.sparse_union([pa.field("a", pa.int8())]), pa.dense_union([pa.field("a", pa.int8())])])
def test_unions_are_refused(union: pa.DataType) -> None:
    with pytest.raises(SourceRefused, match="'column' is of type"):
        written(union, "column")
    with pytest.raises(SourceRefused):
        written(pa.list_(union), "column")


def test_fields_of_a_struct_that_collide_are_refused() -> None:
    with pytest.raises(SpecRefused, match="would both be called 'a'"):
        written(pa.struct([("a", pa.int8()), ("A", pa.int8())]), "column")


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_nanoseconds_are_refused_or_cut(zone: str | None) -> None:
    array = pa.array([-1, 1_000_000_001], pa.timestamp("ns", zone))
    target = written(array.type, "column").type
    with pytest.raises(pa.ArrowInvalid):
        converter(array.type, target, truncate=False)(array)
    cut = converter(array.type, target, truncate=True)(array)
    assert cut.type == target
    assert cut.cast(pa.int64()).to_pylist() == [-1, 1_000_000]


def test_notes_tell_what_the_type_does_not() -> None:
    assert written(pa.timestamp("s", "Europe/Paris"), "c").notes == (
        "in the time zone Europe/Paris in the source, in UTC here",
    )
    assert written(pa.timestamp("s", "UTC"), "c").notes == ()
    assert written(pa.duration("ms"), "c").notes == ("a duration in ms",)
    assert written(pa.list_(pa.time32("s")), "c").notes == ("time32[s] in the source, text here",)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("BIGINT", pa.int64()),
        ("int", pa.int32()),
        ("decimal(10, 2)", pa.decimal128(10, 2)),
        ("decimal(5)", pa.decimal128(5, 0)),
        ("timestamp", pa.timestamp("us")),
        ("timestamp(6)", pa.timestamp("us")),
    ],
)
def test_types_of_a_spec(name: str, found: pa.DataType) -> None:
    assert declared(name, "c") == found


@pytest.mark.parametrize(
    "name", ["text", "decimal(39,0)", "decimal(2,3)", "array(bigint)", "varbinary", "bigint; drop table x"]
)
def test_other_types_of_a_spec_are_refused(name: str) -> None:
    with pytest.raises(SpecRefused, match="Correct it, or leave it out"):
        declared(name, "c")


@given(st.integers(-(10**80), 10**80))
def test_a_text_becomes_the_same_decimal_or_is_refused(value: int) -> None:
    target = pa.decimal128(38, 0)
    try:
        converted = converter(pa.string(), target, truncate=False)(pa.array([str(value)]))
    except pa.ArrowInvalid:
        assert abs(value) >= 10**38
    else:
        assert converted.to_pylist() == [value]
