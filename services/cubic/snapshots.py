"""The snapshot that an ODS file belongs to, and whether one is whole: functions of S3's times and of names only.

1. A version of the first file of a full load begins a snapshot: its time, or the next free second.
2. Any other file belongs to the greatest snapshot that is not later than it.
3. The versions of one file of a full load go to snapshots of their own, in order of time; a version that is errored does
   not count. A file of changes is replaced by its newer version instead.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from cubic.keys import DataFile, LoadNumber

SETTLES_AFTER = timedelta(hours=6)  # without a file of changes; ours


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an ODS file. `counts` is false for one that is errored."""

    load_id: int
    file: DataFile
    s3_modified: datetime
    s3_version: str
    counts: bool = True

    @property
    def order(self) -> tuple[datetime, str, str]:
        return self.s3_modified, self.s3_version, self.file.key


def text(snapshot: datetime) -> str:
    """A snapshot as keys and the catalog have it: `20220304T134556Z`."""
    return f"{snapshot.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def begun(versions: Iterable[Version]) -> dict[datetime, Version]:
    """Return the snapshots, ascending, each with the version that begins it."""
    snapshots: dict[datetime, Version] = {}
    last: datetime | None = None
    for version in sorted((v for v in versions if v.file.begins_snapshot), key=lambda v: v.order):
        last = version.s3_modified if last is None else max(version.s3_modified, last + timedelta(seconds=1))
        snapshots[last] = version
    return snapshots


def assign(versions: Collection[Version]) -> dict[int, datetime | None]:
    """Give each version of one table, by its load, its snapshot; None where it has to wait for one."""
    snapshots = begun(versions)
    assigned: dict[int, datetime | None] = {version.load_id: snapshot for snapshot, version in snapshots.items()}
    others = sorted((v for v in versions if not v.file.begins_snapshot), key=lambda v: (v.file.key, v.order))
    for _, of_one_key in groupby(others, key=lambda v: v.file.key):
        assigned |= assign_versions(list(snapshots), list(of_one_key))
    return assigned


def assign_versions(snapshots: Sequence[datetime], versions: Sequence[Version]) -> dict[int, datetime | None]:
    """Do the same for the versions of one file that begins no snapshot, in order, among the snapshots, ascending."""
    assigned: dict[int, datetime | None] = {}
    taken = -1
    for version in versions:
        at = bisect_right(snapshots, version.s3_modified) - 1
        if version.file.number:
            # `at` may lie beyond the last snapshot: the version waits for one that is yet to begin.
            at = max(at, taken + 1) if taken >= 0 else at
            taken = at if version.counts else taken
        assigned[version.load_id] = snapshots[at] if 0 <= at < len(snapshots) else None
    return assigned


def gapless(numbers: Collection[LoadNumber]) -> bool:
    """Whether these are the numbers of a whole full load, from 1 on in each segment, read as decimal or as hexadecimal."""
    segments: dict[int, list[str]] = {}
    for number in numbers:
        segments.setdefault(number.segment or 1, []).append(number.counter)
    return _from_one(set(segments)) and any(
        all(_from_one(read) for read in of_base)
        for base in (10, 16)
        if (of_base := [_read(counters, base) for counters in segments.values()])
    )


def _read(counters: list[str], base: int) -> set[int]:
    try:
        return {int(counter, base) for counter in counters}
    except ValueError:
        return set()


def _from_one(numbers: set[int]) -> bool:
    return bool(numbers) and min(numbers) == 1 and max(numbers) == len(numbers)
