"""Columns made plain for Athena and Glue, in Spark.

Integers become bigint: neither Athena nor Spark 3.5 reads an INT32 and an INT64 of one column without a word, and MySQL's
columns do grow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql import types as T

from lake.schema import DECIMAL, Unsupported, clean_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column

    from lake.manifest import SourceColumn

_INTEGERS = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
_KEPT = (T.DoubleType, T.DecimalType, T.StringType, T.BinaryType, T.BooleanType, T.DateType, T.TimestampType)
# Of MySQL's zero dates those that Spark takes for one; of those without month or day it makes null by itself.
# https://dev.mysql.com/doc/refman/8.4/en/datetime.html
_YEAR_ZERO = r"^0000-"


@dataclass(frozen=True)
class Plain:
    """Expressions that make a table's columns plain; `not_dates` counts, for each date, what no calendar has."""

    columns: list[Column]
    not_dates: dict[str, Column]


def plain(schema: T.StructType, source: Sequence[SourceColumn] | None = None) -> Plain:
    """Plans how columns of this schema become plain, by what RDS says of MySQL's types; None where they are not MySQL's.

    Raises Unsupported, too where RDS says nothing of a column: a date taken for a string would keep out all later days.
    """
    originals = {column.name: column.original_type.lower().partition("(")[0] for column in source or ()}
    if source is not None and (unknown := sorted(set(schema.names) - originals.keys())):
        raise Unsupported(f"the manifest says nothing of the types of columns {unknown}: send the day's CopyExport again")
    selected, not_dates = [], {}
    for name, field in zip(clean_all(schema.names), schema.fields, strict=True):
        column, original = F.col(f"`{field.name.replace('`', '``')}`"), originals.get(field.name, "")
        made = _plain(column, field, original)
        if isinstance(field.dataType, T.StringType) and original == "date":
            not_dates[name] = F.count_if(column.isNotNull() & made.isNull())
        selected.append(made.alias(name))
    return Plain(selected, not_dates)


def _plain(column: Column, field: T.StructField, original: str) -> Column:
    kind = field.dataType
    if isinstance(kind, _INTEGERS):
        return column.cast("bigint")
    if isinstance(kind, T.StringType) and original == "date":
        return F.when(~column.rlike(_YEAR_ZERO), column.cast("date"))
    if isinstance(kind, T.BinaryType) and original == "char":
        return F.decode(column, "UTF-8")
    if isinstance(kind, T.BinaryType) and original == "bit":
        return F.conv(F.hex(column), 16, -10).cast("bigint")  # BIT(64) fits, as a signed number of the same bits
    if isinstance(kind, T.FloatType):
        return column.cast("double")
    if isinstance(kind, T.TimestampNTZType):
        return column.cast("timestamp")
    if isinstance(kind, _KEPT):
        return column
    raise Unsupported(f"column {field.name} is {kind.simpleString()}, which no RDS export has")


def of_empty(source: Sequence[SourceColumn]) -> list[Column]:
    """The columns of a table of which RDS wrote no file, for it is empty, by what it says of types. Raises Unsupported."""
    if not source:
        raise Unsupported(
            "the table is empty, and the manifest says nothing of its columns: send the day's CopyExport again"
        )
    return [F.lit(None).cast(_exported(column)).alias(column.name) for column in source]


def _exported(column: SourceColumn) -> T.DataType:
    kind = column.exported_type.lower()
    if match := DECIMAL.search(kind):
        return T.DecimalType(int(match[1]), int(match[2]))
    if "timestamp" in kind:
        return T.TimestampType()
    if kind.startswith("int"):
        return T.LongType()
    if kind.startswith(("double", "float")):
        return T.DoubleType()
    if "utf8" in kind or "string" in kind:
        return T.StringType()
    if kind in ("binary", "byte_array"):
        return T.BinaryType()
    raise Unsupported(f"the table is empty, and {column.name} is {kind or 'of no type'}, which no RDS export has")
