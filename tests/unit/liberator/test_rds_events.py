"""What RDS puts on the queues, in the shapes that no file under events/ has."""

import json

import pytest

from ingestion.errors import UnreadableMessage
from liberator.rds_events import Notice, RdsEvent, read

EVENT = {"Event Source": "db-snapshot", "Source ID": "s", "Event ID": "https://docs.aws.amazon.com/x#RDS-EVENT-0042"}


def envelope(message: str) -> str:
    return json.dumps({"Type": "Notification", "Message": message})


@pytest.mark.parametrize("wrapped", [envelope, str])
@pytest.mark.parametrize("gone", [{"Source ID"}, {"Source ID", "Event ID"}])
@pytest.mark.parametrize("source", [None, "", 0])
def test_an_event_of_no_source_is_a_notice(wrapped: type[str], gone: set[str], source: object) -> None:
    event = {key: value for key, value in EVENT.items() if key not in gone}
    text = json.dumps(event if source is None else event | {"Source ID": source})
    assert read(wrapped(text)) == Notice(text=text)


def test_an_event_of_a_source_is_none() -> None:
    event = RdsEvent(event_id="RDS-EVENT-0042", source_type="SNAPSHOT", source_identifier="s")
    assert read(envelope(json.dumps(EVENT))) == event


@pytest.mark.parametrize("event_id", ["https://docs.aws.amazon.com/x", "RDS-EVENT-42", ""])
def test_an_event_of_a_source_without_an_id_is_refused(event_id: str) -> None:
    with pytest.raises(UnreadableMessage, match="does not end in an RDS event id"):
        read(json.dumps(EVENT | {"Event ID": event_id}))


@pytest.mark.parametrize("depth", [300, 5_000, 500_000])
@pytest.mark.parametrize("shape", ["{}", '{{"kind": {}}}', '{{"Type": "Notification", "Message": "x", "y": {}}}'])
def test_brackets_nested_too_deeply_are_refused_with_a_reason(shape: str, depth: int) -> None:
    with pytest.raises(UnreadableMessage, match="recursion"):
        read(shape.format("[" * depth + "]" * depth))
