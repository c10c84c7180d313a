"""Columns made plain for Athena and Glue: their names, their types, and what two days may differ in.

Integers become bigint: neither Athena nor Spark 3.5 reads an INT32 and an INT64 of one column without a word, and MySQL's
columns do grow. Partitions of other days are never rewritten, so a type may change only where every reader can follow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql import types as T

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import Column

    from lake.manifest import SourceColumn

PARTITION_KEYS = ("import_year", "import_month", "import_day", "import_date")
_INTEGERS = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
_KEPT = (T.DoubleType, T.DecimalType, T.StringType, T.BinaryType, T.BooleanType, T.DateType, T.TimestampType)
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
# Of MySQL's zero dates those that Spark takes for one; of those without month or day it makes null by itself.
# https://dev.mysql.com/doc/refman/8.4/en/datetime.html
_YEAR_ZERO = r"^0000-"


class Unsupported(Exception):
    """A column that can't be written so that all days stay readable; says which and why."""


@dataclass(frozen=True)
class Plain:
    """What to select of a table to make its columns plain; `not_dates` counts, for each date, what no calendar has."""

    columns: list[Column]
    not_dates: dict[str, Column]


def clean(name: str) -> str:
    """A name for the catalog: lower case, and `_` for all but letters, digits and `_`.

    https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html
    """
    return re.sub(r"[^a-z0-9_]", "_", name.lower())


def clean_all(names: Sequence[str]) -> list[str]:
    """Clean names, one for each; the partition's own get a `_2`. Raises Unsupported where two would be the same.

    To number them instead would give a column another name on a day on which its neighbour is missing.
    """
    cleaned = [f"{clean(name)}_2" if clean(name) in PARTITION_KEYS else clean(name) for name in names]
    if twice := sorted({name for name in cleaned if cleaned.count(name) > 1}):
        both = [name for name, its in zip(names, cleaned, strict=True) if its in twice]
        raise Unsupported(f"columns {both} would have the same name here: {twice}")
    return cleaned


def plain(schema: T.StructType, source: Sequence[SourceColumn] | None = None) -> Plain:
    """How columns of this schema become plain, by what RDS says of MySQL's types; None where they are not MySQL's.

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
    if match := _DECIMAL.search(kind):
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


def merged(known: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """The table's columns with the day's: what is known stays, in its order, wider where it has to be; new ones follow.

    Raises Unsupported, naming every column of which not all days could be read.
    """
    wider = {name: _wider(known[name], kind) for name, kind in new.items() if name in known}
    if bad := [f"{name} was {known[name]} and is {new[name]}" for name, kind in wider.items() if kind is None]:
        raise Unsupported(f"columns of another type than on other days: {', '.join(bad)}")
    return {**known, **new, **{name: kind for name, kind in wider.items() if kind}}


def _wider(known: str, new: str) -> str | None:
    """The type that holds both; None where there is none that the files of both can be read as."""
    if known == new:
        return known
    before, after = _DECIMAL.fullmatch(known), _DECIMAL.fullmatch(new)
    if before and after and before[2] == after[2]:
        return max(known, new, key=lambda kind: int(_DECIMAL.fullmatch(kind)[1]))  # type: ignore[index]
    return None
