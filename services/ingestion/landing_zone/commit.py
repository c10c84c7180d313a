"""Lands an attempt at a partition: record, copy, verify, commit, clear away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from ingestion.errors import CopyMismatch, NotYet
from ingestion.landing_zone import attempts, manifest
from ingestion.landing_zone.copying import copy_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ingestion.consumer import SecondsLeft
    from ingestion.landing_zone.copying import Original
    from ingestion.landing_zone.manifest import Manifest, Stored
    from ingestion.landing_zone.zone import LandingZone

logger = Logger(child=True)


def land[M: Manifest](mine: M, plan: Mapping[str, Original], zone: LandingZone[M], seconds_left: SecondsLeft) -> M | None:
    """Copies the plan (key in the zone → original) and commits `mine`; None where a later attempt of the day has won.

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
    overtaken = attempts.overtaken_by(mine, zone)
    before = manifest.read(mine.key, zone)
    if before and before.wins_over(mine):  # and has cleared away what was copied here, so that it is missing
        _give_way(mine, before.manifest, zone)
        return None
    if wrong:
        raise CopyMismatch(
            f"{len(wrong)} of {len(plan)} objects in s3://{zone.bucket} differ from their originals, the first: {wrong[0]}. "
            "Something else writes there: stop it, then redrive."
        )
    committed = _commit(mine, overtaken, zone, over=before)
    # Readers follow the new manifest by now; only earlier manifests and attempts of the day named what is stale.
    attempts.end([mine, *overtaken], committed.stale, zone)
    return committed


def _give_way[M: Manifest](mine: M, winner: M, zone: LandingZone[M]) -> None:
    """Ends this attempt: whatever it left goes, but for what the winner names."""
    attempts.end([mine], mine.keys - winner.keys, zone)
    logger.warning(
        "Superseded: a later attempt at the day has been landed",
        extra={"attempt": mine.order.attempt, "committed": winner.order.attempt},
    )


def _commit[M: Manifest](mine: M, overtaken: Iterable[M], zone: LandingZone[M], *, over: Stored[M] | None) -> M:
    """Writes the manifest, which says what it makes stale, unless it is there already."""
    # Keys that were stale before stay listed, in case the earlier run died before it had deleted their objects.
    earlier = over.manifest.keys.union(over.manifest.stale) if over else set()
    stale = earlier.union(*(attempt.keys for attempt in overtaken)) - mine.keys
    mine = mine.model_copy(update={"stale": tuple(sorted(stale))})
    if over and over.manifest == mine:
        return mine
    if not manifest.write(mine, zone, over=over):
        raise NotYet(f"another attempt at {mine.run.import_date} committed at the same time", delay_seconds=0)
    logger.info("Committed", extra={"manifest": mine.key})
    return mine
