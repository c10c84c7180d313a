"""Compares the rows that Trino returns with the source's, each value of them. A table has no order, so rows are counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from data_commons.spec import Csv, Excel
from local.demo.trino import values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from data_commons.spec import DatasetSpec
    from local.demo.trino.source import Row, SourceFile

_KEPT = 100  # rows of Trino's that the source has not, to show the nearest
TELL_EVERY = 50_000


@dataclass
class Compared:
    """How many rows there are, and in words the first that differ."""

    rows: int = 0
    problems: list[str] = field(default_factory=list)


def compare(
    source: SourceFile, spec: DatasetSpec, types: Sequence[str], rows: Iterable[Row], tell: Callable[[int], None]
) -> Compared:
    """Compare, with 16 bytes of memory for each row; `tell` hears how many have been read."""
    names, parsed = source.names(), [values.parse(text) for text in types]
    if len(names) != len(parsed):
        return Compared(0, [f"The source has {len(names)} columns, the table {len(parsed)}"])
    plain = [values.comparable(of) for of in parsed]
    wanted = _wanted(source, spec, names, parsed)
    left: Counter[bytes] = Counter()
    expected = found = 0
    for expected, row in enumerate(source.rows(), 1):
        try:
            left[_digest(wanted(row))] += 1
        except (ValueError, KeyError, ArithmeticError) as error:
            return Compared(0, [f"Row {expected} of the source: {error}"])
    strange: list[list[Any]] = []
    for found, row in enumerate(rows, 1):
        values_of = [None if value is None else convert(value) for convert, value in zip(plain, row, strict=True)]
        digest = _digest(values_of)
        if left[digest] > 0:
            left[digest] -= 1
        elif len(strange) < _KEPT:
            strange.append(values_of)
        if found % TELL_EVERY == 0:
            tell(found)
    problems = [] if found == expected else [f"The source has {expected:,} rows, Trino {found:,}"]
    if left := +left:
        problems.append(_difference(source, names, wanted, left, strange))
    return Compared(found, problems)


def _wanted(
    source: SourceFile, spec: DatasetSpec, names: Sequence[str], types: Sequence[values.Type]
) -> Callable[[Row], list[Any]]:
    """The function that makes a row of the source comparable."""
    reading = values.of_text if isinstance(source.form, Csv) else values.of_cell if isinstance(source.form, Excel) else None
    declared = [name in spec.columns and spec.columns[name].type is not None for name in names]
    read = [reading(of, declared=it) if reading else None for of, it in zip(types, declared, strict=True)]
    plain = [values.comparable(of) for of in types]
    pairs = list(zip(read, plain, strict=True))

    def wanted(row: Row) -> list[Any]:
        return [
            None if value is None else convert(first(value) if first else value)
            for (first, convert), value in zip(pairs, row, strict=True)
        ]

    return wanted


def _digest(row: list[Any]) -> bytes:
    return blake2b(repr(row).encode(errors="surrogatepass"), digest_size=16).digest()


def _difference(
    source: SourceFile,
    names: Sequence[str],
    wanted: Callable[[Row], list[Any]],
    left: Counter[bytes],
    strange: list[list[Any]],
) -> str:
    """The first row that Trino has not, beside the one of Trino's that is the most like it."""
    rows = enumerate(map(wanted, source.rows()), 1)
    number, row = next((number, row) for number, row in rows if _digest(row) in left)
    if not strange:
        return f"Row {number} of the source is not in the table"
    near = max(strange, key=lambda it: sum(map(_same, it, row)))
    at = next(at for at, (mine, other) in enumerate(zip(row, near, strict=True)) if not _same(mine, other))
    return f"Row {number} of the source, column {names[at]!r}: {row[at]!r}, but {near[at]!r} in Trino"


def _same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)
