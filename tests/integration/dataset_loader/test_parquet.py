"""Parquet: types as the table says, names clean to the innermost field, the source's metadata kept."""

from __future__ import annotations

import datetime as dt
import io
import json
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.integration.dataset_loader.commons import Commons

KEY = "data/plants.parquet"


def written(table: pa.Table, **options: object) -> bytes:
    content = io.BytesIO()
    parquet.write_table(table, content, **options)
    return content.getvalue()


def test_types(commons: Commons) -> None:
    moment = dt.datetime(2020, 1, 1, 12)  # noqa: DTZ001
    source = pa.table(
        {
            "U": pa.array([2**32 - 1, None], pa.uint32()),
            "NS": pa.array([moment, None], pa.timestamp("ns")),
            "TZ": pa.array([moment, None], pa.timestamp("us", "Europe/Paris")),
            "Huge": pa.array([Decimal(10) ** 50, None], pa.decimal256(60, 0)),
            "D": pa.array(["a", None]).dictionary_encode(),
            "N": pa.array([{"A b": [{"µg": 1}]}, None]),
        }
    )
    values = commons.values(written(source), KEY)
    assert {c.name: c.type for c in commons.attempts()[0].columns} == {
        "u": "bigint",
        "ns": "timestamp(6)",
        "tz": "timestamp(6)",
        "huge": "varchar",
        "d": "varchar",
        "n": 'row("a_b" array(row("ug" bigint)))',
    }
    assert values == {
        "u": [2**32 - 1, None],
        "ns": [moment, None],
        "tz": [moment.replace(tzinfo=dt.UTC), None],
        "huge": ["1" + "0" * 50, None],
        "d": ["a", None],
        "n": [{"a_b": [{"ug": 1}]}, None],
    }
    zone = next(c for c in commons.attempts()[0].columns if c.name == "tz")
    assert zone.notes == ("in the time zone Europe/Paris in the source, in UTC here",)


def test_nanoseconds_are_refused_unless_they_may_be_cut(commons: Commons) -> None:
    source = written(pa.table({"t": pa.array([1000, 1001], pa.timestamp("ns"))}))
    error = commons.load(source, KEY).error
    assert "Row 2 of the source, column 't': '1970-01-01 00:00:00.000001001' is no timestamp(6)" in error
    assert commons.uploads() == []
    cut = commons.table(source, KEY, format={"kind": "parquet", "truncate_nanoseconds": True})
    assert cut["t"].cast(pa.int64()).to_pylist() == [1, 1]


def test_metadata_of_pandas_stays(commons: Commons) -> None:
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index([10, 20], name=None))
    source = pa.Table.from_pandas(frame).replace_schema_metadata(
        {**(pa.Table.from_pandas(frame).schema.metadata or {}), b"mine": b"1"}
    )
    table = commons.table(written(source), KEY, metadata={"title": "t"})
    assert table.schema.metadata[b"pandas"] == source.schema.metadata[b"pandas"]
    assert table.schema.metadata[b"mine"] == b"1"
    assert json.loads(table.schema.metadata[b"metaset"]) == {"title": "t"}
    assert table.to_pandas().equals(frame)


def test_a_type_of_the_spec(commons: Commons) -> None:
    source = written(pa.table({"a": pa.array([1, 2], pa.uint8()), "b": ["2020-01-01", None]}))
    values = commons.values(source, KEY, columns={"a": {"type": "bigint"}, "b": {"type": "date"}})
    assert values == {"a": [1, 2], "b": [dt.date(2020, 1, 1), None]}
    too_large = written(pa.table({"a": [1, 300]}))
    assert "Row 2 of the source" in commons.load(too_large, KEY, columns={"a": {"type": "tinyint"}}).error


def test_many_row_groups_and_no_rows(commons: Commons) -> None:
    source = pa.table({"a": range(100_000)})
    assert commons.values(written(source, row_group_size=999), KEY) == {"a": list(range(100_000))}
    assert commons.table(written(source.slice(0, 0)), KEY).num_rows == 0


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", written(pa.table({"a": range(10_000)}))[:-50]], ids=["CSV", "cut"])
def test_what_is_no_parquet_is_refused(commons: Commons, content: bytes) -> None:
    assert "can't be read as Parquet" in commons.load(content, KEY).error


def test_a_damaged_page_is_refused(commons: Commons) -> None:
    content = bytearray(written(pa.table({"a": [str(i) * 10 for i in range(10_000)]}), compression="zstd"))
    content[2000:3000] = bytes(1000)
    assert "can't be read as Parquet" in commons.load(bytes(content), KEY).error
    assert commons.uploads() == []
    assert commons.announced() == []


def test_a_file_without_columns_is_refused(commons: Commons) -> None:
    assert "has no columns" in commons.load(written(pa.table({})), KEY).error
