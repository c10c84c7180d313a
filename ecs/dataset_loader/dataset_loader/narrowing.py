"""The narrowest type that a column of texts can have without any value changing. The first of two passes over the source.

The rules, for all values of a column that are not null:

boolean         `true` or `false`
bigint          integers without leading zeros, plus sign and `-0`
decimal(38,0)   such integers of which one needs more than 64 bits, and none more than 38 digits
double          decimal numbers, each the very number that a double is written as: `0.1`, but not `1e400` nor 20 digits;
                integers of up to 15 digits may be among them
date            `yyyy-mm-dd`, of the Gregorian calendar, from year 1
timestamp(6)    such a date, `T` or a space, `hh:mm` or `hh:mm:ss` with up to 6 digits behind the point;
                dates may be among them
timestamp(6)    the same with `Z` or `±hh:mm` each, in UTC
varchar         everything else, and columns in which all is null
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from dataset_loader.types import TEXT, TIMESTAMP, ZONED

if TYPE_CHECKING:
    from collections.abc import Callable

_INTEGER = r"^(?:0|-?[1-9][0-9]*)$"
_DOUBLE = r"^-?(?:(?:0|[1-9][0-9]{0,14})|(?:0|[1-9][0-9]*)?\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_DATE = r"^(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-[0-9]{2}-[0-9]{2}"
_TIME = r"[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
_ZONE = r"(?:Z|[+-][0-9]{2}:[0-9]{2})$"
DECIMAL = pa.decimal128(38, 0)
_OF_38_DIGITS = r"^(?:0|-?[1-9][0-9]{0,37})$"  # Arrow 26 casts 40 digits without an error, to another number
_DIGITS_OF_A_DOUBLE = 15  # each text of so many is told apart: DBL_DIG of float.h
_SMALLEST_NORMAL = 2.3e-308


def _cast_of(pattern: str, target: pa.DataType) -> Callable[[pa.Array], bool]:
    """Tell whether all match the pattern and can be cast."""

    def fits(texts: pa.Array) -> bool:
        if not _all_match(texts, pattern):
            return False
        try:
            texts.cast(target)
        except pa.ArrowInvalid:
            return False
        return True

    return fits


def _all_match(texts: pa.Array, pattern: str) -> bool:
    return pc.all(pc.match_substring_regex(texts, pattern)).as_py() is not False


def _boolean(texts: pa.Array) -> bool:
    return pc.all(pc.is_in(texts, value_set=pa.array(["true", "false"], TEXT))).as_py() is not False


def _double(texts: pa.Array) -> bool:
    """A text of few digits is the number that its double is written as; the others are compared one by one."""
    if not _all_match(texts, _DOUBLE):
        return False
    values = texts.cast(pa.float64())
    safe = pc.and_(
        pc.less_equal(pc.binary_length(texts), _DIGITS_OF_A_DOUBLE),
        pc.and_(pc.is_finite(values), pc.greater_equal(pc.abs(values), _SMALLEST_NORMAL)),
    )
    plain_zero = pc.match_substring_regex(texts, r"^-?0(?:\.0+)?$")
    as_written = pc.equal(values.cast(TEXT), texts)
    doubtful = pc.invert(pc.or_(pc.or_(safe, plain_zero), as_written))
    return all(
        _is_the_double(text, value)
        for text, value in zip(texts.filter(doubtful).to_pylist(), values.filter(doubtful).to_pylist(), strict=True)
    )


def _is_the_double(text: str, value: float) -> bool:
    return abs(value) != float("inf") and Decimal(repr(value)) == Decimal(text)


# From the narrowest to the widest. What is timestamp stays it with dates in between, hence the optional time.
_KINDS: dict[pa.DataType, Callable[[pa.Array], bool]] = {
    pa.bool_(): _boolean,
    pa.int64(): _cast_of(_INTEGER, pa.int64()),
    DECIMAL: _cast_of(_OF_38_DIGITS, DECIMAL),
    pa.float64(): _double,
    pa.date32(): _cast_of(f"{_DATE}$", pa.date32()),
    TIMESTAMP: _cast_of(f"{_DATE}(?:{_TIME})?$", TIMESTAMP),
    ZONED: _cast_of(f"{_DATE}{_TIME}{_ZONE}", ZONED),
}


@dataclass
class Narrowing:
    """One column's: the types that are left after the batches so far."""

    _left: dict[pa.DataType, Callable[[pa.Array], bool]] = field(default_factory=_KINDS.copy)
    _empty: bool = True

    @property
    def type(self) -> pa.DataType:
        return TEXT if self._empty or not self._left else next(iter(self._left))

    def see(self, texts: pa.Array) -> None:
        """Take a batch into account."""
        if not self._left or texts.null_count == len(texts):
            return
        self._empty = False
        values = texts.drop_null()
        self._left = {kind: fits for kind, fits in self._left.items() if fits(values)}

    def stay_text(self) -> None:
        """The source says that there is text in the column, whatever it looks like."""
        self._left = {}
