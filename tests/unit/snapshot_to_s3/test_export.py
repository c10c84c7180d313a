from datetime import date
from typing import Any

import pytest

from ingestion.errors import AccessDenied, NotFound, NotYet
from ingestion.inbox import unwrap
from ingestion.messages import Run
from liberator.errors import ExportUnusable, SnapshotUnusable
from liberator.messages import CopyExport, ExportSnapshot
from liberator.rds_events import RdsEvent, event_in
from s3_to_s3_copier import inbox as copier_inbox
from snapshot_to_s3.export import ExportTarget, export_snapshot
from snapshot_to_s3.inbox import to_command
from tests.contract.test_events import CREATING, NEW, bodies
from tests.fakes import ARN, FakeRds

NAME = "sql-to-parquet-2021-06-04-101530"
RUN = Run(import_date=date(2021, 6, 4), backdated=False, origin="s3://data/parking/liberator_dump_210604.zip")
COMMAND = ExportSnapshot(run=RUN, correlation_id="dump@1", snapshot_identifier=NAME)
TARGET = ExportTarget("liberator", "exports", "arn:role", "arn:key", "liberator")


def export(rds: Any, command: ExportSnapshot = COMMAND) -> CopyExport | None:
    return export_snapshot(command, rds, TARGET)


@pytest.fixture
def rds() -> FakeRds:
    fake = FakeRds()
    fake.add_snapshot(NAME, RUN)
    return fake


def test_starts_the_export_of_an_available_snapshot_and_asks_for_its_copy(rds: FakeRds) -> None:
    copy = export(rds)
    assert copy
    assert (copy.export_task_identifier, copy.run, copy.correlation_id) == (NAME, RUN, "dump@1")
    assert rds.started == [
        {
            "ExportTaskIdentifier": NAME,
            "SourceArn": ARN + NAME,
            "S3BucketName": "exports",
            "IamRoleArn": "arn:role",
            "KmsKeyId": "arn:key",
            "ExportOnly": ["liberator"],
        }
    ]


def test_the_run_is_what_the_tags_say_not_what_the_message_says(rds: FakeRds) -> None:
    wrong = Run(import_date=date(1999, 1, 1), backdated=True)
    copy = export(rds, COMMAND.model_copy(update={"run": wrong}))
    assert copy
    assert copy.run == RUN


def test_adopts_the_task_that_an_earlier_try_started(rds: FakeRds) -> None:
    export(rds)
    again = export(rds)
    assert again
    assert again.export_task_identifier == NAME
    assert len(rds.started) == 1


def test_does_not_adopt_a_task_of_that_name_for_another_snapshot(rds: FakeRds) -> None:
    rds.tasks[NAME] = {"SourceArn": "arn:other", "Status": "COMPLETE"}
    with pytest.raises(ExportUnusable, match=r"arn:other"):
        export(rds)


@pytest.mark.parametrize("status", ["creating", "copying", "a status of next year"])
def test_waits_while_the_snapshot_is_not_there_yet(rds: FakeRds, status: str) -> None:
    rds.snapshots[NAME]["Status"] = status
    with pytest.raises(NotYet, match=status):
        export(rds)
    assert not rds.started


@pytest.mark.parametrize("status", ["failed", "deleting"])
def test_ends_when_the_snapshot_never_will_be(rds: FakeRds, status: str) -> None:
    rds.snapshots[NAME]["Status"] = status
    with pytest.raises(SnapshotUnusable, match=status):
        export(rds)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ExportTaskLimitReachedFault", NotYet),
        ("InvalidExportSourceState", NotYet),
        ("Throttling", NotYet),
        ("IamRoleMissingPermissions", AccessDenied),
        ("KMSKeyNotAccessibleFault", AccessDenied),
        ("IamRoleNotFound", NotFound),
        ("InvalidS3BucketFault", ExportUnusable),
        ("InvalidExportOnly", ExportUnusable),
        ("InvalidParameterValue", ExportUnusable),
    ],
)
def test_each_refusal_of_rds_has_its_outcome(rds: FakeRds, code: str, error: type[Exception]) -> None:
    rds.refuse["start_export_task"] = code
    with pytest.raises(error):
        export(rds)


def test_a_snapshot_that_does_not_exist_ends_the_run(rds: FakeRds) -> None:
    with pytest.raises(NotFound, match="gone"):
        export(rds, COMMAND.model_copy(update={"snapshot_identifier": "gone"}))


def test_a_snapshot_that_is_gone_after_its_export_began_is_copied(rds: FakeRds) -> None:
    first = export(rds)
    rds.snapshots.clear()
    again = export(rds)
    assert first
    assert again
    assert again == first
    assert len(rds.started) == 1


def test_never_exports_a_snapshot_that_is_not_ours_and_says_so(rds: FakeRds) -> None:
    rds.add_snapshot(NAME, RUN, ours=False)
    with pytest.raises(SnapshotUnusable, match="not exported"):
        export(rds)
    rds.add_snapshot(NAME, RUN)
    rds.snapshots[NAME]["SnapshotType"] = "awsbackup"
    with pytest.raises(SnapshotUnusable, match="not exported"):
        export(rds)
    rds.add_snapshot(NAME, RUN)
    rds.snapshots[NAME]["DBInstanceIdentifier"] = "another stack's"
    with pytest.raises(SnapshotUnusable, match="not exported"):
        export(rds)
    assert not rds.started


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


@pytest.mark.parametrize(
    ("to_command", "function", "case"),
    [
        (to_command, "snapshot_to_s3", "sns_snapshot_created"),
        (copier_inbox.to_command, "s3_to_s3_copier", "eventbridge_export_completed"),
    ],
)
def test_a_late_event_of_an_exported_snapshot_that_is_gone_is_ignored(to_command: Any, function: str, case: str) -> None:
    [body] = bodies(function, case)
    event = event_in(unwrap(body))
    assert isinstance(event, RdsEvent)
    gone = event.source_identifier
    rds = FakeRds()
    with pytest.raises(NotFound, match=gone):
        to_command(body, rds, "liberator")
    rds.add_task("another", SourceArn=ARN + gone)
    with pytest.raises(NotFound, match=gone):
        to_command(body, rds, "liberator")
    rds.add_task(gone)
    assert to_command(body, rds, "liberator") is None
