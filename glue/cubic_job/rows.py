"""A delivered file as columns and rows: what all formats have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cubic_job.refusals import Code, Refused
from lake.schema import Unsupported, clean_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PARTITION_KEYS = ("snapshot", "identifier", "run")  # the last is no key, yet a reader of the folder takes it for one


@dataclass(frozen=True)
class Rows:
    """Column names as the catalog has them, and rows of as many values. The iterator raises Refused."""

    columns: tuple[str, ...]
    values: Iterator[Sequence[str | None]]


def column_names(names: Sequence[str], reserved: Sequence[str] = ()) -> tuple[str, ...]:
    """Names for the catalog; those of the partition's keys, and `reserved` ones, get a `_2`. Raises Refused."""
    try:
        cleaned = clean_all(names, (*PARTITION_KEYS, *reserved))
    except Unsupported as error:
        raise Refused(Code.WRONG_HEADER, f"{error}: have one of them renamed") from error
    if not cleaned:
        raise Refused(Code.WRONG_HEADER, "the header has no columns: have it sent with its header in the first line")
    if "" in cleaned:
        raise Refused(Code.WRONG_HEADER, f"column {cleaned.index('') + 1} has no name: have it sent with one")
    return tuple(cleaned)
