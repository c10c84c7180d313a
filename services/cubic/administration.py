"""Requests of a person about tables, feeds and loads, and their answers, both JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from cubic.errors import BadConfiguration
from cubic.loads import LoadStatus
from cubic.store import claiming, configuration, listing, rebuilding
from cubic.tables import FeedConfig, TableConfig
from ingestion.messages import Frozen, problems

if TYPE_CHECKING:
    from datetime import datetime

    from cubic.store.database import Database


class ListTables(Frozen):
    """All tables, with why they are paused."""

    command: Literal["list_tables"]


class PutTable(Frozen):
    """Configure a table, anew or again."""

    command: Literal["put_table"]
    table: TableConfig


class Pause(Frozen):
    """Claim nothing more of a table."""

    command: Literal["pause"]
    table: str
    because: Annotated[str, Field(min_length=1)]


class Resume(Frozen):
    """Claim of a paused table again: the next sweep rings for it."""

    command: Literal["resume"]
    table: str


class ListFeeds(Frozen):
    """All feeds, with how far they are fetched."""

    command: Literal["list_feeds"]


class PutFeed(Frozen):
    """Configure a feed, anew or again."""

    command: Literal["put_feed"]
    feed: FeedConfig


class CountLoads(Frozen):
    """How many loads of each table have each status."""

    command: Literal["count_loads"]


class ListLoads(Frozen):
    """The loads of a table, a status, a snapshot and of these ids, or all; by pages, each after the last of the one before.

    `described`: with the description of each file.
    """

    command: Literal["list_loads"]
    table: str | None = None
    status: LoadStatus | None = None
    snapshot: AwareDatetime | None = None
    ids: tuple[int, ...] | None = None
    after: int = 0
    described: bool = False


class ListSnapshots(Frozen):
    """The snapshots of a table."""

    command: Literal["list_snapshots"]
    table: str


class BeginRebuild(Frozen):
    """Open a batch for a rebuild, or renew its lease: see cubic/store/rebuilding.py."""

    command: Literal["begin_rebuild"]
    table: str
    batch: UUID


class StartedRebuild(Frozen):
    """The run of the Glue job that has the batch."""

    command: Literal["started_rebuild"]
    batch: UUID
    run: str


class EndRebuild(Frozen):
    """Close the batch: its run has ended, or there is none."""

    command: Literal["end_rebuild"]
    batch: UUID


type Question = ListTables | ListFeeds | CountLoads | ListLoads | ListSnapshots
type Change = PutTable | Pause | Resume | PutFeed
type Rebuild = BeginRebuild | StartedRebuild | EndRebuild
type Request = Question | Change | Rebuild

_REQUEST: TypeAdapter[Request] = TypeAdapter(
    Annotated[
        Question.__value__ | Change.__value__ | Rebuild.__value__,
        Field(discriminator="command"),
    ]
)


def answer(db: Database, request: object, now: datetime) -> dict[str, Any]:
    """Carry out a request, which is safe to repeat. Raises BadConfiguration and UnknownTable."""
    match _read(request):
        case ListTables() | ListFeeds() | CountLoads() | ListLoads() | ListSnapshots() as question:
            return _told(db, question)
        case PutTable() | Pause() | Resume() | PutFeed() as change:
            return _changed(db, change)
        case BeginRebuild() | StartedRebuild() | EndRebuild() as step:
            return _rebuilt(db, step, now)


def _told(db: Database, question: Question) -> dict[str, Any]:
    match question:
        case ListTables():
            return {"tables": [table.model_dump(mode="json") for table in configuration.tables(db)]}
        case ListFeeds():
            return {"feeds": [feed.model_dump(mode="json") for feed in configuration.feeds(db)]}
        case CountLoads():
            return {"loads": configuration.loads_by_status(db)}
        case ListSnapshots(table=table):
            return {"snapshots": listing.of_table(db, table)}
        case ListLoads(table=table, after=after, described=described):
            if table is not None:
                configuration.table(db, table)
            which = listing.Which(table, question.status, question.snapshot, question.ids)
            loads, last = listing.loads(db, which, after, described=described)
            return {"loads": loads, "after": last}


def _changed(db: Database, change: Change) -> dict[str, Any]:
    match change:
        case PutTable(table=config):
            configuration.put_table(db, config)
            return {"table": config.name}
        case Pause(table=table, because=because):
            configuration.pause(db, table, because)
            return {"table": table}
        case Resume(table=table):
            configuration.resume(db, table)
            return {"table": table}
        case PutFeed(feed=feed):
            configuration.put_feed(db, feed)
            return {"feed": feed.name}


def _rebuilt(db: Database, step: Rebuild, now: datetime) -> dict[str, Any]:
    match step:
        case BeginRebuild(table=table, batch=batch):
            given = rebuilding.begin(db, table, batch, now)
            return {"batch": str(given) if given else None}
        case StartedRebuild(batch=batch, run=run):
            claiming.started(db, batch, run)
        case EndRebuild(batch=batch):
            rebuilding.end(db, batch, now)
    return {"batch": str(step.batch)}


def _read(request: object) -> Request:
    try:
        return _REQUEST.validate_python(request)
    except ValidationError as error:
        raise BadConfiguration(
            f"The request cannot be carried out: {problems(error)}. Correct it and send it again."
        ) from error
