"""Makes a second version of a source: the same file, with its last row once more."""

from __future__ import annotations

import csv
from collections import deque
from typing import TYPE_CHECKING, Any

import openpyxl
import pyarrow as pa
from pyarrow import parquet

from data_commons.spec import Csv, Excel
from local.demo.trino.source import SourceFile, lines, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

MADE = "the source, with its last row once more"


def write(source: SourceFile, path: Path) -> SourceFile:
    """Write it to `path`."""
    match source.form:
        case Csv() as form:
            _text(source.path, form, path)
        case Excel() as form:
            _workbook(source.path, form, path)
        case _:
            table = parquet.read_table(source.path)
            parquet.write_table(pa.concat_tables([table, table.slice(max(table.num_rows - 1, 0))]), path)
    return SourceFile(path, source.form)


def _text(source: Path, form: Csv, path: Path) -> None:
    """The last record's lines are told by Python's reader: it asks for a line at a time, and a value may have some."""
    record: deque[str] = deque()
    last: list[str] = []

    def copied(kept: Iterator[str], into: TextIO) -> Iterator[str]:
        for line in kept:
            record.append(line)
            into.write(line)
            yield line

    with written(path, form, source) as into, lines(source, form) as text:
        kept = copied(text, into)
        for _ in range(form.header_row - 1):
            next(kept, None)
        records = csv.reader(kept, delimiter=form.delimiter, quotechar=form.quote)
        next(records, None)
        record.clear()
        for fields in records:
            if fields:
                last = list(record)
            record.clear()
        if last and not last[-1].endswith(("\r", "\n")):
            into.write("\n")
        into.writelines(last)


def _workbook(source: Path, form: Excel, path: Path) -> None:
    """With the values of formulas in their place."""
    book: Any = openpyxl.load_workbook(source, data_only=True)
    sheet = book[form.sheet] if form.sheet else book.worksheets[0]
    rows = [row for row in sheet.iter_rows(min_row=form.header_row + 1) if any(cell.value is not None for cell in row)]
    below = sheet.max_row + 1
    for cell in rows[-1] if rows else ():
        copy = sheet.cell(below, cell.column, cell.value)
        copy.number_format = cell.number_format
    book.save(path)
