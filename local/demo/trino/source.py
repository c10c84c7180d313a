"""Reads a source once more, by other code than the loader's: the names of its columns, and its rows as they are."""

from __future__ import annotations

import csv
import gzip
import re
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import openpyxl
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from data_commons.spec import Csv, Excel, Parquet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import TextIO

GZIP = b"\x1f\x8b"
_QUOTED = "\ue000"  # of Unicode's private use area: before a text in quotes that would be null without them

_NO_VALUE: list[str | None] = [None]  # of a single column's empty line

type Row = Sequence[Any]


@dataclass(frozen=True)
class SourceFile:
    """A source on this machine. Values are texts and nulls of a CSV file, cells of a sheet, Python's of Parquet."""

    path: Path
    form: Csv | Excel | Parquet

    def names(self) -> list[str]:
        """The header, as the source has it."""
        if isinstance(self.form, Parquet):
            return list(parquet.ParquetFile(self.path).schema_arrow.names)
        return ["" if name is None else str(name) for name in next(self._records())]

    def rows(self) -> Iterator[Row]:
        """Read the rows, without the header, in their order."""
        if isinstance(self.form, Parquet):
            for batch in parquet.ParquetFile(self.path).iter_batches():
                yield from zip(*map(_python, batch.columns), strict=True)
            return
        records = self._records()
        next(records)
        yield from records

    def _records(self) -> Iterator[Row]:
        return _of_text(self.path, self.form) if isinstance(self.form, Csv) else _of_sheet(self.path, self.form)  # type: ignore[arg-type]


@contextmanager
def lines(path: Path, form: Csv) -> Iterator[TextIO]:
    """Open a text file, unpacked. Its lines keep their ends."""
    with _opener(path)(path, "rt", encoding=form.encoding, newline="") as text:
        yield text


def _opener(path: Path) -> Any:
    with path.open("rb") as file:
        return gzip.open if file.read(2) == GZIP else open


@contextmanager
def written(path: Path, form: Csv, like: Path) -> Iterator[TextIO]:
    """Write a text file, packed if the other one is."""
    with _opener(like)(path, "wt", encoding=form.encoding, newline="") as text:
        yield text


def _of_text(path: Path, form: Csv) -> Iterator[Row]:
    """By Python's reader, which tells an empty field from an empty text in quotes, but no `NA` from one in quotes."""
    csv.field_size_limit(1 << 30)
    nulls = set(form.null_values)
    with lines(path, form) as text:
        first = next(text, "").removeprefix("\ufeff")
        kept = chain([first], text)
        for _ in range(form.header_row - 1):
            next(kept, None)
        marked = _marked(kept, form)
        records = csv.reader(marked, delimiter=form.delimiter, quotechar=form.quote, quoting=csv.QUOTE_NOTNULL)
        header = next(records, [])
        yield header
        for record in records:
            if not record and len(header) > 1:  # an empty line
                continue
            yield [_null_or_text(field, nulls, form) for field in record or _NO_VALUE]


def _marked(kept: Iterator[str], form: Csv) -> Iterator[str]:
    words = [re.escape(word) for word in form.null_values if word]
    if not words or form.quoted_nulls:
        return kept
    quote, delimiter = re.escape(form.quote), re.escape(form.delimiter)
    pattern = re.compile(f"(?<![^{delimiter}]){quote}({'|'.join(words)}){quote}(?![^{delimiter}\r\n])")
    return (pattern.sub(rf"{form.quote}{_QUOTED}\1{form.quote}", line) for line in kept)


def _null_or_text(field: str | None, nulls: set[str], form: Csv) -> str | None:
    if field is None:
        return None if "" in nulls else ""
    if field[:1] == _QUOTED and field[1:] in nulls:
        return field[1:]
    return None if field in nulls and (field or form.quoted_nulls) else field


def _of_sheet(path: Path, form: Excel) -> Iterator[Row]:
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        sheet = book[form.sheet] if form.sheet else book.worksheets[0]
        sheet.reset_dimensions()
        rows = sheet.iter_rows(min_row=form.header_row, values_only=True)
        header = list(next(rows, ()))
        while header and header[-1] is None:
            header.pop()
        yield header
        for row in rows:
            if any(cell is not None for cell in row):
                cells = (*row, *[None] * len(header))[: len(header)]
                yield [None if isinstance(cell, str) and cell in form.null_values else cell for cell in cells]
    finally:
        book.close()


def _python(array: pa.Array) -> list[Any]:
    """Python's values, and Arrow's own texts where Trino has no such type."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_timestamp(array.type) and array.type.unit == "ns":
        array = pc.floor_temporal(array, unit="microsecond").cast(pa.timestamp("us", array.type.tz))
    if pa.types.is_time(array.type):
        array = array.cast(pa.string())
    if pa.types.is_duration(array.type):
        array = array.cast(pa.int64())
    return list(array.to_pylist())
