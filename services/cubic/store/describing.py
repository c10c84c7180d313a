"""Each `.dfm` belongs to a version of a file. Part of other modules' transactions.

Their times cannot be relied on, so that a description belongs to the version of its file that is nearest in time.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from cubic import keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cubic.store.database import Cursor, Row


def of_loads(cursor: Cursor, loads: Iterable[Row]) -> dict[int, list[Row]]:
    """Return the descriptions of each of these loads by its id, the nearest in time first."""
    stems = {keys.data_file(load["s3_key"]).stem for load in loads}
    cursor.execute("SELECT * FROM cubic_descriptions WHERE s3_key = ANY(%s)", ([f"{stem}.dfm" for stem in stems],))
    descriptions = cursor.fetchall()
    if not descriptions:
        return {}
    names = [f"{stem}{extension}" for stem in stems for extension in (".csv", ".csv.gz")]
    cursor.execute("SELECT * FROM cubic_loads WHERE s3_key = ANY(%s) ORDER BY s3_modified, s3_version", (names,))
    versions: dict[str, list[Row]] = defaultdict(list)
    for version in cursor:
        versions[keys.data_file(version["s3_key"]).stem].append(version)
    found: dict[int, list[Row]] = defaultdict(list)
    for description in descriptions:
        of_stem = versions[description["s3_key"].removesuffix(".dfm")]
        found[min(of_stem, key=lambda version: _apart(version, description))["id"]].append(description)
    by_id = {version["id"]: version for of_stem in versions.values() for version in of_stem}
    return {id_: sorted(rows, key=lambda row: _apart(by_id[id_], row)) for id_, rows in found.items()}


def left_over(cursor: Cursor) -> set[int]:
    """Return the loads whose file has left Incoming while a description, which came late, has not."""
    cursor.execute(
        "SELECT l.* FROM cubic_descriptions d JOIN cubic_loads l ON l.status IN ('archived', 'errored') "
        "AND l.s3_key IN (left(d.s3_key, -4) || '.csv', left(d.s3_key, -4) || '.csv.gz') WHERE NOT d.removed"
    )
    moved = cursor.fetchall()
    described = of_loads(cursor, moved)
    return {row["id"] for row in moved if not all(one["removed"] for one in described.get(row["id"], ()))}


def _apart(version: Row, description: Row) -> float:
    return float(abs((version["s3_modified"] - description["s3_modified"]).total_seconds()))
