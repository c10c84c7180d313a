"""Types: how each type of Arrow is written, and the type that Trino reads it as.

The table is in docs/data-commons.md. Names inside structs are cleaned like columns, since Hive reads them in small letters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from data_commons.errors import SourceRefused, SpecRefused
from data_commons.names import cleaned, refuse_equal

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = pa.string()
TIMESTAMP = pa.timestamp("us")
ZONED = pa.timestamp("us", tz="UTC")

# https://trino.io/docs/current/connector/hive.html#data-types; Parquet's time of nanoseconds is not Hive's
_PLAIN = {
    pa.bool_(): "boolean",
    pa.int8(): "tinyint",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float32(): "real",
    pa.float64(): "double",
    pa.date32(): "date",
    TIMESTAMP: "timestamp(6)",
    ZONED: "timestamp(6)",
    TEXT: "varchar",
    pa.binary(): "varbinary",
}
_WRITTEN = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
    pa.float16(): pa.float32(),
    pa.date64(): pa.date32(),
    pa.null(): TEXT,
    pa.large_string(): TEXT,
    pa.string_view(): TEXT,
    pa.large_binary(): pa.binary(),
    pa.binary_view(): pa.binary(),
}
_BY_NAME = {name: of for of, name in _PLAIN.items() if of not in (ZONED, pa.binary())} | {
    "int": pa.int32(),
    "timestamp": TIMESTAMP,
}
_DECIMAL = re.compile(r"decimal\((\d+)(?:, ?(\d+))?\)")
LARGEST_PRECISION = 38  # Trino's and Hive's
_LONGEST_DECIMAL = 70  # 256 bits hold 76 digits


@dataclass(frozen=True)
class Written:
    """A column as it is written: its type, Trino's name for that, and notes on what the type does not tell."""

    type: pa.DataType
    trino: str
    notes: tuple[str, ...] = ()


def written(source: pa.DataType, column: str) -> Written:
    """Return how a type is written. Raises SourceRefused for a union, and SpecRefused where fields of a struct collide."""
    notes: list[str] = []
    target = _target(source, column, notes)
    return Written(target, trino_type(target), tuple(notes))


def trino_type(of: pa.DataType) -> str:
    """Return Trino's type for one that is written."""
    if plain := _PLAIN.get(of):
        return plain
    if pa.types.is_decimal128(of):
        return f"decimal({of.precision},{of.scale})"
    if pa.types.is_list(of):
        return f"array({trino_type(of.value_type)})"
    if pa.types.is_map(of):
        return f"map({trino_type(of.key_type)}, {trino_type(of.item_type)})"
    if pa.types.is_struct(of):
        return f"row({', '.join(f'"{field.name}" {trino_type(field.type)}' for field in of)})"
    raise TypeError(f"{of} is not a type that is written")


def declared(trino: str, column: str) -> pa.DataType:
    """Return the type of a column that the spec names as Trino does. Raises SpecRefused for one that can't be asked for."""
    name = trino.strip().lower()
    if found := _BY_NAME.get(name):
        return found
    if decimal := _DECIMAL.fullmatch(name):
        precision, scale = int(decimal[1]), int(decimal[2] or 0)
        if 1 <= precision <= LARGEST_PRECISION and scale <= precision:
            return pa.decimal128(precision, scale)
    raise SpecRefused(
        f"The spec's type of column {column!r}, {trino!r}, is none of {', '.join(sorted(_BY_NAME))} and decimal(p,s) "
        f"of at most {LARGEST_PRECISION} digits. Correct it, or leave it out to have it found."
    )


def _target(source: pa.DataType, column: str, notes: list[str]) -> pa.DataType:  # noqa: C901  the table, row by row
    if found := _WRITTEN.get(source):
        return found
    if pa.types.is_dictionary(source) or pa.types.is_run_end_encoded(source):
        return _target(source.value_type, column, notes)
    if pa.types.is_nested(source):
        return _nested(source, column, notes)
    if pa.types.is_timestamp(source):
        if source.tz is None:
            return TIMESTAMP
        if source.tz != "UTC":
            notes.append(f"in the time zone {source.tz} in the source, in UTC here")
        return ZONED
    if pa.types.is_duration(source):
        notes.append(f"a duration in {source.unit}")
        return pa.int64()
    if pa.types.is_decimal(source):
        return _decimal(source, notes)
    if pa.types.is_time(source) or pa.types.is_interval(source):
        notes.append(f"{source} in the source, text here")
        return TEXT
    if pa.types.is_fixed_size_binary(source):
        notes.append(f"always of {source.byte_width} bytes")
        return pa.binary()
    if source in _PLAIN:
        return source
    if isinstance(source, pa.BaseExtensionType):
        return _target(source.storage_type, column, notes)
    raise _refused(source, column)


def _decimal(source: pa.DataType, notes: list[str]) -> pa.DataType:
    """A scale below 0 becomes 0, with as many digits more. More digits than Trino has become text."""
    precision, scale = source.precision - min(source.scale, 0), max(source.scale, 0)
    if precision <= LARGEST_PRECISION:
        return pa.decimal128(max(precision, scale), scale)
    notes.append(f"{source} in the source, text here")
    return TEXT


