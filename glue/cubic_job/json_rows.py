"""JSON lines: the top-level fields of each object as text, and the line itself as `record`, whatever is in it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from cubic_job.refusals import Code, Refused
from cubic_job.rows import Rows, column_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

RECORD = "record"
_SPACE = re.compile(r"[ \t\r\n]*")


def json_rows(lines: Callable[[], Iterable[str]], name: str) -> Rows:
    """`lines` is called twice: the columns are all fields of all lines, which only the last line completes."""
    fields = list(dict.fromkeys(field for line in _objects(lines(), name) for field in line[1]))
    columns = column_names(fields, (RECORD,)) if fields else ()
    return Rows((*columns, RECORD), _rows(lines(), name, fields))


def _rows(lines: Iterable[str], name: str, fields: list[str]) -> Iterator[Sequence[str | None]]:
    for text, found in _objects(lines, name):
        yield [*(found.get(field) for field in fields), text]


def _objects(lines: Iterable[str], name: str) -> Iterator[tuple[str, dict[str, str | None]]]:
    """Each line without its end, and its fields."""
    for number, line in enumerate(lines, 1):
        text = line.removesuffix("\n").removesuffix("\r")
        try:
            yield text, _fields(text)
        except (ValueError, RecursionError) as error:
            raise Refused(
                Code.NOT_JSON, f"line {number} of {name} is no JSON object ({error}): have it sent again"
            ) from error


def _fields(text: str) -> dict[str, str | None]:
    """Field → its string, or the JSON text of whatever else it is, just as it was sent; null is None.

    Raises ValueError for anything but an object.
    """
    if not isinstance(json.loads(text, parse_constant=_refuse), dict):
        raise ValueError("it is another JSON value")
    # It is an object, so the steps from one part of it to the next need no checks.
    decoder, fields = json.JSONDecoder(), {}
    at = _after_space(text, _after_space(text, 0) + 1)
    while text[at] != "}":
        field, at = decoder.raw_decode(text, at)
        start = _after_space(text, _after_space(text, at) + 1)
        value, end = decoder.raw_decode(text, start)
        fields[_plain(field)] = None if value is None else _plain(value) if isinstance(value, str) else text[start:end]
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)
    return fields


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None  # noqa: S101  it matches nothing too
    return match.end()


def _plain(value: str) -> str:
    """Without halves of characters, which JSON's escapes can have and UTF-8 can't; `record` still has them."""
    return value.encode(errors="replace").decode()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
