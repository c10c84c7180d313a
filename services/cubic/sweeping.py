"""Finds what lost, doubled or late messages have left undone, and rings for it. The database is the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from cubic import cleaning, current_view, doorbells, keys
from cubic.errors import BadConfiguration
from cubic.finishing import paused
from cubic.loads import Found
from cubic.messages import SweepIncoming
from cubic.registering import unconfigured, unknown
from cubic.snapshots import SETTLES_AFTER
from cubic.store import configuration, registering, sweeping
from ingestion import telemetry
from ingestion.aws_errors import explained

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import datetime, timedelta

    from mypy_boto3_s3 import S3Client

    from cubic.alerts import Alerts
    from cubic.raw_zone import RawZone
    from cubic.store.database import Database
    from ingestion.consumer import SecondsLeft
    from ingestion.errors import Terminal
    from ingestion.landing_zone.zone import Bucket
    from ingestion.messages import Command

logger = Logger(child=True)

# Time for a page that has begun: a listing, a query, and a hundred requests to SQS; and for the next message to be sent.
RESERVE_SECONDS = 60
PERIOD_SECONDS = 15 * 60  # from one sweep to the next, as the schedule has it
MOST_MOVES = 10_000  # of one sweep: where more wait, their queue is long already, and the next sweep rings again


@dataclass(frozen=True)
class Sweep:
    """The places that a sweep looks at. `ring` sends messages, each to the queue of its kind."""

    db: Database
    s3: S3Client
    incoming: str
    springboard: Bucket
    zone: RawZone
    alerts: Alerts
    ring: Callable[[Iterable[Command]], None]
    waits: timedelta = sweeping.WAITS
    settles_after: timedelta = SETTLES_AFTER


def sweep_incoming(command: SweepIncoming, at: Sweep, now: datetime, seconds_left: SecondsLeft) -> SweepIncoming | None:
    """Does the whole of it, or says where to go on. Safe to repeat: however often it rings, a thing is done once."""
    if command.key_marker is None:
        _mend(at, now)
        _show(at, now, seconds_left)
    configured = {table.config.s3_prefix for table in configuration.tables(at.db)}
    for page in _pages(at, command):
        _register(page, at, configured)
        if page.get("IsTruncated") and seconds_left() < RESERVE_SECONDS:
            logger.info("Goes on in another message", extra={"key_marker": page["NextKeyMarker"]})
            return SweepIncoming(key_marker=page["NextKeyMarker"], version_marker=page["NextVersionIdMarker"])
    cleaning.clean(at.db, at.springboard, at.zone, now, seconds_left, RESERVE_SECONDS)
    return None


def _mend(at: Sweep, now: datetime) -> None:
    """Rings for all that waits longer than it should."""
    for given_up in sweeping.give_up_waiting(at.db, now, at.waits):
        # A person hears of it when it is moved, as of every load that is refused.
        logger.warning("No snapshot came", extra={"load": given_up.load_id, "key": given_up.s3_key})
    undone = sweeping.undone(at.db, now)
    at.ring(
        [
            *(doorbells.start(table, now) for table in undone.start),
            *(doorbells.finish(batch, now, once=True) for batch in undone.finish),
            *(doorbells.move(load, now) for load in undone.move[:MOST_MOVES]),
        ]
    )
    sweeping.settle(at.db, now, at.settles_after)


def _show(at: Sweep, now: datetime, seconds_left: SecondsLeft) -> None:
    """Makes each view show what it should, while there is time: each sweep begins with another table."""
    shown, tables = sweeping.currents(at.db), configuration.tables(at.db)
    first = int(now.timestamp() / PERIOD_SECONDS) % max(1, len(tables))
    for table in tables[first:] + tables[:first]:
        if seconds_left() < RESERVE_SECONDS:
            return
        if table.paused_because:  # whoever paused it may have died before it told
            at.alerts.tell_once(at.db, *paused(table.name, table.paused_because))
        try:
            current_view.refresh(at.zone.glue, at.zone.database, table.config, shown.get(table.name))
        except BadConfiguration as error:  # one table's trouble stops no other
            at.alerts.tell_once(at.db, f"view {table.name} {error}", error)


def _pages(at: Sweep, command: SweepIncoming) -> Iterator[Any]:
    """All versions, not only the latest: an overwritten one is a load too."""
    markers = {"KeyMarker": command.key_marker, "VersionIdMarker": command.version_marker} if command.key_marker else {}
    while True:
        with explained(f"listing the versions of s3://{at.incoming}/{keys.ROOT}"):
            page: Any = at.s3.list_object_versions(Bucket=at.incoming, Prefix=keys.ROOT, **markers)  # type: ignore[arg-type]
        yield page
        if not page.get("IsTruncated"):
            return
        markers = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}


def _register(page: Any, at: Sweep, configured: Collection[str]) -> None:
    """Rings for each version of the page that is not registered; of names that nothing can be done for, people hear once."""
    ours: list[Found] = []
    odd: dict[str, Terminal] = {}
    for it in page.get("Versions", []):
        file = keys.parse(it["Key"])
        if file is None:
            odd.update([unknown(at.incoming, it["Key"])])
        elif file.table_prefix not in configured:
            odd.update([unconfigured(at.incoming, file.table_prefix)])
        else:
            found = Found(it["Key"], it["VersionId"], it["LastModified"], it["Size"], it["ETag"].strip('"'))
            ours.append(found)
    missed = registering.unregistered(at.db, ours) if ours else []
    at.ring(doorbells.register(at.incoming, it.s3_key, it.s3_version, it.s3_modified) for it in missed)
    telemetry.count("LoadsFoundBySweep", len(missed))
    for subject, error in odd.items():
        at.alerts.tell_once(at.db, subject, error)
