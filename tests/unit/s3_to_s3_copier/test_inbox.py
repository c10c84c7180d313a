"""Each body on the queue becomes its CopyExport."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingestion.errors import BadName, NotFound, UnreadableMessage
from ingestion.messages import Run
from liberator.rds_events import RdsEventId, SourceType
from s3_to_s3_copier.inbox import to_command
from tests.events import EXPORT_CANCELLED, EXPORT_FAILED, EXPORTED, bodies, message
from tests.fakes import ARN, FakeRds
from tests.lake import DAY, RUN

COMMAND = message("CopyExport")


@pytest.fixture
def rds() -> FakeRds:
    return FakeRds()


def test_a_command_is_taken_as_it_is(rds: Any) -> None:
    [body] = bodies("s3_to_s3_copier", "message_daily")
    assert to_command(body, rds, "liberator") == COMMAND


@pytest.mark.parametrize("body", ["", "{", "{}", '{"kind": "CopyExport"}', "[]"])
def test_what_is_nothing_known_is_unreadable(rds: Any, body: str) -> None:
    with pytest.raises(UnreadableMessage):
        to_command(body, rds, "liberator")


def test_the_command_of_another_queue_is_refused(rds: Any) -> None:
    with pytest.raises(UnreadableMessage, match="Not CopyExport"):
        to_command(message("ExportSnapshot").model_dump_json(), rds, "liberator")


@pytest.mark.parametrize("run", [Run(import_date=DAY.replace(day=5), backdated=False), Run(import_date=DAY, backdated=True)])
def test_a_command_lands_on_no_other_day_than_its_export_is_named_for(rds: Any, run: Run) -> None:
    with pytest.raises(BadName, match="named for a different day"):
        to_command(COMMAND.model_copy(update={"run": run}).model_dump_json(), rds, "liberator")


@pytest.mark.parametrize(
    ("case", "snapshot"),
    [
        ("eventbridge_export_completed", EXPORTED),
        ("eventbridge_export_failed", EXPORT_FAILED),
        ("eventbridge_export_cancelled", EXPORT_CANCELLED),
    ],
)
@pytest.mark.parametrize("backdated", [True, False])
def test_an_export_that_ended_becomes_a_command_with_the_run_of_the_tags(
    rds: Any, case: str, snapshot: str, backdated: bool
) -> None:
    run = RUN.model_copy(update={"backdated": backdated})
    rds.add_snapshot(snapshot, run)
    [body] = bodies("s3_to_s3_copier", case)
    command = to_command(body, rds, "liberator")
    assert command
    assert (command.export_task_identifier, command.run, command.correlation_id) == (snapshot, run, "dump@1")


@pytest.mark.parametrize("ours", [False, True])
def test_the_event_of_a_snapshot_that_is_not_ours_is_ignored(rds: Any, ours: bool) -> None:
    rds.add_snapshot(EXPORTED, RUN, ours=ours)
    [body] = bodies("s3_to_s3_copier", "eventbridge_export_completed")
    assert (to_command(body, rds, "liberator") is not None) == ours
    assert to_command(body, rds, "another instance") is None


@pytest.mark.parametrize("case", ["eventbridge_export_of_another_snapshot", "sns_subscription_notice"])
def test_an_event_of_no_export_of_ours_is_ignored(rds: Any, case: str) -> None:
    [body] = bodies("s3_to_s3_copier", case)
    assert to_command(body, rds, "liberator") is None


@pytest.mark.parametrize(
    ("identifier", "source_type"), [("rds:automated", SourceType.SNAPSHOT), ("liberator", SourceType.DB_INSTANCE)]
)
def test_so_is_one_of_an_automated_snapshot_or_of_the_instance(rds: Any, identifier: str, source_type: str) -> None:
    detail = {"EventID": RdsEventId.EXPORT_COMPLETED, "SourceType": source_type, "SourceIdentifier": identifier}
    event = {"source": "aws.rds", "detail-type": "RDS DB Snapshot Event", "detail": detail}
    assert to_command(json.dumps(event), rds, "liberator") is None


def test_a_late_event_of_an_exported_snapshot_that_is_gone_is_ignored(rds: Any) -> None:
    [body] = bodies("s3_to_s3_copier", "eventbridge_export_completed")
    with pytest.raises(NotFound, match=EXPORTED):
        to_command(body, rds, "liberator")
    rds.add_task("another", SourceArn=ARN + EXPORTED)
    with pytest.raises(NotFound, match=EXPORTED):
        to_command(body, rds, "liberator")
    rds.add_task(EXPORTED)
    assert to_command(body, rds, "liberator") is None
