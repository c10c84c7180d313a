"""What tests put in the place of AWS where a state is hard to bring about with moto."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ingestion import naming, snapshots
from ingestion.messages import Run

SNAPSHOT_TIME = datetime(2021, 6, 4, 10, 15, 30, tzinfo=UTC)
ARN = "arn:aws:rds:eu-west-2:123456789012:snapshot:"


def client_error(code: str, operation: str = "Operation") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"{code} happened"}}, operation)


@dataclass
class FakeRds:
    """RDS's answers for snapshots and export tasks; a test sets `snapshots`, `tasks` and `refuse` (operation → code)."""

    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    refuse: dict[str, str] = field(default_factory=dict)
    started: list[dict[str, Any]] = field(default_factory=list)

    def add_snapshot(self, identifier: str, run: Run, *, status: str = "available", ours: bool = True) -> None:
        counts = naming.row_counts_uri(run.dump, identifier) if run.dump else ""
        self.snapshots[identifier] = {
            "DBSnapshotIdentifier": identifier,
            "DBSnapshotArn": ARN + identifier,
            "DBInstanceIdentifier": "liberator",
            "SnapshotType": "manual",
            "Status": status,
            "SnapshotCreateTime": SNAPSHOT_TIME,
            "TagList": snapshots.tags_of(run, correlation_id="dump@1", row_counts_uri=counts) if ours else [],
        }

    def add_task(self, identifier: str, *, status: str = "COMPLETE", at: datetime = SNAPSHOT_TIME, **more: Any) -> None:
        self.tasks[identifier] = {
            "ExportTaskIdentifier": identifier,
            "SourceArn": ARN + identifier,
            "Status": status,
            "SnapshotTime": at,
        } | more

    def describe_db_snapshots(self, *, DBSnapshotIdentifier: str) -> dict[str, Any]:  # noqa: N803
        self._maybe_refuse("describe_db_snapshots")
        if DBSnapshotIdentifier not in self.snapshots:
            raise client_error("DBSnapshotNotFound")
        return {"DBSnapshots": [self.snapshots[DBSnapshotIdentifier]]}

    def describe_export_tasks(self, *, ExportTaskIdentifier: str) -> dict[str, Any]:  # noqa: N803
        self._maybe_refuse("describe_export_tasks")
        if ExportTaskIdentifier not in self.tasks:
            raise client_error("ExportTaskNotFound")
        return {"ExportTasks": [self.tasks[ExportTaskIdentifier]]}

    def start_export_task(self, **request: Any) -> dict[str, Any]:
        self._maybe_refuse("start_export_task")
        if request["ExportTaskIdentifier"] in self.tasks:
            raise client_error("ExportTaskAlreadyExists")
        self.started.append(request)
        self.add_task(request["ExportTaskIdentifier"], status="STARTING")
        return {}

    def get_paginator(self, operation: str) -> FakeRds:
        assert operation == "describe_db_snapshots"
        return self

    def paginate(self, *, DBInstanceIdentifier: str, SnapshotType: str) -> list[dict[str, Any]]:  # noqa: N803
        found = [s for s in self.snapshots.values() if s["DBInstanceIdentifier"] == DBInstanceIdentifier]
        return [{"DBSnapshots": [s]} for s in found if s["SnapshotType"] == SnapshotType]

    def _maybe_refuse(self, operation: str) -> None:
        if code := self.refuse.get(operation):
            raise client_error(code)


@dataclass
class FakeContext:
    """A Lambda context with some `seconds` left: by default less than the copier keeps in reserve."""

    seconds: int = 60
    function_name: str = "function"
    memory_limit_in_mb: int = 128
    invoked_function_arn: str = "arn:aws:lambda:eu-west-2:123456789012:function:function"
    aws_request_id: str = "request"

    def get_remaining_time_in_millis(self) -> int:
        return self.seconds * 1000
