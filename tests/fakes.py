"""Fakes of AWS, for states that are hard to bring about with moto."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import batched, chain, count
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from ingestion.messages import Run
from liberator import naming, snapshots
from liberator.exports import ExportStatus
from liberator.snapshots import SnapshotStatus
from s3_to_s3_copier.workflow import RunStatus

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

    def add_snapshot(self, identifier: str, run: Run, *, status: str = SnapshotStatus.AVAILABLE, ours: bool = True) -> None:
        counts = naming.row_counts_uri(run.origin, identifier) if run.origin else ""
        self.snapshots[identifier] = {
            "DBSnapshotIdentifier": identifier,
            "DBSnapshotArn": ARN + identifier,
            "DBInstanceIdentifier": "liberator",
            "SnapshotType": "manual",
            "Status": status,
            "SnapshotCreateTime": SNAPSHOT_TIME,
            "TagList": snapshots.tags_of(run, correlation_id="dump@1", row_counts_uri=counts) if ours else [],
        }

    def add_task(
        self, identifier: str, *, status: str = ExportStatus.COMPLETE, at: datetime = SNAPSHOT_TIME, **more: Any
    ) -> None:
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
        self.add_task(request["ExportTaskIdentifier"], status=ExportStatus.STARTING)
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
class FakeClock:
    """A clock that stands still but for sleeping."""

    time: datetime = SNAPSHOT_TIME
    slept: float = 0.0

    def now(self) -> datetime:
        return self.time + timedelta(seconds=self.slept)

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


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


@dataclass
class Stored:
    """One version of an object."""

    body: bytes
    version: str
    modified: datetime
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.body).hexdigest()}"'  # noqa: S324  as S3 makes it

    def described(self) -> dict[str, Any]:
        return {"ETag": self.etag, "ContentLength": len(self.body), "LastModified": self.modified, "Metadata": self.metadata}


class FakeS3:
    """S3 with versions and conditional writes, as far as the functions use it. Its clock is a test's: `now`.

    A test may put a function into `before` (operation → function of the request's parameters): it is called first, and may
    raise, or do what somebody else does at that moment. `calls` are the operations that were asked for, in order.
    """

    def __init__(self) -> None:
        self.now = SNAPSHOT_TIME
        self.buckets: dict[str, dict[str, list[Stored]]] = {}
        self.before: dict[str, Callable[[dict[str, Any]], object]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.meta = SimpleNamespace(events=self)
        self.handlers: list[tuple[str, Callable[..., object]]] = []
        self._versions = count(1)

    def create_bucket(self, *, Bucket: str, **_: Any) -> None:  # noqa: N803
        self.buckets[Bucket] = {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **more: Any) -> dict[str, Any]:  # noqa: N803
        self._called("put_object", Bucket=Bucket, Key=Key)
        stored = self._write(Bucket, Key, Body, more.get("Metadata", {}), more)
        return {"ETag": stored.etag, "VersionId": stored.version}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self._called("get_object", Bucket=Bucket, Key=Key)
        stored = self._version(Bucket, Key, None)
        if stored is None:
            raise client_error("NoSuchKey", "GetObject")
        return stored.described() | {"Body": BytesIO(stored.body)}

    def head_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:  # noqa: N803
        self._called("head_object", Bucket=Bucket, Key=Key)
        stored = self._version(Bucket, Key, VersionId)
        if stored is None:
            raise client_error("404", "HeadObject")
        return stored.described()

    def copy_object(self, *, CopySource: dict[str, str], Bucket: str, Key: str, **more: Any) -> dict[str, Any]:  # noqa: N803
        self._called("copy_object", Bucket=Bucket, Key=Key, **more)
        source = self._version(CopySource["Bucket"], CopySource["Key"], CopySource.get("VersionId"))
        if source is None:
            raise client_error("NoSuchKey", "CopyObject")
        if more.get("CopySourceIfMatch", source.etag) != source.etag:
            raise client_error("PreconditionFailed", "CopyObject")
        self._write(Bucket, Key, source.body, more.get("Metadata", source.metadata), more)
        return {}

    def copy(self, source: dict[str, str], bucket: str, key: str, *, ExtraArgs: dict[str, Any], Config: Any) -> None:  # noqa: N803
        """boto3's managed copy, which lets others add parameters to its requests."""
        parameters = dict(ExtraArgs)
        for name, handler in self.handlers:
            if name == "provide-client-params.s3.CopyObject":
                handler(params=parameters)
        self.copy_object(CopySource=source, Bucket=bucket, Key=key, **parameters)

    def register(self, name: str, handler: Callable[..., object]) -> None:
        self.handlers.append((name, handler))

    def unregister(self, name: str, handler: Callable[..., object]) -> None:
        self.handlers.remove((name, handler))

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        self._called("delete_objects", Bucket=Bucket, Keys=[it["Key"] for it in Delete["Objects"]])
        for deleted in Delete["Objects"]:
            self.buckets[Bucket].pop(deleted["Key"], None)
        return {}

    def get_paginator(self, operation: str) -> SimpleNamespace:
        assert operation == "list_objects_v2"
        return SimpleNamespace(paginate=self._pages)

    def keys(self, bucket: str) -> dict[str, bytes]:
        return {key: versions[-1].body for key, versions in sorted(self.buckets[bucket].items())}

    def _pages(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        self._called("list_objects_v2", Bucket=Bucket, Prefix=Prefix)
        latest = {key: versions[-1] for key, versions in sorted(self.buckets[Bucket].items()) if key.startswith(Prefix)}
        found = [{"Key": key, "Size": len(it.body), "LastModified": it.modified} for key, it in latest.items()]
        yield from ({"Contents": page} for page in batched(found, 1000, strict=False))

    def _called(self, operation: str, **parameters: Any) -> None:
        self.calls.append((operation, parameters))
        if before := self.before.get(operation):
            before(parameters)

    def _version(self, bucket: str, key: str, version: str | None) -> Stored | None:
        versions = self.buckets[bucket].get(key, [])
        return next((it for it in reversed(versions) if version in (None, it.version)), None)

    def _write(self, bucket: str, key: str, body: bytes, metadata: dict[str, str], conditions: dict[str, Any]) -> Stored:
        there = self._version(bucket, key, None)
        if conditions.get("IfNoneMatch") and there:
            raise client_error("PreconditionFailed")
        if expected := conditions.get("IfMatch"):
            if there is None:
                raise client_error("NoSuchKey")
            if there.etag != expected:
                raise client_error("PreconditionFailed")
        stored = Stored(body, f"v{next(self._versions)}", self.now, metadata)
        self.buckets[bucket].setdefault(key, []).append(stored)
        return stored


class InTurn(Executor):
    """Threads that are none: what is submitted is done at once."""

    def submit(self, do: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(do(*args, **more))
        except Exception as error:  # noqa: BLE001  raised again by result()
            future.set_exception(error)
        return future


class FakeGlue:
    """Workflows by name, each with its runs, a page of them at a time. A run goes on until a test sets another `Status`.

    A test may put a function of no arguments into `before` or `after` (operation → function), which may raise.
    """

    def __init__(self, page: int = 100) -> None:
        self.page = page
        self.workflows: dict[str, list[dict[str, Any]]] = {}
        self.before: dict[str, Callable[[], object]] = {}
        self.after: dict[str, Callable[[], object]] = {}

    def create_workflow(self, *, Name: str) -> None:  # noqa: N803
        self.workflows[Name] = []

    def get_workflow_runs(self, *, Name: str, NextToken: str = "0") -> dict[str, Any]:  # noqa: N803
        runs, following = self._runs(Name), int(NextToken) + self.page
        more = {"NextToken": str(following)} if following < len(runs) else {}
        return {"Runs": runs[int(NextToken) : following]} | more

    def start_workflow_run(self, *, Name: str, RunProperties: dict[str, str]) -> dict[str, str]:  # noqa: N803
        self.before.get("start_workflow_run", lambda: None)()
        runs = self._runs(Name)
        runs.append({"WorkflowRunId": f"r{len(runs)}", "Status": RunStatus.RUNNING, "WorkflowRunProperties": RunProperties})
        self.after.get("start_workflow_run", lambda: None)()
        return {"RunId": runs[-1]["WorkflowRunId"]}

    def set_status(self, status: str) -> None:
        for run in chain(*self.workflows.values()):
            run["Status"] = status

    def _runs(self, name: str) -> list[dict[str, Any]]:
        if name not in self.workflows:
            raise client_error("EntityNotFoundException", "GetWorkflowRuns")
        return self.workflows[name]


class FakeSession:
    """A session of boto3 whose clients a test has made."""

    def __init__(self, **clients: Any) -> None:
        self.clients = clients

    def client(self, service: str, **_: Any) -> Any:
        return self.clients[service]


# The settings of every function that waits.
POLLING = {
    "QUEUE_URL": "queue",
    "DEAD_LETTER_QUEUE_URL": "dlq",
    "ALERTS_TOPIC_ARN": "alerts",
    "POLL_DELAY_SECONDS": 7,
    "MAX_WAIT_HOURS": 12,
}


@dataclass
class FakeQueues:
    """SQS and SNS of one function: all that they were asked for, in order. `refuse` are operations that fail."""

    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refuse: set[str] = field(default_factory=set)

    def send_message(self, **request: Any) -> None:
        self._do("send_message", request)

    def change_message_visibility(self, **request: Any) -> None:
        self._do("change_message_visibility", request)

    def publish(self, **request: Any) -> None:
        self._do("publish", request)

    def of(self, operation: str) -> list[dict[str, Any]]:
        return [request for name, request in self.sent if name == operation]

    def _do(self, operation: str, request: dict[str, Any]) -> None:
        if operation in self.refuse:
            raise client_error("InternalError", operation)
        self.sent.append((operation, request))
