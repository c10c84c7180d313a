"""MySQL column types to Parquet, as an RDS snapshot export writes them.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html#USER_ExportSnapshot.data-types
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

MAX_DECIMAL_PRECISION = 38
BIGINT_UNSIGNED = pa.decimal128(20, 0)  # stored as FIXED_LEN_BYTE_ARRAY(9)
TIMESTAMP = pa.timestamp("us", "UTC")

_BINARY = frozenset(
    {
        "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bit", "char", "vector",
        "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
        "geometrycollection", "geomcollection",
    }
)  # fmt: skip
_NUMBERS = {"tinyint": pa.int32(), "smallint": pa.int32(), "year": pa.int32(), "float": pa.float64(), "double": pa.float64()}


@dataclass(frozen=True)
class Column:
    """A column as information_schema.COLUMNS describes it; `data_type` is `int`, `column_type` `int(10) unsigned`."""

    name: str
    data_type: str
    column_type: str
    precision: int = 0
    scale: int = 0
    char_length: int = 0
    datetime_precision: int = 0

    @property
    def unsigned(self) -> bool:
        return "unsigned" in self.column_type.lower()


def arrow_type(column: Column) -> pa.DataType:
    """The Arrow type which pyarrow writes as the Parquet type of RDS. A type that is not in AWS's table becomes STRING."""
    kind = column.data_type.lower()
    if kind in {"int", "mediumint"}:
        return pa.int64() if column.unsigned else pa.int32()
    if kind == "bigint":
        return BIGINT_UNSIGNED if column.unsigned else pa.int64()
    if kind == "decimal":
        return pa.decimal128(column.precision, column.scale) if column.precision <= MAX_DECIMAL_PRECISION else pa.string()
    if kind in {"datetime", "timestamp"}:
        return TIMESTAMP
    return pa.binary() if kind in _BINARY else _NUMBERS.get(kind, pa.string())


def exported_type(column: Column) -> str:
    """Name the type as `export_tables_info` does."""
    kind = arrow_type(column)
    if pa.types.is_timestamp(kind):
        return "int64 (timestamp_micros)"
    if pa.types.is_string(kind):
        return "binary (UTF8)"
    if not pa.types.is_decimal(kind):
        return str(kind)
    precision = f"decimal({kind.precision},{kind.scale})"
    return f"int32 ({precision})" if kind.precision <= 9 else f"int64 ({precision})" if kind.precision <= 18 else precision


def schema(columns: list[Column]) -> pa.Schema:
    return pa.schema([pa.field(c.name, arrow_type(c), nullable=True) for c in columns])


def to_arrow(column: Column, values: list[bytes | None]) -> pa.Array:
    """Values as the server sends them in its text protocol, in the column's Parquet type."""
    raw = pa.array(values, pa.binary())
    kind = arrow_type(column)
    if pa.types.is_binary(kind):
        return raw
    text = _text(raw)
    if pa.types.is_timestamp(kind):
        return _timestamps(text)
    return text.cast(kind)


def write(batches: list[pa.RecordBatch], columns: list[Column], path: Path) -> None:
    pq.write_table(
        pa.Table.from_batches(batches, schema(columns)),
        path,
        compression="gzip",
        compression_level=1,
        store_schema=False,  # RDS writes no Arrow schema: readers must do with the Parquet types
        store_decimal_as_integer=True,
    )


def _text(raw: pa.Array) -> pa.Array:
    try:
        return raw.cast(pa.string())
    except pa.ArrowInvalid:  # bytes that are not UTF-8 although the server says so
        return pa.array([None if v is None else v.decode("utf-8", "replace") for v in raw.to_pylist()], pa.string())


def _timestamps(text: pa.Array) -> pa.Array:
    try:
        naive = text.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        naive = pa.array([_timestamp(v) for v in text.to_pylist()], pa.timestamp("us"))
    return naive.cast(pa.int64()).cast(TIMESTAMP)


def _timestamp(value: str | None) -> datetime | None:
    try:
        return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:  # 0000-00-00, 2021-02-31 and their like: MySQL has them, Parquet can't
        return None
