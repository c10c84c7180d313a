"""Batches of rows, as every format gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa


@dataclass(frozen=True)
class Batch:
    """Some rows: an array for each column. `first_row` counts the rows of the source from 1, without its header.

    `text` are the places of columns of which the source itself says that a value is text, whatever it looks like.
    """

    first_row: int
    columns: Sequence[pa.Array]
    text: frozenset[int] = frozenset()
