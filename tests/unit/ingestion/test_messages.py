import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from ingestion.errors import UnreadableMessage
from ingestion.messages import IngestionFailed, Poll, Run, parse
from liberator.messages import CopyExport, ExportSnapshot, LandingZoneUpdated
from tests.messages import parse_message

GOOD: dict[str, Any] = {
    "version": 1,
    "kind": "CopyExport",
    "run": {"import_date": "2021-06-04", "backdated": False, "origin": "s3://b/k.zip"},
    "correlation_id": "s3://b/k.zip@1",
    "export_task_identifier": "task-1",
    "poll": {"attempt": 3, "started_at": "2021-06-04T10:00:00Z"},
}


def test_a_message_survives_the_way_through_json() -> None:
    message = parse_message(json.dumps(GOOD))
    assert isinstance(message, CopyExport)
    assert message.poll == Poll(attempt=3, started_at=datetime(2021, 6, 4, 10, tzinfo=UTC))
    assert parse_message(message.model_dump_json()) == message


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"version": 2}, "version"),
        ({"kind": "CopyEverything"}, "kind"),
        ({"colour": "red"}, "colour"),
        *(
            ({"export_task_identifier": name}, "export_task_identifier")
            for name in ("", "../other", "a/b", "a--b", "a-", "1a", "a\n")
        ),
        ({"correlation_id": ""}, "correlation_id"),
        ({"correlation_id": "x" * 2_201}, "correlation_id"),
        ({"run": {"import_date": "2021-06-31", "backdated": False, "origin": None}}, "run.import_date"),
        ({"run": {"import_date": "2021-06-04", "backdated": False, "origin": "k.zip"}}, "run.origin"),
        ({"run": {"import_date": "2021-06-04", "backdated": False, "origin": f"s3://b/{'k' * 1_100}"}}, "run.origin"),
        ({"poll": {"attempt": 0, "started_at": "2021-06-04T10:00:00Z"}}, "poll.attempt"),
        ({"poll": {"attempt": 1, "started_at": "2021-06-04T10:00:00"}}, "poll.started_at"),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(change: dict[str, Any], named: str) -> None:
    with pytest.raises(UnreadableMessage, match=named):
        parse_message(json.dumps(GOOD | change))


def test_a_message_of_another_kind_is_refused_with_those_that_are_taken() -> None:
    with pytest.raises(UnreadableMessage, match=r"Not ExportSnapshot: .*kind: .*\. Correct it and send it again\."):
        parse(json.dumps(GOOD), ExportSnapshot)
    with pytest.raises(UnreadableMessage, match=r"Not ExportSnapshot or LandingZoneUpdated: .*'CopyExport'"):
        parse(json.dumps(GOOD), ExportSnapshot | LandingZoneUpdated)


@pytest.mark.parametrize("ugly", ["x", "\x00", "\U0001f600", "\u20ac", '"', "\\", "\ud800"])
def test_sns_takes_a_failure_with_every_text_as_long_as_it_can_be(ugly: str) -> None:
    text = ugly.encode(errors="replace").decode()
    failed = IngestionFailed(
        run=Run(import_date=date(2021, 6, 4), backdated=False, origin="s3://b/" + text * 1_093),
        correlation_id=text * 2_200,
        stage="s3_to_s3_copier",
        error="UnreadableMessage",
        reason=ugly * 1_000_000,
        message=ugly * 1_000_000,
    )
    assert len(failed.model_dump_json().encode()) <= 262_144
    assert failed.reason == text * len(failed.reason)
    assert len(failed.reason) >= 5_000
    assert len(failed.message or "") >= 20_000
