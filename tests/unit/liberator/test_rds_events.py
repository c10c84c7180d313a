"""RDS's events in the shapes that no file under events/ has."""

import json

import pytest

from ingestion.errors import UnreadableMessage
from ingestion.inbox import Notice, unwrap
from liberator.rds_events import RdsEvent, event_in

EVENT = {"Event Source": "db-snapshot", "Source ID": "s", "Event ID": "https://docs.aws.amazon.com/x#RDS-EVENT-0042"}


def envelope(message: str) -> str:
    return json.dumps({"Type": "Notification", "Message": message})


@pytest.mark.parametrize("wrapped", [envelope, str])
@pytest.mark.parametrize("gone", [{"Source ID"}, {"Source ID", "Event ID"}])
@pytest.mark.parametrize("source", [None, "", 0])
def test_an_event_of_no_source_is_a_notice(wrapped: type[str], gone: set[str], source: object) -> None:
    event = {key: value for key, value in EVENT.items() if key not in gone}
    text = json.dumps(event if source is None else event | {"Source ID": source})
    assert event_in(unwrap(wrapped(text))) == Notice(text)


def test_an_event_of_a_source_is_none() -> None:
    event = RdsEvent(event_id="RDS-EVENT-0042", source_type="SNAPSHOT", source_identifier="s")
    assert event_in(unwrap(envelope(json.dumps(EVENT)))) == event


@pytest.mark.parametrize("event_id", ["https://docs.aws.amazon.com/x", "RDS-EVENT-42", ""])
def test_an_event_of_a_source_without_an_id_is_refused(event_id: str) -> None:
    with pytest.raises(UnreadableMessage, match="does not end in an RDS event id"):
        event_in(unwrap(json.dumps(EVENT | {"Event ID": event_id})))


def test_an_event_of_another_service_is_none_of_rds() -> None:
    other = json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": {}})
    assert event_in(unwrap(other)) is None