def _nested(source: pa.DataType, column: str, notes: list[str]) -> pa.DataType:
    if pa.types.is_map(source):
        return pa.map_(_target(source.key_type, column, notes), _target(source.item_type, column, notes))
    if pa.types.is_struct(source):
        names = [field.name for field in source]
        clean = [cleaned(name) for name in names]
        refuse_equal(names, clean, where=f"column {column!r}")
        if clean != names:
            notes.append(f"fields called {', '.join(names)} in the source")
        fields = [pa.field(name, _target(field.type, column, notes)) for name, field in zip(clean, source, strict=True)]
        if not fields:
            raise _refused(source, column)
        return pa.struct(fields)
    if pa.types.is_union(source) or not hasattr(source, "value_type"):
        raise _refused(source, column)
    return pa.list_(_target(source.value_type, column, notes))


def _refused(source: pa.DataType, column: str) -> SourceRefused:
    return SourceRefused(
        f"Column {column!r} is of type {source}, which Trino's Hive tables have nothing for. Write it as another type, or "
        "leave it out of the source."
    )


def converter(source: pa.DataType, target: pa.DataType, *, truncate: bool) -> Callable[[pa.Array], pa.Array]:
    """Return the function that converts arrays. It raises pa.ArrowInvalid where a value would change.

    `truncate` lets nanoseconds be cut to microseconds.
    """

    def convert(array: pa.Array) -> pa.Array:
        return _converted(array, target, truncate=truncate)

    return (lambda array: array) if source == target else convert


def _converted(array: pa.Array, target: pa.DataType, *, truncate: bool) -> pa.Array:  # noqa: C901
    source = array.type
    if source == target:
        return array
    if isinstance(array, pa.ExtensionArray):
        return _converted(array.storage, target, truncate=truncate)
    if pa.types.is_dictionary(source):
        return _converted(array.dictionary_decode(), target, truncate=truncate)
    if pa.types.is_run_end_encoded(source):
        return _converted(pc.run_end_decode(array), target, truncate=truncate)
    if pa.types.is_nested(source):
        return _nested_converted(array, target, truncate=truncate)
    if target == TEXT and not pa.types.is_null(source):
        return _text(array)
    if pa.types.is_duration(source):
        return array.cast(pa.int64())
    if pa.types.is_timestamp(source) and truncate and source.unit == "ns":
        # Without the zone, which changes no instant and which Arrow would look up in the system's database of zones.
        return pc.floor_temporal(array.view(pa.timestamp("ns")), unit="microsecond").cast(TIMESTAMP).view(target)
    if pa.types.is_float16(source):
        return array.cast(pa.float32())
    if pa.types.is_decimal(target) and pa.types.is_string(source):
        return _decimals(array, target)
    return array.cast(target)


def _nested_converted(array: pa.Array, target: pa.DataType, *, truncate: bool) -> pa.Array:
    if array.offset:
        array = pa.concat_arrays([array])  # from_arrays takes no nulls beside a slice of offsets
    nulls = array.is_null()
    if pa.types.is_struct(target):
        parts = [_converted(array.field(i), field.type, truncate=truncate) for i, field in enumerate(target)]
        return pa.StructArray.from_arrays(parts, fields=list(target), mask=nulls)
    if pa.types.is_map(target):
        keys, items = (
            _converted(part, part_type, truncate=truncate)
            for part, part_type in ((array.keys, target.key_type), (array.items, target.item_type))
        )
        return pa.MapArray.from_arrays(array.offsets, keys, items, type=target, mask=nulls)
    plain = pa.list_(array.type.value_type)
    if pa.types.is_list_view(array.type) or pa.types.is_large_list_view(array.type):
        array = pa.array(array.to_pylist(), plain)  # Arrow 26's cast makes an invalid array where the last is null
    elif array.type != plain:
        array = array.cast(plain)
    values = _converted(array.values, target.value_type, truncate=truncate)
    return pa.ListArray.from_arrays(array.offsets, values, type=target, mask=nulls)


def _decimals(texts: pa.Array, target: pa.DataType) -> pa.Array:
    """By way of 256 bits, as Arrow 26 casts a text of 40 digits to a decimal128 without an error, to another number."""
    if (pc.max(pc.binary_length(texts)).as_py() or 0) > _LONGEST_DECIMAL:
        raise pa.ArrowInvalid(f"a number of more than {_LONGEST_DECIMAL} characters")
    return texts.cast(pa.decimal256(76, target.scale)).cast(target)


def _text(array: pa.Array) -> pa.Array:
    """As Arrow writes it, which is ISO 8601 for times; of intervals, ISO's durations."""
    if pa.types.is_interval(array.type):
        return pa.array([None if value is None else _duration(value) for value in array.to_pylist()], TEXT)
    return array.cast(TEXT)


def _duration(value: tuple[int, int, int]) -> str:
    months, days, nanoseconds = value
    seconds, fraction = divmod(abs(nanoseconds), 10**9)
    sign = "-" if nanoseconds < 0 else ""
    return f"P{months}M{days}DT{sign}{seconds}" + (f".{fraction:09d}" if fraction else "") + "S"
