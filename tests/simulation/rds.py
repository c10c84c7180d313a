"""RDS: the instance with its one database, snapshots of it, and their exports; and the MySQL that the loader talks to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Self
from uuid import NAMESPACE_URL, uuid5

from local.rds import events
from tests.simulation.s3 import S3
from tests.simulation.world import Actor, World, error

ARN = "arn:aws:rds:eu-west-2:123456789012:snapshot:"
LIMIT = 5  # of exports at once: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html
ACTIVE = {"STARTING", "IN_PROGRESS"}

type Tables = dict[str, int]  # rows of each


@dataclass
class Durations:
    """In seconds, each a draw of its own. `fails(what)` says whether RDS fails a snapshot or an export.

    Where `together` is not 0, exports end at multiples of it only, so that copies race.
    """

    load: Callable[[], float]
    snapshot: Callable[[], float]
    export: Callable[[], float]
    fails: Callable[[str], bool]
    together: float = 0.0


@dataclass(eq=False)
class Snapshot:
    """`content` is the dump's mark and its tables; None where it was not of a whole load."""

    identifier: str
    instance: str
    kind: str
    tags: list[dict[str, str]]
    created: datetime
    status: str = "creating"
    content: tuple[str, Tables] | None = None

    @property
    def arn(self) -> str:
        return ARN + self.identifier

    @property
    def ours(self) -> bool:
        return any(tag["Key"] == "load-id" for tag in self.tags)

    def described(self) -> dict[str, Any]:
        return {
            "DBSnapshotIdentifier": self.identifier,
            "DBSnapshotArn": self.arn,
            "DBInstanceIdentifier": self.instance,
            "SnapshotType": self.kind,
            "Status": self.status,
            "SnapshotCreateTime": self.created,
            "TagList": list(self.tags),
        }


@dataclass(eq=False)
class Task:
    """`keys` are the objects that it has written, once it is COMPLETE."""

    snapshot: Snapshot
    bucket: str
    only: list[str]
    status: str = "STARTING"
    keys: list[str] = field(default_factory=list)

    def described(self, identifier: str) -> dict[str, Any]:
        return {
            "ExportTaskIdentifier": identifier,
            "SourceArn": self.snapshot.arn,
            "SnapshotTime": self.snapshot.created,
            "Status": self.status,
            "S3Bucket": self.bucket,
            "S3Prefix": "",
        }


