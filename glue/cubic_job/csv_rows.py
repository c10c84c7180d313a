"""CSV, read once and strictly: every doubt about a row refuses the file.

Spark's reader notices neither bad UTF-8 nor a quote that nobody closes, and where it differs from Python's no count tells.
So one strict reader makes the rows, in place of Spark's with a check beside it (docs/adr/0014).
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any

from cubic_job.refusals import Code, Refused
from cubic_job.rows import Rows, column_names
from lake.schema import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

LONGEST_VALUE = 4 * 1024**2  # characters: what a quote that nobody closes may swallow before it is noticed
_FIELD = re.compile(r'(?:\A|,)("[^"]*(?:""[^"]*)*"|[^,\r\n]*)')


def csv_rows(lines: Iterable[str], name: str, description: Mapping[str, Any] | None) -> Rows:
    """The file's columns, by its header, and its rows: `""` is empty, nothing at all is None.

    `description` is the file's DFM: its columns must be those of the header, its record count that of the rows.
    """
    csv.field_size_limit(LONGEST_VALUE)
    records = _records(lines, name)
    _, header, _ = next(records)
    columns = column_names(header)
    expected = [*described_columns(description)]
    if expected and [clean(column) for column in expected] != [clean(column) for column in header]:
        raise Refused(Code.WRONG_HEADER, f"{name} has columns {header}, its DFM has {expected}: have both sent again")
    return Rows(columns, _rows(records, name, len(columns), record_count(description)))


def described_columns(description: Mapping[str, Any] | None) -> dict[str, str]:
    """Column → type at the source, by the DFM; none where it says nothing of them."""
    columns = _object(_object(description).get("dataInfo")).get("columns")
    named = [column for column in columns if _object(column).get("name")] if isinstance(columns, list) else []
    return {str(column["name"]): str(column.get("type") or "") for column in named}


def record_count(description: Mapping[str, Any] | None) -> int | None:
    count = _object(_object(description).get("fileInfo")).get("recordCount")
    return count if isinstance(count, int) else None


def _object(value: Any) -> dict[str, Any]:
    """An object of a DFM, which is as it was delivered; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def _rows(
    records: Iterator[tuple[int, list[str], str]], name: str, width: int, expected: int | None
) -> Iterator[Sequence[str | None]]:
    count = 0
    for number, record, text in records:
        if not record and width > 1:
            continue  # a blank line has no values; in a file of one column it is a row of none
        values = record or [""]
        if len(values) != width:
            raise Refused(
                Code.RAGGED_ROW, f"line {number} of {name} has {len(values)} values, not {width}: have it sent again"
            )
        count += 1
        yield _with_empty(values, text) if '""' in text else [value or None for value in values]
    if expected is not None and count != expected:
        raise Refused(Code.COUNT_MISMATCH, f"{name} has {count} rows, {expected} by its DFM: have it sent again")


def _with_empty(values: list[str], text: str) -> list[str | None]:
    """The values, of which csv.reader does not tell `""` from nothing at all: that is seen in the record's text."""
    fields = text.rstrip("\r\n").split(",")
    if len(fields) != len(values):  # a comma in quotes
        fields = _FIELD.findall(text)
    return [value if value or field else None for value, field in zip(values, fields, strict=True)]


def _records(lines: Iterable[str], name: str) -> Iterator[tuple[int, list[str], str]]:
    """Each record with the number of its first line and its text."""
    taken: list[str] = []

    def taking() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    number = 1
    reader = csv.reader(taking(), strict=True)
    try:
        for record in reader:
            yield number, record, taken[0] if len(taken) == 1 else "".join(taken)
            number += len(taken)
            taken.clear()
    except csv.Error as error:
        code = Code.RAGGED_ROW if str(error).startswith("new-line") else Code.UNCLOSED_QUOTE
        raise Refused(
            code, f"the row that begins in line {number} of {name} is no CSV ({error}): have it sent again"
        ) from error
