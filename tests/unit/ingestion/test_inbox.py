"""A queue of a source that knows one event, and one kind of message."""

from __future__ import annotations

import json
from datetime import date
from typing import Literal

import pytest

from ingestion.errors import UnreadableMessage
from ingestion.inbox import Document, EventBridgeEvent, Notice, Unwrapped, documented, read, unwrap
from ingestion.messages import Command, Run


class Publish(Command):
    kind: Literal["Publish"] = "Publish"


MESSAGE = Publish(run=Run(import_date=date(2021, 6, 4), backdated=False), correlation_id="c")
EVENT = {"source": "our.source", "detail-type": "Happened", "detail": {"id": 1}}


def event_in(unwrapped: Unwrapped) -> int | Notice | None:
    return unwrapped.detail["id"] if isinstance(unwrapped, EventBridgeEvent) and unwrapped.source == "our.source" else None


def envelope(message: str) -> str:
    return json.dumps({"Type": "Notification", "Message": message})


@pytest.mark.parametrize("wrapped", [envelope, str])
def test_an_event_or_a_message_is_read_in_an_envelope_of_sns_and_without(wrapped: type[str]) -> None:
    assert read(wrapped(MESSAGE.model_dump_json()), Publish, event_in) == MESSAGE
    assert read(wrapped(json.dumps(EVENT)), Publish, event_in) == 1
    assert unwrap(wrapped('{"a": 1}')) == Document('{"a": 1}', {"a": 1})


@pytest.mark.parametrize("text", ["You have subscribed.", "[]", ""])
def test_words_are_a_notice_in_an_envelope_only(text: str) -> None:
    assert read(envelope(text), Publish, event_in) == Notice(text)
    with pytest.raises(UnreadableMessage, match="send it again"):
        read(text, Publish, event_in)


@pytest.mark.parametrize(
    "body",
    ["", "[]", "null", "3", '"text"', "{", "{}", '{"Type": "Notification"}', '{"detail-type": 1}', '{"detail-type": "x"}'],
)
def test_a_body_that_is_nothing_known_is_refused(body: str) -> None:
    with pytest.raises(UnreadableMessage, match="send it again"):
        read(body, Publish, event_in)


def test_an_event_of_another_source_is_refused_by_its_name() -> None:
    with pytest.raises(UnreadableMessage, match=r"aws\.other"):
        read(json.dumps(EVENT | {"source": "aws.other"}), Publish, event_in)


def test_a_field_that_is_not_as_documented_is_named_and_its_value_is_not() -> None:
    with pytest.raises(UnreadableMessage, match="Not EventBridgeEvent as AWS documents it: source: ") as refused:
        documented(EventBridgeEvent, EVENT | {"source": ["secret"]})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("depth", [300, 5_000, 500_000])
@pytest.mark.parametrize("shape", ["{}", '{{"kind": {}}}', '{{"Type": "Notification", "Message": "x", "y": {}}}'])
def test_brackets_nested_too_deeply_are_refused_with_a_reason(shape: str, depth: int) -> None:
    with pytest.raises(UnreadableMessage, match="recursion"):
        read(shape.format("[" * depth + "]" * depth), Publish, event_in)
