"""Snapshots and export tasks as RDS keeps them: their states, the limits, what is refused, and the events that follow.

Nothing here waits, reads a table or writes an object. A driver tells the time, does that work, and says how it ended. There
are two: the local run with its threads, a database and Parquet files (standin.py), and the simulation with its agenda.

Like AWS: the states and their order, the error codes, the limit of five exports, the events. Where AWS says nothing, a
guess: an export whose snapshot is deleted meanwhile fails, and a second export of a snapshot while one runs is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from liberator.exports import ENDED, ExportStatus
from liberator.instances import SNAPSHOT_CAN_BE_TAKEN
from liberator.rds_events import RdsEventId
from liberator.snapshots import SnapshotStatus
from local.emulator.rds.events import RdsEvent, event_of

MAX_ACTIVE_EXPORTS = 5  # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
MAX_IDENTIFIER = 60
STARTING = 0.1  # the part of its time that an export is STARTING; ours
_IDENTIFIER = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9])*")
# By whether the snapshot is automated. https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
_CREATING = {False: RdsEventId.SNAPSHOT_CREATING, True: "RDS-EVENT-0090"}
_CREATED = {False: RdsEventId.SNAPSHOT_CREATED, True: "RDS-EVENT-0091"}
_EXPORT_ENDED = {
    ExportStatus.COMPLETE: RdsEventId.EXPORT_COMPLETED,
    ExportStatus.FAILED: RdsEventId.EXPORT_FAILED,
    ExportStatus.CANCELED: RdsEventId.EXPORT_CANCELED,
}


class Refused(Exception):
    """RDS's answer to a call that it doesn't carry out: the error's code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


@dataclass(eq=False, kw_only=True)
class Snapshot:
    """It is ready `takes` seconds after it was created, at the earliest. `gone` is true once it is deleted."""

    identifier: str
    arn: str
    instance: str
    kind: str = "manual"
    tags: list[dict[str, str]]
    created_at: datetime
    takes: float = 0.0
    status: SnapshotStatus = SnapshotStatus.CREATING
    gone: bool = False

    @property
    def ready_at(self) -> datetime:
        return self.created_at + timedelta(seconds=self.takes)

    def percent(self, now: datetime) -> int:
        return 100 if self.status is SnapshotStatus.AVAILABLE else _percent(now - self.created_at, self.takes)

    def event(self, event_id: str, now: datetime) -> RdsEvent:
        return event_of(event_id, self.identifier, self.arn, now, self.tags)


@dataclass(eq=False, kw_only=True)
class ExportTask:
    """The request to StartExportTask, and how far it has come. It ends `takes` seconds later, at the earliest."""

    identifier: str
    snapshot: Snapshot
    s3_bucket: str
    s3_prefix: str = ""
    iam_role_arn: str
    kms_key_id: str
    export_only: Sequence[str] = ()
    asked_at: datetime
    takes: float = 0.0
    status: ExportStatus = ExportStatus.STARTING
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exported_bytes: int = 0
    failure_cause: str | None = None
    warning_message: str | None = None

    @property
    def active(self) -> bool:
        return self.status not in ENDED

    @property
    def starts_at(self) -> datetime:
        return self.asked_at + timedelta(seconds=self.takes * STARTING)

    @property
    def ready_at(self) -> datetime:
        return self.asked_at + timedelta(seconds=self.takes)

    def percent(self, now: datetime) -> int:
        if self.status is ExportStatus.COMPLETE:
            return 100
        return _percent((self.ended_at or now) - self.asked_at, self.takes) if self.started_at else 0

    def described(self, now: datetime) -> dict[str, Any]:
        """The `ExportTask` of the API; AWS leaves out what is not known yet."""
        shape = {
            "ExportTaskIdentifier": self.identifier,
            "SourceArn": self.snapshot.arn,
            "SourceType": "SNAPSHOT",
            "ExportOnly": list(self.export_only) or None,
            "SnapshotTime": self.snapshot.created_at,
            "TaskStartTime": self.started_at,
            "TaskEndTime": self.ended_at,
            "S3Bucket": self.s3_bucket,
            "S3Prefix": self.s3_prefix,
            "IamRoleArn": self.iam_role_arn,
            "KmsKeyId": self.kms_key_id,
            "Status": self.status.value,
            "PercentProgress": self.percent(now),
            "TotalExtractedDataInGB": self.exported_bytes // 1024**3,
            "FailureCause": self.failure_cause,
            "WarningMessage": self.warning_message,
        }
        return {name: value for name, value in shape.items() if value is not None}


