"""Requests of a person about tables, feeds and loads, and their answers, both JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from cubic.errors import BadConfiguration
from cubic.store import configuration
from cubic.tables import FeedConfig, TableConfig
from ingestion.messages import Frozen, problems

if TYPE_CHECKING:
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


type Request = ListTables | PutTable | Pause | Resume | ListFeeds | PutFeed | CountLoads

_REQUEST: TypeAdapter[Request] = TypeAdapter(
    Annotated[ListTables | PutTable | Pause | Resume | ListFeeds | PutFeed | CountLoads, Field(discriminator="command")]
)


def answer(db: Database, request: object) -> dict[str, Any]:
    """Carry out a request, which is safe to repeat. Raises BadConfiguration and UnknownTable."""
    match _read(request):
        case ListTables():
            return {"tables": [table.model_dump(mode="json") for table in configuration.tables(db)]}
        case PutTable(table=config):
            configuration.put_table(db, config)
            return {"table": config.name}
        case Pause(table=table, because=because):
            configuration.pause(db, table, because)
            return {"table": table}
        case Resume(table=table):
            configuration.resume(db, table)
            return {"table": table}
        case ListFeeds():
            return {"feeds": [feed.model_dump(mode="json") for feed in configuration.feeds(db)]}
        case PutFeed(feed=feed):
            configuration.put_feed(db, feed)
            return {"feed": feed.name}
        case CountLoads():
            return {"loads": configuration.loads_by_status(db)}


def _read(request: object) -> Request:
    try:
        return _REQUEST.validate_python(request)
    except ValidationError as error:
        raise BadConfiguration(
            f"The request cannot be carried out: {problems(error)}. Correct it and send it again."
        ) from error
