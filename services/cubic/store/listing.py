"""Loads and snapshots as a person looks at them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from cubic import snapshots
from cubic.store import configuration, describing, sweeping

if TYPE_CHECKING:
    from datetime import datetime

    from cubic.loads import LoadStatus
    from cubic.store.database import Database, Row

# An answer of Lambda has at most 6 MB: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_PAGE_ROWS, _PAGE_BYTES = 500, 1024**2


@dataclass(frozen=True, slots=True)
class Which:
    """The loads that are asked for: null asks for all."""

    table: str | None
    status: LoadStatus | None
    snapshot: datetime | None
    ids: tuple[int, ...] | None


def loads(db: Database, which: Which, after: int, *, described: bool) -> tuple[list[dict[str, Any]], int | None]:
    """One page of the loads in order of their ids, and the id after which the next begins; None after the last."""
    with db.transaction() as cursor:
        cursor.execute(
            "SELECT l.*, t.name, o.snapshot, EXISTS (SELECT FROM cubic_misfiled_loads m WHERE m.id = l.id) AS misfiled "
            "FROM cubic_loads l JOIN cubic_tables t ON t.id = l.table_id "
            "LEFT JOIN cubic_load_ods_snapshots o ON o.load_id = l.id WHERE l.id > %(after)s "
            "AND (%(table)s::text IS NULL OR t.name = %(table)s) "
            "AND (%(status)s::text IS NULL OR l.status::text = %(status)s) "
            "AND (%(snapshot)s::timestamptz IS NULL OR o.snapshot = %(snapshot)s) "
            "AND (%(ids)s::bigint[] IS NULL OR l.id = ANY(%(ids)s)) ORDER BY l.id LIMIT %(rows)s",
            asdict(which) | {"ids": list(which.ids) if which.ids else None, "after": after, "rows": _PAGE_ROWS},
        )
        rows = cursor.fetchall()
        descriptions = describing.of_loads(cursor, rows) if described else {}
    page: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        of_load = descriptions.get(row["id"])
        shown = _shown(row) | {"description": of_load[0]["document"] if of_load else None}
        size += len(json.dumps(shown))
        if page and size > _PAGE_BYTES:
            break
        page.append(shown)
    whole = len(page) == len(rows) < _PAGE_ROWS
    return page, None if whole else page[-1]["load_id"]


def of_table(db: Database, table: str) -> list[dict[str, Any]]:
    """All snapshots of a table. Raises UnknownTable."""
    configuration.table(db, table)
    current = sweeping.current(db, table)
    with db.transaction() as cursor:
        cursor.execute(
            "SELECT s.snapshot, s.snapshot_s3_key, s.settled_at, count(o.load_id) AS loads "
            "FROM cubic_table_ods_snapshots s JOIN cubic_tables t ON t.id = s.table_id "
            "LEFT JOIN cubic_load_ods_snapshots o ON o.table_id = s.table_id AND o.snapshot = s.snapshot "
            "WHERE t.name = %s GROUP BY s.table_id, s.snapshot ORDER BY s.snapshot",
            (table,),
        )
        return [
            {
                "snapshot": snapshots.text(row["snapshot"]),
                "snapshot_s3_key": row["snapshot_s3_key"],
                "settled_at": row["settled_at"].isoformat() if row["settled_at"] else None,
                "loads": row["loads"],
                "current": row["snapshot"] == current,
            }
            for row in cursor
        ]


def _shown(row: Row) -> dict[str, Any]:
    return {
        "load_id": row["id"],
        "table": row["name"],
        "status": row["status"],
        "s3_key": row["s3_key"],
        "s3_version": row["s3_version"],
        "s3_modified": row["s3_modified"].isoformat(),
        "s3_size": row["s3_size"],
        "snapshot": row["snapshot"].isoformat() if row["snapshot"] else None,
        "misfiled": row["misfiled"],
        "rows": row["rows"],
        "reason": row["reason"],
        "kept_key": row["kept_key"],
        "kept_version": row["kept_version"],
    }
