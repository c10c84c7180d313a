"""Each body on the queue becomes its ExportSnapshot."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.errors import NotFound, UnreadableMessage
from snapshot_to_s3.inbox import to_command
from tests.events import CREATING, NEW, bodies, message
from tests.fakes import ARN, FakeRds
from tests.lake import RUN


@pytest.fixture
def rds() -> FakeRds:
    return FakeRds()


def test_a_command_is_taken_as_it_is(rds: Any) -> None:
    [body] = bodies("snapshot_to_s3", "message_daily")
    assert to_command(body, rds, "liberator") == message("ExportSnapshot")


def test_the_command_of_another_queue_is_refused(rds: Any) -> None:
    with pytest.raises(UnreadableMessage, match="Not ExportSnapshot"):
        to_command(message("CopyExport").model_dump_json(), rds, "liberator")


@pytest.mark.parametrize(
    ("case", "snapshot"),
    [
        ("sns_snapshot_creating", CREATING),
        ("sns_snapshot_created", NEW),
        ("eventbridge_snapshot_created", NEW),
        ("sns_raw_snapshot_created", NEW),
    ],
)
def test_an_event_becomes_a_command_with_the_run_of_the_tags(rds: Any, case: str, snapshot: str) -> None:
    rds.add_snapshot(snapshot, RUN)
    [body] = bodies("snapshot_to_s3", case)
    command = to_command(body, rds, "liberator")
    assert command
    assert (command.snapshot_identifier, command.run, command.correlation_id) == (snapshot, RUN, "dump@1")


def test_an_event_of_the_instance_means_its_latest_snapshot_of_ours(rds: Any) -> None:
    [body] = bodies("snapshot_to_s3", "sns_instance_backed_up")
    instance = "dataplatform-stg-liberator-to-rds-snapshot"
    for identifier, hour, ours in [("sql-old", 1, True), ("sql-new", 3, True), ("by-hand", 5, False)]:
        rds.add_snapshot(identifier, RUN, ours=ours)
        created = rds.snapshots[identifier]["SnapshotCreateTime"].replace(hour=hour)
        rds.snapshots[identifier] |= {"DBInstanceIdentifier": instance, "SnapshotCreateTime": created}
    command = to_command(body, rds, instance)
    assert command
    assert command.snapshot_identifier == "sql-new"
    assert to_command(body, rds, "another instance") is None
    rds.snapshots.clear()
    assert to_command(body, rds, instance) is None


@pytest.mark.parametrize(
    "case",
    ["sns_subscription_notice", "sns_subscription_notice_as_json", "sns_snapshot_deleted", "sns_automated_snapshot_created"],
)
def test_what_is_not_ours_is_ignored(rds: Any, case: str) -> None:
    [body] = bodies("snapshot_to_s3", case)
    assert to_command(body, rds, "liberator") is None


def test_an_event_of_our_snapshot_that_is_gone_reaches_a_person(rds: Any) -> None:
    rds.snapshots.clear()
    [body] = bodies("snapshot_to_s3", "sns_snapshot_created")
    with pytest.raises(NotFound, match=NEW):
        to_command(body, rds, "liberator")


def test_a_late_event_of_an_exported_snapshot_that_is_gone_is_ignored(rds: Any) -> None:
    [body] = bodies("snapshot_to_s3", "sns_snapshot_created")
    rds.add_task("another", SourceArn=ARN + NEW)
    with pytest.raises(NotFound, match=NEW):
        to_command(body, rds, "liberator")
    rds.add_task(NEW)
    assert to_command(body, rds, "liberator") is None