@dataclass
class RdsStates[S: Snapshot, T: ExportTask]:
    """All snapshots and export tasks of an account. A driver's own may have more fields.

    The driver delivers the events that are returned. A call that RDS doesn't carry out raises Refused. Nothing is locked.
    """

    now: Callable[[], datetime]
    snapshots: dict[str, S] = field(default_factory=dict)
    tasks: dict[str, T] = field(default_factory=dict)

    # snapshots

    def create_snapshot(self, identifier: str, instance_status: str, make: Callable[[], S]) -> RdsEvent:
        """Add the snapshot that `make` makes, if the instance is in a state for it. Then the instance is backing up."""
        if identifier in self.snapshots:
            raise Refused("DBSnapshotAlreadyExists", f"There is a snapshot {identifier} already.")
        if instance_status not in SNAPSHOT_CAN_BE_TAKEN:
            raise Refused("InvalidDBInstanceState", f"The instance is {instance_status}.")
        snapshot = self.snapshots[identifier] = make()
        return snapshot.event(_CREATING[snapshot.kind == "automated"], self.now())

    def snapshot_ended(self, snapshot: S, status: SnapshotStatus) -> RdsEvent | None:
        """Available or failed; of a failure RDS says nothing."""
        snapshot.status = status
        if status is SnapshotStatus.FAILED:
            return None
        return snapshot.event(_CREATED[snapshot.kind == "automated"], self.now())

    def snapshot(self, identifier: str) -> S:
        if identifier not in self.snapshots:
            raise Refused("DBSnapshotNotFound", f"There is no snapshot {identifier}.")
        return self.snapshots[identifier]

    def delete_snapshot(self, identifier: str) -> tuple[S, RdsEvent]:
        """Any but one that is being created: also one that is being exported."""
        snapshot = self.snapshot(identifier)
        if snapshot.status is SnapshotStatus.CREATING:
            raise Refused("InvalidDBSnapshotState", f"The snapshot {identifier} is {snapshot.status}.")
        snapshot.gone = True
        del self.snapshots[identifier]
        return snapshot, snapshot.event(RdsEventId.SNAPSHOT_DELETED, self.now())

    # exports

    def start_export(self, identifier: str, snapshot: str, make: Callable[[S], T], *, others: int = 0) -> T:
        """Add the task that `make` makes of the snapshot. `others` are exports of the account beside these."""
        if len(identifier) > MAX_IDENTIFIER or not _IDENTIFIER.fullmatch(identifier):
            raise Refused(
                "InvalidParameterValue",
                f"The parameter ExportTaskIdentifier is not a valid identifier: {identifier}. Identifiers must begin with a "
                "letter; must contain only ASCII letters, digits, and hyphens; must not end with a hyphen or contain two "
                f"consecutive hyphens; and have at most {MAX_IDENTIFIER} characters.",
            )
        if identifier in self.tasks:
            raise Refused("ExportTaskAlreadyExists", f"An export task {identifier} already exists.")
        source, running = self.snapshot(snapshot), [task for task in self.tasks.values() if task.active]
        if source.status is not SnapshotStatus.AVAILABLE:
            raise Refused("InvalidExportSourceState", f"The snapshot {snapshot} is {source.status}.")
        if any(task.snapshot is source for task in running):
            raise Refused("InvalidExportSourceState", f"The snapshot {snapshot} is being exported.")
        if len(running) + others >= MAX_ACTIVE_EXPORTS:
            raise Refused("ExportTaskLimitReachedFault", f"{len(running) + others} export tasks are running, the limit.")
        task = self.tasks[identifier] = make(source)
        return task

    def export_started(self, task: T) -> None:
        """In progress, unless it has been cancelled."""
        if task.status is ExportStatus.STARTING:
            task.status, task.started_at = ExportStatus.IN_PROGRESS, self.now()

    def export_ended(self, task: T, status: ExportStatus) -> RdsEvent:
        """As its driver says; failed, where it is complete but the snapshot has gone meanwhile."""
        if status is ExportStatus.COMPLETE and task.snapshot.gone:
            status, task.failure_cause = ExportStatus.FAILED, f"The snapshot {task.snapshot.identifier} is gone."
        task.status, task.ended_at = status, task.ended_at or self.now()
        return task.snapshot.event(_EXPORT_ENDED[status], self.now())

    def task(self, identifier: str) -> T:
        if identifier not in self.tasks:
            raise Refused("ExportTaskNotFound", f"There is no export task {identifier}.")
        return self.tasks[identifier]

    def cancel_export(self, identifier: str) -> T:
        task = self.task(identifier)
        if task.status not in {ExportStatus.STARTING, ExportStatus.IN_PROGRESS}:
            raise Refused("InvalidExportTaskStateFault", f"Export task {identifier} is {task.status}.")
        task.status = ExportStatus.CANCELING
        return task


def _percent(passed: timedelta, takes: float) -> int:
    """Return the progress of something that takes so many seconds. At 99 it waits for its end."""
    return min(99, int(100 * passed.total_seconds() / takes)) if takes else 99
