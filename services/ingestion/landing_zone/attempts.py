"""Records the copies of a partition that are under way, each by the manifest that it would commit.

A listing can't tell that. Decided in docs/adr/0006-a-copy-is-recorded-before-it-begins.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.aws_errors import explained
from ingestion.landing_zone import manifest
from ingestion.landing_zone.copying import delete_all, sizes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingestion.landing_zone.manifest import Manifest
    from ingestion.landing_zone.zone import LandingZone


def begin[M: Manifest](mine: M, zone: LandingZone[M]) -> None:
    """Records what this copy is about to write. Safe to repeat: the same record again."""
    with explained(f"writing attempt s3://{zone.bucket}/{mine.attempt_key}"):
        zone.s3.put_object(
            Bucket=zone.bucket,
            Key=mine.attempt_key,
            Body=mine.model_dump_json(indent=1).encode(),
            ContentType="application/json",
        )


def overtaken_by[M: Manifest](mine: M, zone: LandingZone[M]) -> list[M]:
    """The other attempts at the partition that, once `mine` is committed, can only end as superseded.

    A later one is still to win: it is under way, or waits to be redriven.
    """
    recorded = sizes([manifest.attempts_prefix(mine.prefix, mine.partition)], zone)
    found = [manifest.read(key, zone) for key in sorted(recorded)]
    return [other.manifest for other in found if other and other.manifest.order < mine.order]


def end[M: Manifest](attempts: Iterable[M], left: Iterable[str], zone: LandingZone[M]) -> None:
    """Removes what attempts have left and no manifest names, then their records, which tell of it. Safe to repeat."""
    delete_all(left, zone)
    delete_all((attempt.attempt_key for attempt in attempts), zone)
