"""The narrowest type of a column, and that no value changes by it."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_loader.narrowing import DECIMAL, Narrowing
from dataset_loader.types import TEXT, TIMESTAMP, ZONED


def narrowed(*batches: list[str | None]) -> pa.DataType:
    narrowing = Narrowing()
    for batch in batches:
        narrowing.see(pa.array(batch, TEXT))
    return narrowing.type


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["true", None, "false"], pa.bool_()),
        (["True", "False"], TEXT),
        (["1", "true"], TEXT),
        (["1", None, "-3", "0"], pa.int64()),
        ([None, "9223372036854775807", "-9223372036854775808"], pa.int64()),
        (["9223372036854775808", "1"], DECIMAL),
        (["9" * 38, "-" + "9" * 38], DECIMAL),
        (["1" * 39], TEXT),
        (["1" * 40], TEXT),
        (["007"], TEXT),
        (["+7"], TEXT),
        (["0x1F"], TEXT),
        ([" 7"], TEXT),
        (["NA", "DE"], TEXT),
        (["NaN"], TEXT),
        (["inf"], TEXT),
        (["1", "2.50"], pa.float64()),
        (["1e5", "-0.0", ".5", "-0"], pa.float64()),
        (["0.30000000000000004"], pa.float64()),
        (["0.12345678901234567890"], TEXT),
        (["9007199254740993", "0.5"], TEXT),
        (["9007199254740992", "0.5"], TEXT),
        (["999999999999999", "0.5"], pa.float64()),
        (["9007199254740993"], pa.int64()),
        (["1e400"], TEXT),
        (["1e-400"], TEXT),
        (["0.0e-400"], pa.float64()),
        (["007.5"], TEXT),
        (["2020-02-29", "1899-12-31", "0001-01-01", "9999-12-31"], pa.date32()),
        (["2021-02-29"], TEXT),
        (["0000-01-01"], TEXT),
        (["1.2.2020"], TEXT),
        (["2020-1-1"], TEXT),
        (["2020-01-01T10:00:00", "0001-01-01 00:00:00.000001"], TIMESTAMP),
        (["2020-01-01T10:00:00", "2020-01-01"], TIMESTAMP),
        (["2020-01-01T10:00:00.1234567"], TEXT),
        (["2020-01-01T24:00:00"], TEXT),
        (["2020-01-01T10"], TEXT),
        (["2020-01-01T10:00:00Z", "2020-01-01T10:00:00+05:30"], ZONED),
        (["2020-01-01T10:00:00Z", "2020-01-01T10:00:00"], TEXT),
        (["1", ""], TEXT),
        (["1", "a\nb"], TEXT),
        (["1\n"], TEXT),
        (["2020-01-01\n"], TEXT),
        ([None, None], TEXT),
        ([], TEXT),
    ],
)
def test_the_narrowest_type_that_changes_no_value(values: list[str | None], found: pa.DataType) -> None:
    assert narrowed(values) == found


def test_text_that_comes_late_makes_the_column_text() -> None:
    assert narrowed(["1"] * 1000, ["2"] * 1000, ["x"], ["3"]) == TEXT


def test_a_later_batch_widens() -> None:
    assert narrowed(["1"], [None], ["9223372036854775808"]) == DECIMAL
    assert narrowed(["1"], ["1.5"]) == pa.float64()
    assert narrowed(["9007199254740993"], ["1.5"]) == TEXT
    assert narrowed(["2020-01-01"], ["2020-01-01T00:00"]) == TIMESTAMP


def test_what_the_source_calls_text_stays_text() -> None:
    narrowing = Narrowing()
    narrowing.see(pa.array(["1"]))
    narrowing.stay_text()
    assert narrowing.type == TEXT


@given(st.lists(st.integers(-(10**45), 10**45), min_size=1))
def test_integers_are_the_same_numbers(values: list[int]) -> None:
    texts = [str(value) for value in values]
    found = narrowed(texts)
    if found == TEXT:
        assert max(map(abs, values)) >= 10**38
    else:
        assert [int(value) for value in pa.array(texts).cast(found).to_pylist()] == values


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_doubles_as_python_writes_them_are_the_same_numbers(values: list[float]) -> None:
    texts = [repr(value) for value in values]
    assert narrowed(texts) == pa.float64()
    read = pa.array(texts).cast(pa.float64()).to_pylist()
    assert [(value, math.copysign(1, value)) for value in read] == [(value, math.copysign(1, value)) for value in values]


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_number_that_becomes_a_double_is_that_double(value: Decimal) -> None:
    text = str(value)
    found = narrowed([text])
    if found == pa.float64():
        assert Decimal(repr(pa.array([text]).cast(found)[0].as_py())) == value


@given(st.lists(st.dates(), min_size=1))
def test_dates_are_the_same_days(values: list[dt.date]) -> None:
    texts = [value.isoformat() for value in values]
    assert narrowed(texts) == pa.date32()
    assert pa.array(texts).cast(pa.date32()).to_pylist() == values


@given(st.lists(st.datetimes(), min_size=1), st.sampled_from("T "))
def test_timestamps_are_the_same_moments(values: list[dt.datetime], separator: str) -> None:
    texts = [value.isoformat(separator) for value in values]
    assert narrowed(texts) == TIMESTAMP
    assert pa.array(texts).cast(TIMESTAMP).to_pylist() == values


@given(st.text(alphabet="0123456789-+.eETZ: truefals\n\t٣", min_size=1))
def test_a_text_that_gets_a_type_is_written_as_that_type_writes_it(text: str) -> None:
    found = narrowed([text])
    if found == TEXT:
        return
    value = pa.array([text]).cast(found)[0].as_py()
    if found in (pa.int64(), DECIMAL, pa.bool_()):
        assert str(value).lower() == text
    elif found == pa.float64():
        assert Decimal(repr(value)) == Decimal(text)
    elif found == pa.date32():
        assert value.isoformat() == text
    else:
        assert dt.datetime.fromisoformat(text).replace(tzinfo=None) is not None
