"""The tables and feeds that are configured, as rows."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from psycopg.errors import UniqueViolation

from cubic.errors import BadConfiguration, UnknownTable
from cubic.tables import Feed, FeedConfig, Table, TableConfig

if TYPE_CHECKING:
    from cubic.store.database import Cursor, Database, Row


def tables(db: Database) -> list[Table]:
    """All tables, by name."""
    with db.transaction() as cursor:
        cursor.execute("SELECT * FROM cubic_tables ORDER BY name")
        return [_table(row) for row in cursor]


def table(db: Database, name: str) -> Table:
    """Raises UnknownTable."""
    with db.transaction() as cursor:
        cursor.execute("SELECT * FROM cubic_tables WHERE name = %s", (name,))
        if (row := cursor.fetchone()) is None:
            raise _unknown(name)
        return _table(row)


def put_table(db: Database, config: TableConfig) -> None:
    """Configure a table, anew or again. Raises BadConfiguration where another prefix has its name already."""
    try:
        with db.transaction() as cursor:
            _put_table(cursor, config)
    except UniqueViolation as error:
        raise BadConfiguration(
            f"The prefix {config.s3_prefix!r} would have the name {config.name}, which another table has already. "
            "Have the supplier write one of the two under another prefix."
        ) from error


def pause(db: Database, name: str, because: str) -> None:
    """Claim nothing more of a table; a batch that runs ends as usual. Raises UnknownTable."""
    with db.transaction() as cursor:
        cursor.execute("UPDATE cubic_tables SET paused_because = %s WHERE name = %s", (because, name))
        if not cursor.rowcount:
            raise _unknown(name)


def resume(db: Database, name: str) -> None:
    """Claim of a paused table again, and count its refusals from none. Raises UnknownTable."""
    with db.transaction() as cursor:
        cursor.execute(
            "UPDATE cubic_tables SET paused_because = NULL, refusals = 0, refused_for = NULL WHERE name = %s", (name,)
        )
        if not cursor.rowcount:
            raise _unknown(name)


def feeds(db: Database) -> list[Feed]:
    """All feeds, by name."""
    with db.transaction() as cursor:
        cursor.execute("SELECT * FROM cubic_dmap_feeds ORDER BY name")
        return [
            Feed(
                id=row["id"],
                config=FeedConfig(name=row["name"], relative_url=row["relative_url"], is_active=row["is_active"]),
                last_updated=row["last_updated"],
            )
            for row in cursor
        ]


def put_feed(db: Database, config: FeedConfig) -> None:
    """Configure a feed, anew or again; its watermark stays."""
    with db.transaction() as cursor:
        cursor.execute(
            "INSERT INTO cubic_dmap_feeds (name, relative_url, is_active) VALUES (%s, %s, %s) ON CONFLICT (name) "
            "DO UPDATE SET relative_url = EXCLUDED.relative_url, is_active = EXCLUDED.is_active",
            (config.name, config.relative_url, config.is_active),
        )


def loads_by_status(db: Database) -> dict[str, dict[str, int]]:
    """How many loads of each table have each status."""
    with db.transaction() as cursor:
        cursor.execute(
            "SELECT name, status, count(*) AS loads FROM cubic_loads JOIN cubic_tables t ON t.id = table_id "
            "GROUP BY name, status ORDER BY name, status"
        )
        counts: dict[str, dict[str, int]] = defaultdict(dict)
        for row in cursor:
            counts[row["name"]][row["status"]] = row["loads"]
        return dict(counts)


def _put_table(cursor: Cursor, config: TableConfig) -> None:
    cursor.execute(
        "INSERT INTO cubic_tables (name, s3_prefix, is_active, key_columns, sparse_updates) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (s3_prefix) DO UPDATE SET is_active = EXCLUDED.is_active, key_columns = EXCLUDED.key_columns, "
        "sparse_updates = EXCLUDED.sparse_updates",
        (config.name, config.s3_prefix, config.is_active, list(config.key_columns), config.sparse_updates),
    )


def _table(row: Row) -> Table:
    config = TableConfig(
        s3_prefix=row["s3_prefix"],
        key_columns=tuple(row["key_columns"]),
        sparse_updates=row["sparse_updates"],
        is_active=row["is_active"],
    )
    return Table(config=config, paused_because=row["paused_because"])


def _unknown(name: str) -> UnknownTable:
    return UnknownTable(f"No table {name!r} is configured. Configure it, or correct the name.")
