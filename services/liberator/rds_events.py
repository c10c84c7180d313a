"""RDS's events, as it publishes them on SNS and on EventBridge.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
"""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from ingestion.inbox import Document, EventBridgeEvent, Notice, Unwrapped, documented
from ingestion.messages import Frozen


class RdsEventId(StrEnum):
    """The events that our rules and the subscription let through, by their documented ids."""

    SNAPSHOT_CREATING = "RDS-EVENT-0040"
    SNAPSHOT_DELETED = "RDS-EVENT-0041"
    SNAPSHOT_CREATED = "RDS-EVENT-0042"
    EXPORT_FAILED = "RDS-EVENT-0159"
    EXPORT_CANCELED = "RDS-EVENT-0160"
    EXPORT_COMPLETED = "RDS-EVENT-0161"


class SourceType(StrEnum):
    """The kinds of things that an event is about, in EventBridge's words (others exist)."""

    SNAPSHOT = "SNAPSHOT"
    DB_INSTANCE = "DB_INSTANCE"


class RdsEvent(Frozen):
    """An RDS event, whichever way it came. An export's event names the snapshot, not the export task."""

    event_id: str
    source_type: str
    source_identifier: str


def _id_of_url(url: str) -> str:
    match = re.search(r"(RDS-EVENT-\d{4})$", url)
    if match is None:
        raise ValueError("does not end in an RDS event id")
    return match[1]


class RdsSnsMessage(BaseModel):
    """`Event ID` is a URL of the documentation that ends in the event's id; `Event Source` e.g. `db-snapshot`."""

    event_source: str = Field(alias="Event Source")
    source_identifier: str = Field(alias="Source ID", min_length=1)
    event_id: Annotated[str, AfterValidator(_id_of_url)] = Field(alias="Event ID")

    def event(self) -> RdsEvent:
        source_type = {"db-snapshot": SourceType.SNAPSHOT, "db-instance": SourceType.DB_INSTANCE}.get(
            self.event_source, self.event_source
        )
        return RdsEvent(event_id=self.event_id, source_type=source_type, source_identifier=self.source_identifier)


class RdsEventDetail(BaseModel):
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloud-watch-events.html"""

    event_id: str = Field(alias="EventID")
    source_type: str = Field(alias="SourceType")
    source_identifier: str = Field(alias="SourceIdentifier", min_length=1)

    def event(self) -> RdsEvent:
        return RdsEvent(**self.model_dump())


def event_in(unwrapped: Unwrapped) -> RdsEvent | Notice | None:
    """Return the RDS event of a message; None where it holds none. Raises UnreadableMessage.

    An event of no source announces a subscription.
    """
    match unwrapped:
        case EventBridgeEvent(source="aws.rds", detail=detail):
            return documented(RdsEventDetail, detail).event()
        case Document(text=text, fields={"Event Source": _} as fields) if not fields.get("Source ID"):
            return Notice(text)
        case Document(fields={"Event ID": _} as fields):
            return documented(RdsSnsMessage, fields).event()
    return None
