from datetime import date
from typing import Any

import pytest

from ingestion.errors import AccessDenied, NotFound, NotYet
from ingestion.messages import Run
from liberator.errors import ExportUnusable, SnapshotUnusable
from liberator.messages import CopyExport, ExportSnapshot
from snapshot_to_s3.export import ExportTarget, export_snapshot
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
