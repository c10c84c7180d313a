"""Lands an attempt at a partition: record, copy, verify, commit, clear away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from ingestion.errors import CopyMismatch, NotYet
from ingestion.landing_zone import attempts, manifest
from ingestion.landing_zone.copying import copy_all

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingestion.consumer import SecondsLeft
    from ingestion.landing_zone.copying import Original
    from ingestion.landing_zone.manifest import Manifest
    from ingestion.landing_zone.zone import LandingZone

logger = Logger(child=True)


@dataclass(frozen=True)
class Committed[M: Manifest]:
    """The manifest as it was written, and the attempts that can no longer win."""

    manifest: M
    overtaken: Sequence[M]


def land[M: Manifest](mine: M, plan: Mapping[str, Original], zone: LandingZone[M], seconds_left: SecondsLeft) -> M | None:
    """Copies the plan (key in the zone → original) and commits `mine`; None where a later attempt at the partition has won.

    The answer is what is committed, with what it made stale. Raises NotYet without delay where the invocation's time runs
    short or another attempt commits at the same moment, and CopyMismatch where a copy differs from its original. Every step
    may fail before or after it took effect, and is safe to repeat, from the first: reading changes nothing, an attempt is
    recorded as it was, a copy that is there is skipped, a manifest that is mine is kept, deleting twice is deleting.
    """
    before = manifest.read(mine.key, zone)
    if before and before.wins_over(mine):
        _give_way(mine, before.manifest, zone)
        return None
    attempts.begin(mine, zone)
    wrong = copy_all(plan, zone, seconds_left)
    committed = commit(mine, zone, wrong)
    if committed is None:  # the winner has cleared away what was copied here, so that it is missing
        return None
    # Readers follow the new manifest by now; only earlier manifests and attempts of the day named what is stale.
    attempts.end([mine, *committed.overtaken], committed.manifest.stale, zone)
    return committed.manifest


def commit[M: Manifest](mine: M, zone: LandingZone[M], wrong: Sequence[str] = ()) -> Committed[M] | None:
    """Commits an attempt whose objects are all there, but for those that are wrong; None where a later one has won.

    Raises NotYet and CopyMismatch as `land` does. Safe to repeat: a manifest that is mine is kept.
    """
    overtaken = attempts.overtaken_by(mine, zone)
    before = manifest.read(mine.key, zone)
    if before and before.wins_over(mine):
        _give_way(mine, before.manifest, zone)
        return None
    if wrong:
        raise CopyMismatch(
            f"{len(wrong)} of {len(mine.keys)} objects in s3://{zone.bucket} differ from their originals, the first: "
            f"{wrong[0]}. Something else writes there: stop it, then redrive."
        )
    mine = mine.over(before.manifest if before else None, overtaken)
    if not (before and before.manifest == mine):
        if not manifest.write(mine, zone, over=before):
            raise NotYet(f"another attempt at {mine.prefix}, {mine.partition} committed at the same time", delay_seconds=0)
        logger.info("Committed", extra={"manifest": mine.key})
    return Committed(mine, overtaken)


def _give_way[M: Manifest](mine: M, winner: M, zone: LandingZone[M]) -> None:
    """Ends this attempt: whatever it left goes, but for what the winner names."""
    attempts.end([mine], mine.keys - winner.named, zone)
    logger.warning(
        "Superseded: a later attempt at the partition has been landed",
        extra={"attempt": mine.order.attempt, "committed": winner.order.attempt},
    )
