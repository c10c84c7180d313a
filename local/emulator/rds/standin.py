"""RdsStandIn: installed over moto's RDS backend, it carries out what the states say, with real tables and files."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from botocore.exceptions import ClientError
from moto.core.responses import ActionResult
from moto.rds.exceptions import RDSClientError
from moto.rds.models import DBInstance, RDSBackend, rds_backends
from moto.rds.responses import RDSResponse

from liberator.exports import ExportStatus
from liberator.instances import InstanceStatus
from liberator.snapshots import SnapshotStatus
from local.emulator.rds import layout
from local.emulator.rds.events import RdsEvent, event_of
from local.emulator.rds.frozen import ConsistentRead, FrozenTable, Stopped
from local.emulator.rds.states import ExportTask, RdsStates, Refused, Snapshot

if TYPE_CHECKING:
    from types import TracebackType

    from moto.rds.models import DBSnapshot
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client

    from local.emulator.database_server import DatabaseServer

MOTO_ACCOUNT = "123456789012"
MAX_RECORDS = 100
_TICK_SECONDS = 0.02

log = logging.getLogger(__name__)


@dataclass
class _Frozen:
    """The content of a snapshot: the folder of its Parquet files, and its databases and tables."""

    folder: Path
    databases: list[str]
    tables: list[FrozenTable]


@dataclass(eq=False, kw_only=True)
class _Snapshot(Snapshot):
    """`moto` is what the API describes. `frozen` is None of a snapshot that moto has made by itself: it holds no data."""

    moto: DBSnapshot
    frozen: _Frozen | None = None

    def event(self, event_id: str, now: datetime) -> RdsEvent:
        return event_of(event_id, self.identifier, self.arn, now, self.moto.tags)

    def show(self, now: datetime) -> None:
        """Has the API describe the present state."""
        self.moto.status = self.status
        # moto's model has no such attribute; its serialiser finds it.
        vars(self.moto)["percent_progress"] = self.percent(now)


class RdsStandIn:
    """Snapshots and exports of the one instance that `server` is; see the package's docstring for what it does.

    `publish` is called with each event from threads of the stand-in, outside any lock. `snapshot_seconds` and
    `export_seconds` are how long each takes at least; both take longer if the work does.

    Set for tests, each taken by the next operation that it names: `fail_next_snapshot`, `fail_next_export` and
    `warn_next_export` (the reason: of a conversion of strings, say, which leaves the data as it is), `cancel_next_export`,
    `refuse_next_export` (the error code of StartExportTask).
    While `hold_snapshots` or `hold_exports` is true, none comes to its end.
    """

    _installed: ClassVar[RdsStandIn | None] = None

    def __init__(
        self,
        server: DatabaseServer,
        s3: S3Client,
        publish: Callable[[RdsEvent], None],
        *,
        snapshot_seconds: float = 0.0,
        export_seconds: float = 0.0,
        part_rows: int = 5_000,
    ) -> None:
        self.server = server
        self.s3 = s3
        self.publish = publish
        self.snapshot_seconds = snapshot_seconds
        self.export_seconds = export_seconds
        self.part_rows = part_rows
        self.fail_next_snapshot: str | None = None
        self.fail_next_export: str | None = None
        self.warn_next_export: str | None = None
        self.refuse_next_export: str | None = None
        self.cancel_next_export = False
        self.hold_snapshots = False
        self.hold_exports = False
        self._states = RdsStates[_Snapshot, ExportTask](now=lambda: datetime.now(UTC))
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.install()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.uninstall()

    def install(self) -> None:
        """Replaces moto's own methods, in this process, until `uninstall`."""
        if RdsStandIn._installed is not None:
            raise RuntimeError("Another RdsStandIn is installed in this process: uninstall it first.")
        RdsStandIn._installed = self
        self._stopping.clear()
        self._folder = Path(tempfile.mkdtemp(prefix="rds-", dir=self.server.directory))  # which goes, even if we are killed
        for owner, name, value in self._replacements():
            self._stack.enter_context(_replaced(owner, name, value))

    def uninstall(self) -> None:
        """Gives up what is still running, waits for it, and puts moto's methods back. Safe to call twice."""
        if RdsStandIn._installed is not self:
            return
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._stack.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        RdsStandIn._installed = None

    def register_instance(self, rds: RDSClient, identifier: str, *, database: str | None = None) -> None:
        """Creates the instance in moto; its endpoint, like that of every other, is the MariaDB server."""
        named = {"DBName": database} if database else {}
        rds.create_db_instance(
            DBInstanceIdentifier=identifier,
            DBInstanceClass="db.t3.medium",
            Engine="mysql",
            EngineVersion="8.4.5",
            AllocatedStorage=20,
            MasterUsername=self.server.user,
            MasterUserPassword=self.server.password,
            Port=self.server.port,
            **named,  # type: ignore[arg-type]
        )

    def create_automated_snapshot(self, instance: str, identifier: str, *, region: str, account: str = MOTO_ACCOUNT) -> None:
        """Take a snapshot of type `automated`, as RDS does in its daily backup window. Its events have ids of their own."""
        backend = rds_backends[account][region]
        self._create_snapshot(
            backend, db_instance_identifier=instance, db_snapshot_identifier=identifier, snapshot_type="automated"
        )

    def set_instance_status(
        self, instance: str, status: InstanceStatus, *, region: str, account: str = MOTO_ACCOUNT
    ) -> None:
        """Puts an instance into a state that RDS alone brings about, as storage-optimization, when its storage has grown."""
        with self._lock:
            rds_backends[account][region].databases[instance].status = status

    def _replacements(self) -> Iterator[tuple[type, str, Any]]:
        create, delete = RDSBackend.create_db_snapshot, RDSBackend.delete_db_snapshot
        self._moto_create: Callable[..., DBSnapshot] = create
        self._moto_delete: Callable[..., DBSnapshot] = delete

        yield RDSBackend, "create_db_snapshot", _answered(self._create_snapshot)
        yield (
            RDSBackend,
            "create_auto_snapshot",
            lambda backend, instance, name: create(backend, instance, name, "automated"),
        )
        yield RDSBackend, "delete_db_snapshot", _answered(self._delete_snapshot)
        yield RDSBackend, "start_export_task", _answered(self._start_export)
        yield RDSBackend, "cancel_export_task", _answered(self._cancel_export)
        yield RDSResponse, "describe_export_tasks", _answered(self._describe_exports)
        yield RDSResponse, "describe_db_snapshots", _paginated(RDSResponse.describe_db_snapshots)
        yield DBInstance, "endpoint", property(lambda _instance: {"Address": self.server.host, "Port": self.server.port})

    @property
    def tasks(self) -> dict[str, ExportTask]:
        return self._states.tasks

    # snapshots

    def _create_snapshot(
        self, backend: RDSBackend, db_instance_identifier: str, db_snapshot_identifier: str, **kw: Any
    ) -> DBSnapshot:
        instance, identifier = db_instance_identifier, db_snapshot_identifier
        with self._lock:
            database = backend.databases.get(instance)
            if database is None:
                return self._moto_create(backend, instance, identifier, **kw)  # which raises
            before = database.status

            def make() -> _Snapshot:
                return self._held(self._moto_create(backend, instance, identifier, **kw), SnapshotStatus.CREATING)

            created = self._states.create_snapshot(identifier, before, make)
            snapshot = self._states.snapshot(identifier)
            database.status = InstanceStatus.BACKING_UP
            reason, self.fail_next_snapshot = self.fail_next_snapshot, None

        def ended(status: SnapshotStatus) -> RdsEvent | None:
            with self._lock:
                database.status = before
                event = self._states.snapshot_ended(snapshot, status)
                snapshot.show(self._states.now())
            return event

        try:
            read = ConsistentRead(self.server)
        except Exception as error:
            log.exception("Snapshot %s: no consistent read", identifier)
            read, reason = None, reason or str(error)
        self._run(f"snapshot {identifier}", self._take, snapshot, created, ended, read, reason)
        return snapshot.moto

    def _held(self, moto: DBSnapshot, status: SnapshotStatus) -> _Snapshot:
        snapshot = _Snapshot(
            identifier=moto.db_snapshot_identifier,
            arn=moto.arn,
            instance=moto.db_instance_identifier,
            kind=moto.snapshot_type,
            tags=moto.tags,
            created_at=_aware(moto.snapshot_create_time),
            takes=self.snapshot_seconds,
            status=status,
            moto=moto,
        )
        snapshot.show(self._states.now())
        return snapshot

    def _find(self, backend: RDSBackend, identifier: str) -> None:
        """Takes over a snapshot that moto has made by itself."""
        moto = backend.database_snapshots.get(identifier)
        if moto is not None and identifier not in self._states.snapshots:
            self._states.snapshots[identifier] = self._held(moto, SnapshotStatus.AVAILABLE)

    def _take(
        self,
        snapshot: _Snapshot,
        created: RdsEvent,
        ended: Callable[[SnapshotStatus], RdsEvent | None],
        read: ConsistentRead | None,
        reason: str | None,
    ) -> None:
        self._publish(created)
        try:
            if read is None or reason:
                raise _MadeToFailError(reason)
            folder = Path(tempfile.mkdtemp(dir=self._folder))
            read.copy_to(folder, part_rows=self.part_rows, stopping=self._stopping.is_set)
            read.close()
            while self._states.now() < snapshot.ready_at or self.hold_snapshots:
                snapshot.show(self._states.now())
                self._tick()
        except Stopped:
            return
        except Exception as error:
            if not isinstance(error, _MadeToFailError):
                log.exception("Snapshot %s failed", snapshot.identifier)
            ended(SnapshotStatus.FAILED)
            return
        finally:
            if read is not None:
                read.close()
        snapshot.frozen = _Frozen(folder, read.databases, read.tables)
        self._publish(ended(SnapshotStatus.AVAILABLE))

    def _delete_snapshot(self, backend: RDSBackend, identifier: str) -> DBSnapshot:
        with self._lock:
            self._find(backend, identifier)
            snapshot, event = self._states.delete_snapshot(identifier)
            self._moto_delete(backend, identifier)
            snapshot.moto.status = "deleted"
            if snapshot.frozen:
                shutil.rmtree(snapshot.frozen.folder, ignore_errors=True)
        self._run(f"deletion of {identifier}", self._publish, event)
        return snapshot.moto

    # exports

    def _start_export(self, backend: RDSBackend, params: Any) -> dict[str, Any]:
        identifier, source, bucket = params["export_task_identifier"], params["source_arn"], params["s3_bucket_name"]
        only = tuple(params.get("export_only") or ())
        self._check_bucket(bucket)

        def make(snapshot: _Snapshot) -> ExportTask:
            holds = snapshot.frozen or _Frozen(self._folder, [], [])
            layout.check_export_only(only, set(holds.databases), {t.full_name for t in holds.tables})
            return ExportTask(
                identifier=identifier,
                snapshot=snapshot,
                s3_bucket=bucket,
                s3_prefix=params.get("s3_prefix") or "",
                iam_role_arn=params["iam_role_arn"],
                kms_key_id=params["kms_key_id"],
                export_only=only,
                asked_at=self._states.now(),
                takes=self.export_seconds,
            )

        with self._lock:
            if code := self.refuse_next_export:
                self.refuse_next_export = None
                raise RDSClientError(code, f"Cannot start export task {identifier}: {code}.")
            name = source.rpartition(":snapshot:")[2]
            self._find(backend, name)
            task = self._states.start_export(identifier, name, make)
            frozen = self._states.snapshot(name).frozen
            reason, self.fail_next_export = self.fail_next_export, None
            warning, self.warn_next_export = self.warn_next_export, None
            cancelled, self.cancel_next_export = self.cancel_next_export, False
            described = task.described(self._states.now())
            if cancelled:
                self._states.cancel_export(identifier)
        chosen = layout.wanted(frozen.databases if frozen else [], frozen.tables if frozen else [], only)
        if frozen is None:
            reason = reason or f"The snapshot {source} holds no data."
        if only and (names := layout.not_in_part(t.name for t in chosen.tables)):
            reason = reason or f"Partial export isn't supported, as tables are called {', '.join(names)}."
        self._run(f"export {identifier}", self._export, task, chosen, reason, warning)
        return described

    def _check_bucket(self, bucket: str) -> None:
        try:
            self.s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            raise RDSClientError("InvalidS3BucketFault", f"The S3 bucket {bucket} doesn't exist.") from error

    def _export(self, task: ExportTask, of: layout.Wanted, reason: str | None, warning: str | None) -> None:
        try:
            while self._states.now() < task.starts_at and not _cancelled(task):
                self._tick()
            with self._lock:
                self._states.export_started(task)
            self._upload(task, of.tables, reason)
            while (self._states.now() < task.ready_at or self.hold_exports) and not _cancelled(task):
                self._tick()
            ended = self._complete(task, of, warning)
        except Stopped:
            return
        except Exception as error:
            if not isinstance(error, _MadeToFailError):
                log.exception("Export %s failed", task.identifier)
            task.failure_cause = str(error)
            ended = ExportStatus.FAILED
        with self._lock:
            event = self._states.export_ended(task, ended)
        self._publish(event)

    def _upload(self, task: ExportTask, tables: list[FrozenTable], reason: str | None) -> None:
        """Writes the data; of an export that is to fail only half of it, as of one that fails on AWS."""
        objects = [o for t in tables if not t.skipped_because for o in layout.data_objects(task, t)]
        for done, item in enumerate(objects):
            if self._stopping.is_set():
                raise Stopped
            if _cancelled(task):
                return
            if reason and done >= len(objects) // 2:
                break
            self._put(task, item)
        if reason:
            raise _MadeToFailError(reason)

    def _put(self, task: ExportTask, item: layout.ExportedObject) -> None:
        content = item.source.read_bytes() if item.source else item.content
        self.s3.put_object(Bucket=task.s3_bucket, Key=item.key, Body=content)
        task.exported_bytes += len(content) if item.source else 0

    def _complete(self, task: ExportTask, of: layout.Wanted, warning: str | None) -> ExportStatus:
        if _cancelled(task):
            return ExportStatus.CANCELED
        task.ended_at = self._states.now()
        for item in layout.side_objects(task, of):
            self._put(task, item)
        skipped = [table.full_name for table in of.tables if table.skipped_because]
        general = [
            {"reason": reason} for reason in ([warning] if warning else []) + [layout.NO_TABLES] * bool(of.empty_databases)
        ]
        if skipped or general:
            task.warning_message = json.dumps({"skippedTables": skipped, "skippedObjectives": [], "general": general})
        return ExportStatus.COMPLETE

    def _cancel_export(self, _backend: RDSBackend, identifier: str) -> dict[str, Any]:
        with self._lock:
            return self._states.cancel_export(identifier).described(self._states.now())

    def _describe_exports(self, response: RDSResponse) -> ActionResult:
        params = response.params
        identifier, source = params.get("ExportTaskIdentifier"), params.get("SourceArn")
        filters = {f["Name"]: set(f["Values"]) for f in params.get("Filters") or []}
        with self._lock:
            tasks = [self._states.task(identifier)] if identifier else list(self.tasks.values())
            found = [
                task.described(self._states.now())
                for task in tasks
                if source in (None, task.snapshot.arn) and _matches(task, filters)
            ]
        return _page(response, "ExportTasks", found)

    # threads

    def _run(self, name: str, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, name=name, daemon=True)
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()

    def _tick(self) -> None:
        if self._stopping.wait(_TICK_SECONDS):
            raise Stopped

    def _publish(self, event: RdsEvent | None) -> None:
        if event is None:
            return
        try:
            self.publish(event)
        except Exception:  # as with RDS, an event that is not delivered is lost: polling makes it good
            log.exception("%s of %s was not published", event.event_id, event.source_identifier)


