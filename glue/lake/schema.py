"""A table's columns in the catalog: their names, and the types that two days may differ in. Knows nothing of Spark.

Partitions of other days are never rewritten, so a type may change only where every reader can follow.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ingestion import partition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


class Unsupported(Exception):
    """A column that can't be written so that all days stay readable; says which and why."""


def clean(name: str) -> str:
    """A name for the catalog: lower case, and `_` for all but letters, digits and `_`.

    https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html
    """
    return re.sub(r"[^a-z0-9_]", "_", name.lower())


def clean_all(names: Sequence[str], reserved: Sequence[str] = partition.KEYS) -> list[str]:
    """Clean names, one for each; the partition's own get a `_2`. Raises Unsupported where two would be the same.

    To number them instead would give a column another name on a day on which its neighbour is missing.
    """
    cleaned = [f"{clean(name)}_2" if clean(name) in reserved else clean(name) for name in names]
    if twice := sorted({name for name in cleaned if cleaned.count(name) > 1}):
        both = [name for name, its in zip(names, cleaned, strict=True) if its in twice]
        raise Unsupported(f"columns {both} would have the same name here: {twice}")
    return cleaned


def merged(known: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """The table's columns with the day's: what is known stays, in its order, wider where it has to be; new ones follow.

    Raises Unsupported, naming every column of which not all days could be read.
    """
    wider = {name: _wider(known[name], kind) for name, kind in new.items() if name in known}
    if bad := [f"{name} was {known[name]} and is {new[name]}" for name, kind in wider.items() if kind is None]:
        raise Unsupported(f"columns of another type than on other days: {', '.join(bad)}")
    return {**known, **new, **{name: kind for name, kind in wider.items() if kind}}


def _wider(known: str, new: str) -> str | None:
    """The type that holds both; None where there is none that the files of both can be read as."""
    if known == new:
        return known
    before, after = DECIMAL.fullmatch(known), DECIMAL.fullmatch(new)
    if before and after and before[2] == after[2]:
        return max(known, new, key=lambda kind: int(DECIMAL.fullmatch(kind)[1]))  # type: ignore[index]
    return None
