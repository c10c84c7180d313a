"""Which tables and feeds there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cubic.store.database import Database
    from cubic.tables import Feed, FeedConfig, Table, TableConfig


def tables(db: Database) -> list[Table]:
    """All tables, by name."""
    raise NotImplementedError


def table(db: Database, name: str) -> Table:
    """Raises UnknownTable."""
    raise NotImplementedError


def put_table(db: Database, config: TableConfig) -> None:
    """Configure a table, anew or again. Raises BadConfiguration where another prefix has its name already."""
    raise NotImplementedError


def pause(db: Database, name: str, because: str) -> None:
    """Claim nothing more of a table. Raises UnknownTable."""
    raise NotImplementedError


def resume(db: Database, name: str) -> None:
    """Claim of a paused table again. Raises UnknownTable."""
    raise NotImplementedError


def feeds(db: Database) -> list[Feed]:
    """All feeds, by name."""
    raise NotImplementedError


def put_feed(db: Database, config: FeedConfig) -> None:
    """Configure a feed, and the table of its files, anew or again."""
    raise NotImplementedError


def loads_by_status(db: Database, table: str | None = None) -> dict[str, dict[str, int]]:
    """How many loads of each table have each status."""
    raise NotImplementedError
