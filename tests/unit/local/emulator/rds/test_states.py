from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from liberator.exports import ExportStatus
from liberator.snapshots import SnapshotStatus
from local.emulator.rds.events import RdsEvent
from local.emulator.rds.states import ExportTask, RdsStates, Refused, Snapshot


@dataclass
class Account:
    """RDS at a time that the test sets."""

    now: datetime = datetime(2021, 6, 4, 10, 15, 30, tzinfo=UTC)
    states: RdsStates[Snapshot, ExportTask] = field(init=False)

    def __post_init__(self) -> None:
        self.states = RdsStates(now=lambda: self.now)

    def create(self, name: str, *, kind: str = "manual", status: str = "available") -> RdsEvent:
        return self.states.create_snapshot(
            name,
            status,
            lambda: Snapshot(
                identifier=name,
                arn=f"arn:aws:rds:eu-west-2:1:snapshot:{name}",
                instance="i",
                kind=kind,
                tags=[],
                created_at=self.now,
                takes=60,
            ),
        )

    def available(self, name: str) -> Snapshot:
        self.create(name)
        snapshot = self.states.snapshot(name)
        self.states.snapshot_ended(snapshot, SnapshotStatus.AVAILABLE)
        return snapshot

    def export(self, name: str, snapshot: str | None = None, *, others: int = 0) -> ExportTask:
        return self.states.start_export(
            name,
            snapshot or name,
            lambda source: ExportTask(
                identifier=name,
                snapshot=source,
                s3_bucket="bucket",
                iam_role_arn="role",
                kms_key_id="key",
                asked_at=self.now,
                takes=600,
            ),
            others=others,
        )


@pytest.fixture
def rds() -> Account:
    return Account()


def test_a_snapshot_is_created_and_says_so(rds: Account) -> None:
    assert rds.create("one").event_id == "RDS-EVENT-0040"
    snapshot = rds.states.snapshot("one")
    assert (snapshot.status, snapshot.ready_at - rds.now) == ("creating", timedelta(minutes=1))
    rds.now += timedelta(seconds=30)
    assert snapshot.percent(rds.now) == 50
    rds.now += timedelta(seconds=300)
    assert snapshot.percent(rds.now) == 99
    event = rds.states.snapshot_ended(snapshot, SnapshotStatus.AVAILABLE)
    assert event
    assert event.event_id == "RDS-EVENT-0042"
    assert (snapshot.status, snapshot.percent(rds.now)) == ("available", 100)


def test_of_an_automated_snapshot_the_events_are_others(rds: Account) -> None:
    assert rds.create("rds:night", kind="automated").event_id == "RDS-EVENT-0090"
    event = rds.states.snapshot_ended(rds.states.snapshot("rds:night"), SnapshotStatus.AVAILABLE)
    assert event
    assert event.event_id == "RDS-EVENT-0091"


def test_of_a_snapshot_that_failed_rds_says_nothing(rds: Account) -> None:
    rds.create("one")
    assert rds.states.snapshot_ended(rds.states.snapshot("one"), SnapshotStatus.FAILED) is None


def test_an_export_goes_through_its_states(rds: Account) -> None:
    rds.available("one")
    task = rds.export("one")
    assert (task.status, task.starts_at - rds.now, task.ready_at - rds.now) == (
        "STARTING",
        timedelta(minutes=1),
        timedelta(minutes=10),
    )
    rds.now = task.starts_at
    rds.states.export_started(task)
    assert (task.status, task.percent(rds.now)) == ("IN_PROGRESS", 10)
    assert "TaskEndTime" not in task.described(rds.now)
    rds.now = task.ready_at
    assert rds.states.export_ended(task, ExportStatus.COMPLETE).event_id == "RDS-EVENT-0161"
    described = task.described(rds.now + timedelta(hours=1))
    assert (described["Status"], described["PercentProgress"], described["TaskEndTime"]) == ("COMPLETE", 100, rds.now)


def test_a_cancelled_export_does_not_start_any_more(rds: Account) -> None:
    rds.available("one")
    task = rds.export("one")
    rds.states.cancel_export("one")
    rds.states.export_started(task)
    assert (task.status, task.active) == ("CANCELING", True)
    assert rds.states.export_ended(task, ExportStatus.CANCELED).event_id == "RDS-EVENT-0160"
    assert not task.active


def test_an_export_whose_snapshot_has_gone_is_never_complete(rds: Account) -> None:
    rds.available("one")
    task = rds.export("one")
    _, deleted = rds.states.delete_snapshot("one")
    assert deleted.event_id == "RDS-EVENT-0041"
    assert rds.states.export_ended(task, ExportStatus.COMPLETE).event_id == "RDS-EVENT-0159"
    assert task.failure_cause == "The snapshot one is gone."


def test_five_exports_run_at_once_with_those_of_others(rds: Account) -> None:
    for name in ("one", "two", "three"):
        rds.available(name)
    first = rds.export("one")
    with pytest.raises(Refused, match="ExportTaskLimitReachedFault"):
        rds.export("two", others=4)
    rds.export("two", others=3)
    rds.states.export_ended(first, ExportStatus.FAILED)
    rds.export("three", others=3)


REFUSED: dict[str, Callable[[Account], object]] = {
    "DBSnapshotAlreadyExists": lambda rds: rds.create("one"),
    "InvalidDBInstanceState": lambda rds: rds.create("new", status="backing-up"),
    "InvalidDBSnapshotState": lambda rds: rds.states.delete_snapshot("creating"),
    "DBSnapshotNotFound": lambda rds: rds.export("new", "none"),
    "ExportTaskAlreadyExists": lambda rds: rds.export("running"),
    "InvalidExportSourceState: The snapshot creating is creating": lambda rds: rds.export("creating"),
    "InvalidExportSourceState: The snapshot running is being exported": lambda rds: rds.export("new", "running"),
    "InvalidExportTaskStateFault": lambda rds: rds.states.cancel_export("ended"),
    "ExportTaskNotFound": lambda rds: rds.states.cancel_export("none"),
}


@pytest.mark.parametrize("refusal", REFUSED)
def test_what_rds_refuses(rds: Account, refusal: str) -> None:
    for name in ("one", "running", "ended"):
        rds.available(name)
    rds.create("creating")
    rds.export("running")
    rds.states.export_ended(rds.export("ended"), ExportStatus.COMPLETE)
    with pytest.raises(Refused, match=refusal):
        REFUSED[refusal](rds)
    assert (set(rds.states.snapshots), set(rds.states.tasks)) == (
        {"one", "running", "ended", "creating"},
        {"running", "ended"},
    )


@pytest.mark.parametrize("identifier", ["a", "A1", "sql-to-parquet-2021-06-04-101530", "a" * 60])
def test_identifiers_that_rds_takes(rds: Account, identifier: str) -> None:
    rds.available("one")
    assert rds.export(identifier, "one").identifier == identifier


@pytest.mark.parametrize("identifier", ["", "1a", "-a", "a-", "a--b", "a_b", "é", "a" * 61, "a\n"])
def test_identifiers_that_rds_refuses(rds: Account, identifier: str) -> None:
    rds.available("one")
    with pytest.raises(Refused, match="InvalidParameterValue"):
        rds.export(identifier, "one")
