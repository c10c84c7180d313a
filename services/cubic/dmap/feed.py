"""Fetches one feed: each dataset once, none passed by."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from cubic.dmap import download
from cubic.dmap.dataset import watermark
from cubic.dmap.errors import Forbidden, Refused
from cubic.dmap.https import patiently
from cubic.dmap.listing import list_datasets
from cubic.dmap.upload import upload
from cubic.store import configuration, dmap
from cubic.store.dmap import LEASE, Fetch
from ingestion import telemetry
from ingestion.aws_errors import error_code, explained
from ingestion.errors import NotFound, NotYet

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

    from cubic.dmap.dataset import Dataset
    from cubic.dmap.https import Https
    from cubic.dmap.listing import ApiSecret, Invalid, Listing
    from cubic.store.database import Database
    from cubic.store.dmap import Publication
    from cubic.tables import Feed
    from ingestion.clock import Clock
    from ingestion.consumer import SecondsLeft

logger = Logger(child=True)

SIZE_LIMIT = 5 * 1024**3  # ours: more than a day of the largest feed has
OVERLAP = timedelta(days=1)  # a listing begins with a whole day, so that what was added to the watermark's is in the next
MARK = "dmap-publication"  # metadata of the object that is uploaded


@dataclass(frozen=True)
class Fetcher:
    """All that fetching takes. `tell` tells a person, of one subject once; repeating it is safe."""

    db: Database
    api: ApiSecret
    https: Https
    s3: S3Client
    incoming: str
    clock: Clock
    tell: Callable[[str, Refused], None]
    size_limit: int = SIZE_LIMIT


@dataclass(frozen=True)
class _Progress:
    """The datasets that the feed has offered so far, and what became of them."""

    offered: dict[Publication, Dataset] = field(default_factory=dict)
    invalid: set[Invalid] = field(default_factory=set)
    done: set[Publication] = field(default_factory=set)
    problems: dict[Publication, NotYet | Refused] = field(default_factory=dict)


def fetch_feed(name: str, on: Fetcher, seconds_left: SecondsLeft) -> None:
    """Fetches the datasets of a feed that are not fetched yet.

    One that cannot be fetched stops none of the others, but the watermark, so that the next day lists it again; a person is
    told of it unless waiting may help. Raises NotYet where it may, NotFound for an unknown feed, and Refused where the feed
    cannot be listed.

    Safe to repeat and to run twice at once: the database knows each publication, and lets one upload of it appear.
    """
    feed = next((feed for feed in configuration.feeds(on.db) if feed.config.name == name), None)
    if feed is None:
        raise NotFound(f"There is no DMAP feed {name}. Configure it, or correct the message, then redrive.")
    if not feed.config.is_active:
        logger.info("Ignored a feed that is not active", extra={"feed": name})
        return
    progress = _Progress()
    # The second listing has new links for those that were too old. And it has what the first missed between two pages, since
    # all that follows a dataset moves up by one when that is published again meanwhile.
    for _ in range(2):
        todo = _list(feed, on, progress, seconds_left)
        if not todo:
            break
        for dataset, known in todo:
            progress.problems.pop(dataset.publication, None)
            try:
                _fetch(feed, dataset, known, on, seconds_left)
            except (NotYet, Refused) as error:
                progress.problems[dataset.publication] = error
            else:
                progress.done.add(dataset.publication)
    _conclude(feed, progress, on)


def _list(feed: Feed, on: Fetcher, progress: _Progress, seconds_left: SecondsLeft) -> list[tuple[Dataset, Fetch | None]]:
    """The datasets that are still to be fetched, the oldest first, each with what is known of an upload that began."""
    since = feed.last_updated - OVERLAP if feed.last_updated else None
    ask = partial(patiently, clock=on.clock, seconds_left=seconds_left)
    listing: Listing = list_datasets(on.api, on.https, feed.config.relative_url, since, ask)
    progress.offered.update({dataset.publication: dataset for dataset in listing.datasets})
    progress.invalid.update(listing.invalid)
    known = dmap.fetches(on.db, feed.id, progress.offered)
    progress.done.update(publication for publication, fetch in known.items() if fetch.s3_version is not None)
    return [
        (dataset, known.get(publication))
        for publication, dataset in sorted(progress.offered.items(), key=lambda it: it[1].last_updated)
        if publication not in progress.done and not _is_hopeless(progress.problems.get(publication))
    ]


def _is_hopeless(problem: NotYet | Refused | None) -> bool:
    return isinstance(problem, Refused) and not isinstance(problem, Forbidden)


def _fetch(feed: Feed, dataset: Dataset, known: Fetch | None, on: Fetcher, seconds_left: SecondsLeft) -> None:
    """Fetches one dataset, unless an upload that began earlier has appeared. Raises NotYet or Refused."""
    if known:
        version = _appeared_in_s3(feed, dataset, known, on) or dmap.registered(on.db, known)
        if version is None and on.clock.now() < known.begun_at + LEASE:
            raise NotYet(f"another invocation is uploading {dataset.key}, or has died while it did")
    else:
        version = None
    if version is None:
        version = patiently(partial(_transfer, feed, dataset, on), on.clock, seconds_left)
    dmap.appeared(on.db, feed.id, dataset.publication, version, on.clock.now())
    telemetry.count("DatasetsFetched")
    logger.info("Fetched", extra=_extra(feed, dataset) | {"version": version})


def _transfer(feed: Feed, dataset: Dataset, on: Fetcher, seconds: float) -> str:
    """Downloads and uploads at once. Answers with the version of the object."""
    begun_at = on.clock.now()

    def before_it_appears(sha256: str, size: int) -> None:
        fetch = Fetch(dataset.key, sha256, size, begun_at, None)
        if not dmap.begin(on.db, feed.id, dataset.publication, fetch, on.clock.now()):
            raise NotYet(f"another invocation has uploaded {dataset.key}, or is about to")
        telemetry.size("BytesFetched", size)

    with on.https.get(dataset.url, {}, seconds) as answer:
        parts = download.parts(answer, on.size_limit)
        metadata = {MARK: _mark(feed, dataset)}
        return upload(parts, on.s3, on.incoming, dataset.key, metadata, before_it_appears)


def _appeared_in_s3(feed: Feed, dataset: Dataset, known: Fetch, on: Fetcher) -> str | None:
    """The version in Incoming that is this publication's upload."""
    with explained(f"looking for s3://{on.incoming}/{known.s3_key}"):
        try:
            found = on.s3.head_object(Bucket=on.incoming, Key=known.s3_key)
        except ClientError as error:
            if error_code(error) == "404":
                return None
            raise
    ours = found["Metadata"].get(MARK) == _mark(feed, dataset) and found["ContentLength"] == known.s3_size
    return found["VersionId"] if ours else None


