"""The findings of a run: the figures of its report, and the problems."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Outcome:
    """Of the source's own version, and of both. `created` is what Trino shows as the statement that makes the table."""

    schema: str
    table: str
    uuid: str = ""
    rows: int = 0
    columns: list[dict[str, Any]] = field(default_factory=list)
    location: str = ""
    comment: str | None = None
    created: str = ""
    versions: list[dict[str, Any]] = field(default_factory=list)
    reader: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
