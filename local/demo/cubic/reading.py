"""Reads a file of Cubic by itself, as a second opinion: which rows it has, or that it is bad and why.

Shares no code with the Glue job, so that a fault of one is not the other's too. The limits are the job's.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

LONGEST_LINE, LONGEST_VALUE = 16 * 1024**2, 4 * 1024**2
RECORD = "record"
_RESERVED = ("snapshot", "identifier", "run")
BITS = (1 << 64) - 1


class Bad(Exception):
    """A file that must not be taken; says why."""


@dataclass(frozen=True)
class Rows:
    """Rows in any order, each as often as it is there: their number, and the sum of their hashes."""

    columns: tuple[str, ...]
    count: int
    hashes: int


def rows_of(columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> Rows:
    """`None` and an empty text differ."""
    count = hashes = 0
    for row in rows:
        count += 1
        hashes += hash(tuple(row))
    return Rows(tuple(columns), count, hashes & BITS)


def column(name: str, *reserved: str) -> str:
    """The name of a column in the lake."""
    plain = re.sub("[^a-z0-9_]", "_", name.lower())
    return f"{plain}_2" if plain in (*_RESERVED, *reserved) else plain


def _columns(names: Iterable[str | None], *reserved: str) -> list[str]:
    return [column(name or "", *reserved) for name in names]


def _fault(columns: Sequence[str]) -> str | None:
    """Why these can't be the columns of a table."""
    if not columns or "" in columns or max(Counter(columns).values()) > 1:
        return f"its columns are {list(columns)}"
    return None


def read(path: Path, name: str, description: Any) -> Rows:
    """The rows of a JSON file are its lines, as `record`. `description` is the file's DFM, or None. Raises Bad."""
    if path.stat().st_size == 0:
        raise Bad("it is empty")
    try:
        with path.open("rb") as raw:
            lines = _lines(gzip.GzipFile(fileobj=raw) if name.endswith(".gz") else raw)
            return _json(lines) if name.endswith(".json") else _csv(lines, description)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Bad(f"its gzip is broken ({error})") from error
    except UnicodeDecodeError as error:
        raise Bad(f"it is not UTF-8 ({error.reason})") from error
    except csv.Error as error:
        raise Bad(f"it is no CSV ({error})") from error


def _lines(stream: Any) -> Iterator[str]:
    number = 0
    for number, line in enumerate(stream, 1):
        if len(line) >= LONGEST_LINE:
            raise Bad("a line is too long")
        yield (line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).decode()
    if not number:
        raise Bad("it has no content")


def _csv(lines: Iterator[str], description: Any) -> Rows:
    csv.field_size_limit(LONGEST_VALUE)
    # It gives None for a value that is not there, and an empty text for one in quotes.
    reader: Iterator[list[Any]] = csv.reader(lines, strict=True, quoting=csv.QUOTE_NOTNULL)
    columns = _columns(next(reader))
    if fault := _fault(columns):
        raise Bad(fault)
    expected, count = _described(description)
    if expected and _columns(expected) != columns:
        raise Bad("its DFM has other columns")
    rows = rows_of(columns, _values(reader, len(columns)))
    if count is not None and rows.count != count:
        raise Bad(f"its DFM has {count} rows")
    return rows


def _values(reader: Iterator[list[Any]], width: int) -> Iterator[list[str | None]]:
    for record in reader:
        if not record and width > 1:
            continue
        values = record or [None]
        if len(values) != width:
            raise Bad(f"a row has {len(values)} of {width} values")
        yield values


def _described(description: Any) -> tuple[list[str], int | None]:
    """Columns and record count, as far as the DFM says."""
    of_data, of_file = (_get(description, part) for part in ("dataInfo", "fileInfo"))
    columns, count = _get(of_data, "columns"), _get(of_file, "recordCount")
    named = [_get(it, "name") for it in columns] if isinstance(columns, list) else []
    return [str(name) for name in named if name], count if isinstance(count, int) else None


def _get(document: Any, field: str) -> Any:
    return document.get(field) if isinstance(document, dict) else None


def _json(lines: Iterator[str]) -> Rows:
    names: dict[str, None] = {}
    rows = rows_of([RECORD], ([_object(line, names)] for line in lines))
    if fault := _fault(columns := [*_columns(names, RECORD), RECORD]):
        raise Bad(fault)
    return Rows(tuple(columns), rows.count, rows.hashes)


def _object(line: str, names: dict[str, None]) -> str:
    """The line without its end; adds the names of its fields."""
    text = line.removesuffix("\n").removesuffix("\r")
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Bad(f"a line is no JSON ({error})") from error
    if not isinstance(found, dict):
        raise Bad("a line is no JSON object")
    names.update(dict.fromkeys(found))
    return text


def _refuse(constant: str) -> None:
    raise ValueError(constant)