@dataclass
class Rds:
    """`event` hears of RDS's events; `max_wait` in seconds is how long a snapshot without an export must be kept."""

    world: World
    s3: S3
    instance: str
    database: str
    durations: Durations
    event: Callable[[events.RdsEvent], None]
    max_wait: float
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    gone: list[Snapshot] = field(default_factory=list)
    loaded: tuple[str, Tables] | None = None
    loading: bool = False
    lock: Actor | None = None
    most_exports: int = 0

    def __post_init__(self) -> None:
        self._backing_up_until = -1.0

    def _say(self, event_id: str, snapshot: Snapshot) -> None:
        self.world.tell("RDS", f"{events.MESSAGES[event_id][1]}: {snapshot.identifier}")
        self.event(events.event_of(event_id, snapshot.identifier, snapshot.arn, self.world.now, snapshot.tags))

    # ── snapshots ──

    def describe_db_instances(self, *, DBInstanceIdentifier: str) -> dict[str, Any]:  # noqa: N803
        assert DBInstanceIdentifier == self.instance

        def effect() -> dict[str, Any]:
            busy = self.world.seconds < self._backing_up_until
            return {"DBInstances": [{"DBInstanceStatus": "backing-up" if busy else "available"}]}

        return self.world.call("rds.describe_db_instances", effect)

    def create_db_snapshot(
        self,
        *,
        DBSnapshotIdentifier: str,  # noqa: N803
        DBInstanceIdentifier: str,  # noqa: N803
        Tags: list[dict[str, str]],  # noqa: N803
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            if DBSnapshotIdentifier in self.snapshots:
                raise error("DBSnapshotAlreadyExists", "CreateDBSnapshot")
            if self.world.seconds < self._backing_up_until:
                raise error("InvalidDBInstanceState", "CreateDBSnapshot")
            snapshot = Snapshot(DBSnapshotIdentifier, DBInstanceIdentifier, "manual", list(Tags), self.world.now)
            self.snapshots[DBSnapshotIdentifier] = snapshot
            takes = self.durations.snapshot()
            read = takes * self.world.chance.random()  # nobody is told when
            self._backing_up_until = self.world.seconds + read
            self.world.after(read, lambda: self._read(snapshot))
            self.world.after(takes, lambda: self._created(snapshot))
            self._say("RDS-EVENT-0040", snapshot)
            return {}

        return self.world.call(f"rds.create_db_snapshot {DBSnapshotIdentifier}", effect)

    def _read(self, snapshot: Snapshot) -> None:
        snapshot.content = None if self.loading else self.loaded

    def _created(self, snapshot: Snapshot) -> None:
        if self.durations.fails("snapshot"):
            snapshot.status = "failed"
            self.world.tell("RDS", f"fails the snapshot {snapshot.identifier}")
            return
        snapshot.status = "available"
        self._say("RDS-EVENT-0042", snapshot)

    def describe_db_snapshots(self, *, DBSnapshotIdentifier: str) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            return {"DBSnapshots": [self._snapshot(DBSnapshotIdentifier).described()]}

        return self.world.call(f"rds.describe_db_snapshots {DBSnapshotIdentifier}", effect)

    def _snapshot(self, identifier: str) -> Snapshot:
        if identifier not in self.snapshots:
            raise error("DBSnapshotNotFound", "RDS")
        return self.snapshots[identifier]

    def delete_db_snapshot(self, *, DBSnapshotIdentifier: str) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            snapshot = self._snapshot(DBSnapshotIdentifier)
            if snapshot.status not in {"available", "failed"}:
                raise error("InvalidDBSnapshotState", "DeleteDBSnapshot")
            self._judge_deletion(snapshot)
            self.gone.append(self.snapshots.pop(DBSnapshotIdentifier))
            self._say("RDS-EVENT-0041", snapshot)
            return {}

        return self.world.call(f"rds.delete_db_snapshot {DBSnapshotIdentifier}", effect)

    def _judge_deletion(self, snapshot: Snapshot) -> None:
        tasks = [task for task in self.tasks.values() if task.snapshot is snapshot]
        if not snapshot.ours:
            self.world.violate(f"{snapshot.identifier} is deleted, but is not ours")
        if any(task.status in ACTIVE for task in tasks):
            self.world.violate(f"{snapshot.identifier} is deleted while it is being exported")
        young = (self.world.now - snapshot.created).total_seconds() < self.max_wait
        if not tasks and young and snapshot.status == "available":
            self.world.violate(f"{snapshot.identifier} is deleted before its export")

    def get_paginator(self, operation: str) -> SimpleNamespace:
        listed = {"describe_db_snapshots": self._snapshot_pages, "describe_export_tasks": self._task_pages}
        return SimpleNamespace(paginate=listed[operation])

    def _snapshot_pages(self, *, DBInstanceIdentifier: str, SnapshotType: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        def effect() -> list[dict[str, Any]]:
            found = [s for s in self.snapshots.values() if (s.instance, s.kind) == (DBInstanceIdentifier, SnapshotType)]
            return [snapshot.described() for snapshot in found]

        for snapshot in self.world.call("rds.describe_db_snapshots", effect):
            yield {"DBSnapshots": [snapshot]}

    # ── exports ──

    def start_export_task(self, **asked: Any) -> dict[str, Any]:
        identifier = asked["ExportTaskIdentifier"]

        def effect() -> dict[str, Any]:
            if identifier in self.tasks:
                raise error("ExportTaskAlreadyExists", "StartExportTask")
            snapshot = self._snapshot(asked["SourceArn"].removeprefix(ARN))
            if snapshot.status != "available":
                raise error("InvalidExportSourceState", "StartExportTask")
            active = sum(task.status in ACTIVE for task in self.tasks.values())
            if active >= LIMIT:
                raise error("ExportTaskLimitReached", "StartExportTask")
            self.most_exports = max(self.most_exports, active + 1)
            if not snapshot.ours:
                self.world.violate(f"{snapshot.identifier} is exported, but is not ours")
            task = self.tasks[identifier] = Task(snapshot, asked["S3BucketName"], asked["ExportOnly"])
            takes = self.durations.export()
            if together := self.durations.together:
                takes += -(self.world.seconds + takes) % together
            self.world.after(takes / 3, lambda: setattr(task, "status", "IN_PROGRESS"))
            self.world.after(takes, lambda: self._exported(identifier, task))
            self.world.tell("RDS", f"exports {identifier}")
            return {}

        return self.world.call(f"rds.start_export_task {identifier}", effect)

    def describe_export_tasks(self, *, ExportTaskIdentifier: str) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            if ExportTaskIdentifier not in self.tasks:
                raise error("ExportTaskNotFound", "DescribeExportTasks")
            return {"ExportTasks": [self.tasks[ExportTaskIdentifier].described(ExportTaskIdentifier)]}

        return self.world.call(f"rds.describe_export_tasks {ExportTaskIdentifier}", effect)

    def _task_pages(self, *, SourceArn: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        def effect() -> list[dict[str, Any]]:
            return [task.described(name) for name, task in self.tasks.items() if task.snapshot.arn == SourceArn]

        yield {"ExportTasks": self.world.call("rds.describe_export_tasks", effect)}

    def _exported(self, identifier: str, task: Task) -> None:
        if task.snapshot.status != "available" or self.durations.fails("export"):
            task.status = "FAILED"
            self._say("RDS-EVENT-0159", task.snapshot)
            return
        for key, body in _objects(identifier, task.snapshot.content, self.database):
            self.s3.store(task.bucket, key, body)
            if key.endswith(".parquet"):
                task.keys.append(key)
        task.status = "COMPLETE"
        self._say("RDS-EVENT-0161", task.snapshot)


def _objects(task: str, content: tuple[str, Tables] | None, database: str) -> Iterator[tuple[str, bytes]]:
    """As RDS lays them out; file names differ between two exports. Each file begins with the mark of its dump."""
    mark, tables = content or ("no whole dump", {})
    for table, rows in tables.items():
        folder = f"{task}/{database}/{database}.{table}"
        for part in range(min(rows, 4)):
            name = f"part-{part:05d}-{uuid5(NAMESPACE_URL, f'{folder}/{part}')}-c000.gz.parquet"
            yield f"{folder}/{1 + part // 3}/{name}", f"{mark}/{table}/{part}/".encode() + b"." * (rows + part)
        yield f"{folder}/1/_SUCCESS", b""
    names = list(tables)
    for first in range(0, len(names), 2):
        some = names[first : first + 2]
        statuses = [{"target": f"{database}.{table}", "status": "COMPLETE"} for table in some]
        key = f"{task}/export_tables_info_{task}_from_{first + 1}_to_{first + len(some)}.json"
        yield key, json.dumps({"perTableStatus": statuses}).encode()
    yield f"{task}/export_info_{task}.json", json.dumps({"exportTaskIdentifier": task, "status": "COMPLETE"}).encode()


# ── MySQL ──


@dataclass
class Connection:
    """What the loader asks of a connection, apart from the load: its lock, an empty database, the counts."""

    rds: Rds
    open: bool = True
    answer: list[tuple[Any, ...]] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.open = False

    def cursor(self) -> Self:
        return _Cursor(self)  # type: ignore[return-value]


@dataclass
class _Cursor:
    connection: Connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, sql: str, arguments: tuple[Any, ...] | None = None) -> None:  # noqa: C901  one case each
        rds = self.connection.rds
        world = rds.world
        world.sleep(0.01)
        answer: list[tuple[Any, ...]] = []
        match sql.split("(")[0].split():
            case ["SELECT", "GET_LOCK"]:
                if rds.lock not in (None, world.actor):
                    world.sleep(arguments[1] if arguments else 0)
                if rds.lock is None:
                    rds.lock = world.actor
                answer = [(int(rds.lock is world.actor),)]
            case ["SELECT", "IS_USED_LOCK"]:
                answer = [(int(rds.lock is world.actor),)]
            case ["SELECT", "RELEASE_LOCK"]:
                if rds.lock is world.actor:
                    rds.lock = None
                answer = [(1,)]
            case ["SELECT", "VERSION"]:
                answer = [("8.4.11", 1 << 30)]
            case ["SHOW", "COLLATION"] | ["CREATE", "DATABASE", *_]:
                pass
            case ["DROP", "DATABASE", *_]:
                rds.loaded, rds.loading = None, True
            case ["SELECT", "TABLE_NAME", "FROM", "information_schema.VIEWS", *_]:
                pass
            case ["SELECT", "TABLE_NAME", *_]:
                answer = [(table,) for table in sorted(rds.loaded[1])] if rds.loaded else []
            case ["SELECT", "COUNT"]:
                answer = [(rds.loaded[1][sql.rsplit(".", 1)[-1].strip("`")],)] if rds.loaded else []
            case other:
                raise AssertionError(other)
        self.answer = answer

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.answer


def load(rds: Rds, sql: bytes) -> int:
    """The load itself, of a dump whose SQL is JSON: its mark and its tables."""
    rds.world.sleep(rds.durations.load())
    content = json.loads(sql)
    rds.loaded, rds.loading = (content["mark"], content["tables"]), False
    return len(sql)
