"""Answers as people and as programs read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NONE = "-"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns under their headings, two spaces apart."""
    cells = [list(headings), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in cells
    )


def as_json(answer: Any) -> str:
    return json.dumps(answer, indent=2, default=str) + "\n"


def _cell(value: object) -> str:
    """On one line, without characters that a terminal obeys: names and reasons are a supplier's."""
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(value))