def _conclude(feed: Feed, progress: _Progress, on: Fetcher) -> None:
    """Moves the watermark, and tells of what is left."""
    name, today = feed.config.name, on.clock.now().date()
    undone = [dataset.last_updated for publication, dataset in progress.offered.items() if publication not in progress.done]
    reached = watermark(
        [progress.offered[publication].last_updated for publication in progress.done],
        [*undone, *(entry.last_updated for entry in progress.invalid)],
        today,
    )
    if reached:
        dmap.advance(on.db, feed.id, reached)
    hopeless: list[tuple[str, object]] = [
        (publication.dataset_id, problem)
        for publication, problem in progress.problems.items()
        if isinstance(problem, Refused)
    ]
    hopeless += [
        (entry.dataset_id, f"its entry is not as documented: {entry.problem}. Ask the vendor to correct it.")
        for entry in progress.invalid
    ]
    for dataset_id, problem in hopeless:
        # A new day is a new subject: until somebody has seen to it, the feed's watermark stays.
        text = f"The dataset {dataset_id} of DMAP's feed {name} cannot be fetched: {problem} It is tried again each day."
        on.tell(f"dmap {name} {dataset_id} {today}", Refused(text))
    waiting = [(publication, it) for publication, it in progress.problems.items() if isinstance(it, NotYet)]
    logger.info("Feed looked at", extra=_counts(progress) | {"feed": name, "watermark": str(reached)})
    if waiting:
        publication, first = waiting[0]
        delays = [it.delay_seconds for _, it in waiting if it.delay_seconds is not None]
        raise NotYet(
            f"{len(waiting)} datasets of DMAP's feed {name}, {publication.dataset_id} among them: {first}",
            delay_seconds=max(delays, default=None),
        )


def _mark(feed: Feed, dataset: Dataset) -> str:
    return f"{feed.config.name}/{dataset.dataset_id}@{dataset.last_updated.isoformat()}"


def _extra(feed: Feed, dataset: Dataset) -> dict[str, Any]:
    return {"feed": feed.config.name, "dataset": dataset.dataset_id, "key": dataset.key}


def _counts(progress: _Progress) -> dict[str, int]:
    return {
        "offered": len(progress.offered),
        "done": len(progress.done),
        "invalid": len(progress.invalid),
        "problems": len(progress.problems),
    }
