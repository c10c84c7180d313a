"""Unwrap the messages of a queue: our own and EventBridge's events, either of them perhaps in SNS's envelope.

Only the fields that are used are modelled, here and in each source's models of its events, so that neither a field that AWS
adds nor one that a person leaves out of a replayed event stops it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import from_json

from ingestion.errors import UnreadableMessage
from ingestion.messages import Frozen, parse, problems


class SnsEnvelope(BaseModel):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html"""

    Type: Literal["Notification"]
    Message: str


class EventBridgeEvent(BaseModel):
    """https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html"""

    source: str
    detail_type: str = Field(alias="detail-type")
    detail: dict[str, Any]


@dataclass(frozen=True)
class Notice:
    """The announcement of a new subscription, in words. There is nothing to do."""

    text: str


@dataclass(frozen=True)
class Document:
    """A JSON object, and the text that it was parsed from."""

    text: str
    fields: dict[str, Any]


type Unwrapped = Document | EventBridgeEvent | Notice


def unwrap(body: str) -> Unwrapped:
    """Return a message body without SNS's envelope, if it has one. Raises UnreadableMessage."""
    document = _document(body)
    if "Type" in document.fields:
        text = documented(SnsEnvelope, document.fields).Message
        try:
            document = _document(text)
        except UnreadableMessage:
            return Notice(text)
    return documented(EventBridgeEvent, document.fields) if "detail-type" in document.fields else document


def read[M: Frozen, E](
    body: str, kinds: type[M] | UnionType, event_in: Callable[[Unwrapped], E | Notice | None]
) -> M | E | Notice:
    """Return the event that a message body holds, or our message of one of these kinds. Raises UnreadableMessage.

    `event_in` finds the event of the queue's source; None where there is none.
    """
    unwrapped = unwrap(body)
    if (event := event_in(unwrapped)) is not None:
        return event
    match unwrapped:
        case Notice() as notice:
            return notice
        case EventBridgeEvent(source=source):
            raise UnreadableMessage(f"This queue takes no events of {source}. Send it to the queue of its consumer.")
        case Document(text=text):
            return parse(text, kinds)


def documented[T: BaseModel](model: type[T], fields: object) -> T:
    """Read fields that AWS wrote. Raises UnreadableMessage where they are not as AWS documents them."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        wrong = f"Not {model.__name__} as AWS documents it: {problems(error)}"
        raise UnreadableMessage(f"{wrong}. Correct it and send it again.") from error


def _document(text: str) -> Document:
    try:
        fields = from_json(text)  # the parser of pydantic, which refuses what is nested too deeply to be parsed
    except ValueError as error:
        raise UnreadableMessage(f"The message is not JSON ({error}). Correct it and send it again.") from error
    if not isinstance(fields, dict):
        raise UnreadableMessage("The message is JSON, but not an object. Correct it and send it again.")
    return Document(text, fields)