class _MadeToFailError(Exception):
    """A snapshot or an export that is to fail, for a reason already known."""


def _cancelled(task: ExportTask) -> bool:
    return task.status is ExportStatus.CANCELING


def _answered[**P, R](operation: Callable[P, R]) -> Callable[P, R]:
    """The operation as a method of moto's, which answers what is refused with an error of its own kind."""

    def method(*args: P.args, **kw: P.kwargs) -> R:
        try:
            return operation(*args, **kw)
        except Refused as refused:
            raise RDSClientError(refused.code, refused.message) from refused

    return method


def _matches(task: ExportTask, filters: dict[str, set[str]]) -> bool:
    """Filters of DescribeExportTasks, whose status values are lower case, unlike those of the tasks."""
    values = {
        "export-task-identifier": task.identifier,
        "s3-bucket": task.s3_bucket,
        "source-arn": task.snapshot.arn,
        "status": task.status.lower(),
    }
    for name in filters:
        if name not in values:
            raise RDSClientError("InvalidParameterValue", f"Unrecognized filter name: {name}")
    return all(values[name] in wanted for name, wanted in filters.items())


def _paginated(describe: Callable[[RDSResponse], ActionResult]) -> Callable[[RDSResponse], ActionResult]:
    """moto answers all of it at once, whatever MaxRecords says."""

    def in_pages(response: RDSResponse) -> ActionResult:
        everything: Any = describe(response)._result  # noqa: SLF001  moto keeps the answer nowhere else
        return _page(response, "DBSnapshots", everything["DBSnapshots"])

    return in_pages


def _page(response: RDSResponse, name: str, found: Sequence[Any]) -> ActionResult:
    first = int(response.params.get("Marker") or 0)
    last = first + int(response.params.get("MaxRecords") or MAX_RECORDS)
    return ActionResult({name: found[first:last], "Marker": str(last) if last < len(found) else None})


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@contextmanager
def _replaced(owner: type, name: str, value: Any) -> Iterator[None]:
    original = owner.__dict__[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)
