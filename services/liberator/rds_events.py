"""What RDS puts on the queues: its events through SNS (in an envelope, or raw) and through EventBridge.

Only the fields that we use are modelled, so that neither a field that AWS adds nor one that a person leaves out of a
replayed event stops it. Shapes: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
"""

import re
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic_core import from_json

from ingestion.errors import UnreadableMessage
from ingestion.messages import Frozen
from liberator.messages import AnyMessage, parse_message


class RdsEventId(StrEnum):
    """The events that our rules and the subscription let through, by their documented ids."""

    SNAPSHOT_CREATING = "RDS-EVENT-0040"
    SNAPSHOT_DELETED = "RDS-EVENT-0041"
    SNAPSHOT_CREATED = "RDS-EVENT-0042"
    EXPORT_FAILED = "RDS-EVENT-0159"
    EXPORT_CANCELED = "RDS-EVENT-0160"
    EXPORT_COMPLETED = "RDS-EVENT-0161"


class RdsEvent(Frozen):
    """An RDS event, whichever way it came. An export's event names the snapshot, not the export task."""

    event_id: str
    source_type: str  # "SNAPSHOT" | "DB_INSTANCE" | …
    source_identifier: str


class Notice(Frozen):
    """The announcement of a new subscription by RDS: plain text, or an event of no source. Nothing to do."""

    text: str


def _id_of_url(url: str) -> str:
    match = re.search(r"(RDS-EVENT-\d{4})$", url)
    if match is None:
        raise ValueError("does not end in an RDS event id")
    return match[1]


class SnsEnvelope(BaseModel):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html"""

    Type: Literal["Notification"]
    Message: str


class RdsSnsMessage(BaseModel):
    """`Event ID` is a URL of the documentation that ends in the event's id; `Event Source` e.g. `db-snapshot`."""

    event_source: str = Field(alias="Event Source")
    source_identifier: str = Field(alias="Source ID", min_length=1)
    event_id: Annotated[str, AfterValidator(_id_of_url)] = Field(alias="Event ID")

    def event(self) -> RdsEvent:
        source_type = {"db-snapshot": "SNAPSHOT", "db-instance": "DB_INSTANCE"}.get(self.event_source, self.event_source)
        return RdsEvent(event_id=self.event_id, source_type=source_type, source_identifier=self.source_identifier)


class RdsEventDetail(BaseModel):
    """`detail` of an RDS event on EventBridge."""

    event_id: str = Field(alias="EventID")
    source_type: str = Field(alias="SourceType")
    source_identifier: str = Field(alias="SourceIdentifier", min_length=1)


class RdsEventBridgeEvent(BaseModel):
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloud-watch-events.html"""

    source: Literal["aws.rds"]
    detail: RdsEventDetail

    def event(self) -> RdsEvent:
        return RdsEvent(**self.detail.model_dump())


def read(body: str) -> AnyMessage | RdsEvent | Notice:
    """What a queue's message body holds, whoever put it there. Raises UnreadableMessage."""
    text, document = body, _json_object(body)
    try:
        if "Type" in document:
            text = SnsEnvelope.model_validate(document).Message
            try:
                document = _json_object(text)
            except UnreadableMessage:
                return Notice(text=text)
        if "detail-type" in document:
            return RdsEventBridgeEvent.model_validate(document).event()
        if "Event Source" in document and not document.get("Source ID"):
            return Notice(text=text)
        if "Event ID" in document:
            return RdsSnsMessage.model_validate(document).event()
    except ValidationError as error:
        raise UnreadableMessage(f"Not an RDS event as AWS documents it: {error}. Correct it and send it again.") from error
    return parse_message(text)


def _json_object(body: str) -> dict[str, Any]:
    try:
        document = from_json(body)  # the parser of pydantic, which refuses what is nested too deeply to be parsed
    except ValueError as error:
        raise UnreadableMessage(f"The message is not JSON ({error}). Correct it and send it again.") from error
    if not isinstance(document, dict):
        raise UnreadableMessage("The message is JSON, but not an object. Correct it and send it again.")
    return document
