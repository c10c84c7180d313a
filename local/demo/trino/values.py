"""Values by Trino's types: those that a source's stand for, and one form in which they are compared with Trino's."""

from __future__ import annotations

import datetime as dt
import re
import struct
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    type Convert = Callable[[Any], Any]

_WIDE = Context(prec=100)
_INTEGERS = {"tinyint", "smallint", "integer", "bigint"}


@dataclass(frozen=True)
class Type:
    """One of Trino's: its name, and the numbers or types within its parentheses."""

    name: str
    of: tuple[Any, ...] = ()


def parse(text: str) -> Type:
    """Read a type as Trino shows it, e.g. `decimal(10,2)` or `array(row("a" bigint))`."""
    return _type(re.findall(r'"(?:[^"]|"")*"|\w+|[(),]', text)[::-1])


def _type(tokens: list[str]) -> Type:
    name, of = tokens.pop(), []
    if tokens and tokens[-1] == "(":
        while tokens.pop() != ")":  # `(` or a comma
            if name == "row":
                tokens.pop()
            of.append(int(tokens.pop()) if tokens[-1].isdigit() else _type(tokens))
            if tokens[-1] == ")":
                tokens.pop()
                break
    return Type(name, tuple(of))


def comparable(of: Type) -> Convert:
    """Return the function that gives equal values one form, whether they are Trino's or Python's own."""
    convert = _comparable(of)
    return lambda value: None if value is None else convert(value)


def _comparable(of: Type) -> Convert:
    inner = [comparable(it) for it in of.of if isinstance(it, Type)]
    match of.name:
        case "decimal":
            return lambda value: _scaled(value, of.of[1])
        case "real":
            return lambda value: struct.unpack("<f", struct.pack("<f", value))[0]
        case "double":
            return float
        case "timestamp":
            return _in_utc
        case "date":
            return lambda value: value.date() if isinstance(value, dt.datetime) else value
        case "array":
            return lambda value: [inner[0](it) for it in value]
        case "map":
            return lambda value: sorted(((inner[0](k), inner[1](v)) for k, v in dict(value).items()), key=repr)
        case "row":
            return lambda value: [f(it) for f, it in zip(inner, _fields(value), strict=True)]
        case "varchar":
            return lambda value: format(value, "f") if isinstance(value, Decimal) else value
    return lambda value: value


def _fields(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value


def _scaled(value: Any, scale: int) -> int | Decimal:
    scaled = Decimal(value).scaleb(scale, _WIDE)
    return int(scaled) if scaled == int(scaled) else scaled


def _in_utc(value: dt.datetime | dt.date) -> dt.datetime:
    if not isinstance(value, dt.datetime):
        return dt.datetime.combine(value, dt.time())
    return value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value


def of_text(of: Type, *, declared: bool) -> Convert:
    """Return the function that reads a text as a value of the type.

    Unless the spec has declared the type, it raises ValueError where the value would no longer be written as the text is: a
    column with `007` in it has to stay text.
    """
    read = _reading(of)

    def value(text: str) -> Any:
        found = read(text)
        if not declared and not _says(found, text):
            raise ValueError(f"{text!r} is changed by the type {of.name}")
        return found

    return value


def _reading(of: Type) -> Convert:
    if of.name in _INTEGERS:
        return int
    known: dict[str, Convert] = {
        "boolean": lambda text: {"true": True, "1": True, "false": False, "0": False}[text.lower()],
        "decimal": Decimal,
        "double": float,
        "real": float,
        "date": dt.date.fromisoformat,
        "timestamp": lambda text: _in_utc(dt.datetime.fromisoformat(text)),
    }
    return known.get(of.name, lambda text: text)


def _says(value: Any, text: str) -> bool:
    """Whether a value is written as the text: numbers with a point, and times, may be written otherwise."""
    match value:
        case bool():
            return text == str(value).lower()
        case float():
            return Decimal(repr(value)) == Decimal(text)
        case dt.datetime():
            return True
        case int() | Decimal():
            return text == format(value, "d" if isinstance(value, int) else "f")
    return text == str(value)


def of_cell(of: Type, *, declared: bool) -> Convert:
    """Return the function that reads a cell of a sheet as a value of the type."""
    read = of_text(of, declared=declared)

    def value(cell: Any) -> Any:
        if isinstance(cell, str):
            return read(cell)
        return _written(cell) if of.name == "varchar" else cell

    return value


def _written(cell: Any) -> str:
    """A cell among texts: numbers as Python writes them, dates and times as ISO does, midnight as a date."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, (dt.date, dt.time)) else str(cell)
