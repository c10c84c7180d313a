"""RDS: the instance with its one database, snapshots of it, and their exports; and the MySQL that the loader talks to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from types import SimpleNamespace
from typing import Any, Self
from uuid import NAMESPACE_URL, uuid5

from liberator.exports import ExportStatus
from liberator.instances import InstanceStatus
from liberator.snapshots import SnapshotStatus
from local.emulator.rds import states
from local.emulator.rds.events import MESSAGES, RdsEvent
from local.emulator.rds.layout import NO_TABLES
from tests.simulation.s3 import S3
from tests.simulation.world import Actor, World, error

ARN = "arn:aws:rds:eu-west-2:123456789012:snapshot:"

type Tables = dict[str, int]  # rows of each


class Ending(StrEnum):
    """The fates of an export; those of WHOLE hold every row, and say so."""

    FINE = "completed"
    CONVERTED = "completed, with a warning that strings were converted"
    NO_TABLES = "completed, with a warning of a database without tables"
    SKIPPED = "completed, with a warning of a table that it skipped"
    LOST = "completed, without a table, of which it says nothing"
    HOLLOW = "completed, without the files of a table that has rows"
    EXTRA = "completed, with a table that nobody counted"
    FAILED = "failed"
    CANCELED = "canceled"


WHOLE = {Ending.FINE, Ending.CONVERTED, Ending.NO_TABLES}


@dataclass(frozen=True)
class Period:
    """From `begin` until `end` the instance is in another state than available."""

    begin: float
    end: float
    status: InstanceStatus


@dataclass
class Durations:
    """In seconds, each a draw of its own. `fails` says whether RDS fails a snapshot, `ends` how an export ends.

    Where `together` is not 0, exports end at multiples of it only, so that copies race. Until `crowded` the account's other
    exports leave no place for ours. `lock_lost` says whether a load's lock goes with its connection at the load's end.
    """

    load: Callable[[], float]
    snapshot: Callable[[], float]
    export: Callable[[], float]
    fails: Callable[[], bool]
    ends: Callable[[], Ending]
    together: float = 0.0
    crowded: float = 0.0
    periods: tuple[Period, ...] = ()
    lock_lost: Callable[[], bool] = lambda: False


@dataclass(eq=False, kw_only=True)
class Snapshot(states.Snapshot):
    """`content` is the dump's mark and its tables; None where it was not of a whole load.

    `taker` is the process that asked for it, and `seen` whether that has read that it is available.
    """

    content: tuple[str, Tables] | None = None
    taker: Actor | None = None
    seen: bool = False

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
            "SnapshotCreateTime": self.created_at,
            "TagList": list(self.tags),
        }


@dataclass(eq=False, kw_only=True)
class Task(states.ExportTask):
    """`ending` is None until it has ended."""

    snapshot: Snapshot
    ending: Ending | None = None

    @property
    def whole(self) -> bool:
        return self.ending in WHOLE


@dataclass
class Rds:
    """`event` hears of RDS's events; `max_wait` in seconds is how long a snapshot without an export must be kept."""

    world: World
    s3: S3
    instance: str
    database: str
    durations: Durations
    event: Callable[[RdsEvent], None]
    max_wait: float
    gone: list[Snapshot] = field(default_factory=list)
    loaded: tuple[str, Tables] | None = None
    loading: bool = False
    lock: Actor | None = None
    most_exports: int = 0

    def __post_init__(self) -> None:
        self._backing_up_until = -1.0
        self._states = states.RdsStates[Snapshot, Task](now=lambda: self.world.now)
        self.snapshots, self.tasks = self._states.snapshots, self._states.tasks

    @property
    def _status(self) -> InstanceStatus:
        now = self.world.seconds
        if now < self._backing_up_until:
            return InstanceStatus.BACKING_UP
        return next((p.status for p in self.durations.periods if p.begin <= now < p.end), InstanceStatus.AVAILABLE)

    def _call[R](self, operation: str, effect: Callable[[], R]) -> R:
        def answered() -> R:
            try:
                return effect()
            except states.Refused as refused:
                raise error(refused.code, operation, refused.message) from refused

        return self.world.call(f"rds.{operation}", answered)

    def _say(self, event: RdsEvent) -> None:
        self.world.tell("RDS", f"{MESSAGES[event.event_id][1]}: {event.source_identifier}")
        self.event(event)

    # ── snapshots ──

    def describe_db_instances(self, *, DBInstanceIdentifier: str) -> dict[str, Any]:  # noqa: N803
        assert DBInstanceIdentifier == self.instance

        def effect() -> dict[str, Any]:
            return {"DBInstances": [{"DBInstanceStatus": self._status}]}

        return self._call("describe_db_instances", effect)

    def create_db_snapshot(
        self,
        *,
        DBSnapshotIdentifier: str,  # noqa: N803
        DBInstanceIdentifier: str,  # noqa: N803
        Tags: list[dict[str, str]],  # noqa: N803
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            event = self._states.create_snapshot(DBSnapshotIdentifier, self._status, make)
            snapshot = self.snapshots[DBSnapshotIdentifier]
            read = snapshot.takes * self.world.chance.random()  # nobody is told when
            self._backing_up_until = self.world.seconds + read
            self.world.after(read, lambda: self._read(snapshot))
            self.world.after(snapshot.takes, lambda: self._created(snapshot))
            self._say(event)
            return {}

        def make() -> Snapshot:
            if self.lock is not self.world.actor:
                self.world.violate(f"{DBSnapshotIdentifier} is taken without the database's lock")
            return Snapshot(
                identifier=DBSnapshotIdentifier,
                arn=ARN + DBSnapshotIdentifier,
                instance=DBInstanceIdentifier,
                tags=list(Tags),
                created_at=self.world.now,
                takes=self.durations.snapshot(),
                taker=self.world.actor,
            )

        return self._call(f"create_db_snapshot {DBSnapshotIdentifier}", effect)

    def _read(self, snapshot: Snapshot) -> None:
        snapshot.content = None if self.loading else self.loaded

    def _created(self, snapshot: Snapshot) -> None:
        if self.durations.fails():
            self._states.snapshot_ended(snapshot, SnapshotStatus.FAILED)
            self.world.tell("RDS", f"fails the snapshot {snapshot.identifier}")
        elif event := self._states.snapshot_ended(snapshot, SnapshotStatus.AVAILABLE):
            self._say(event)

    def describe_db_snapshots(self, *, DBSnapshotIdentifier: str) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            return {"DBSnapshots": [self._states.snapshot(DBSnapshotIdentifier).described()]}

        answer = self._call(f"describe_db_snapshots {DBSnapshotIdentifier}", effect)
        if answer["DBSnapshots"][0]["Status"] == SnapshotStatus.AVAILABLE:
            for snapshot in self.snapshots.values():
                snapshot.seen |= snapshot.taker is not None and snapshot.taker is self.world.actor
        return answer

    def delete_db_snapshot(self, *, DBSnapshotIdentifier: str) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            snapshot, event = self._states.delete_snapshot(DBSnapshotIdentifier)
            self._judge_deletion(snapshot)
            self.gone.append(snapshot)
            self._say(event)
            return {}

        return self._call(f"delete_db_snapshot {DBSnapshotIdentifier}", effect)

    def _judge_deletion(self, snapshot: Snapshot) -> None:
        tasks = [task for task in self.tasks.values() if task.snapshot is snapshot]
        if not snapshot.ours:
            self.world.violate(f"{snapshot.identifier} is deleted, but is not ours")
        for mine in (*self.snapshots.values(), snapshot):
            if mine.taker is self.world.actor and mine.status != SnapshotStatus.AVAILABLE:
                self.world.violate(f"{snapshot.identifier} is deleted before {mine.identifier} is available")
        if any(task.active for task in tasks):
            self.world.violate(f"{snapshot.identifier} is deleted while it is being exported")
        young = (self.world.now - snapshot.created_at).total_seconds() < self.max_wait
        if not tasks and young and snapshot.status == SnapshotStatus.AVAILABLE:
            self.world.violate(f"{snapshot.identifier} is deleted before its export")

    def get_paginator(self, operation: str) -> SimpleNamespace:
        listed = {"describe_db_snapshots": self._snapshot_pages, "describe_export_tasks": self._task_pages}
        return SimpleNamespace(paginate=listed[operation])

    def _snapshot_pages(self, *, DBInstanceIdentifier: str, SnapshotType: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        def effect() -> list[dict[str, Any]]:
            found = [s for s in self.snapshots.values() if (s.instance, s.kind) == (DBInstanceIdentifier, SnapshotType)]
            return [snapshot.described() for snapshot in found]

        for snapshot in self._call("describe_db_snapshots", effect):
            yield {"DBSnapshots": [snapshot]}

    # ── exports ──

    def start_export_task(self, **asked: Any) -> dict[str, Any]:
        identifier = asked["ExportTaskIdentifier"]

        def effect() -> dict[str, Any]:
            others = states.MAX_ACTIVE_EXPORTS if self.world.seconds < self.durations.crowded else 0
            task = self._states.start_export(identifier, asked["SourceArn"].removeprefix(ARN), make, others=others)
            self.most_exports = max(self.most_exports, sum(task.active for task in self.tasks.values()))
            ending = self.durations.ends()
            self.world.after(task.takes * states.STARTING, lambda: self._under_way(task, ending))
            self.world.after(task.takes, lambda: self._exported(task, ending))
            self.world.tell("RDS", f"exports {identifier}")
            return {}

        def make(snapshot: Snapshot) -> Task:
            if not snapshot.ours:
                self.world.violate(f"{snapshot.identifier} is exported, but is not ours")
            takes = self.durations.export()
            if together := self.durations.together:
                takes += -(self.world.seconds + takes) % together
            return Task(
                identifier=identifier,
                snapshot=snapshot,
                s3_bucket=asked["S3BucketName"],
                iam_role_arn=asked["IamRoleArn"],
                kms_key_id=asked["KmsKeyId"],
                export_only=asked["ExportOnly"],
                asked_at=self.world.now,
                takes=takes,
            )

        return self._call(f"start_export_task {identifier}", effect)

    def _under_way(self, task: Task, ending: Ending) -> None:
        self._states.export_started(task)
        if ending is Ending.CANCELED:
            self._states.cancel_export(task.identifier)

    def describe_export_tasks(self, *, ExportTaskIdentifier: str) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            return {"ExportTasks": [self._states.task(ExportTaskIdentifier).described(self.world.now)]}

        return self._call(f"describe_export_tasks {ExportTaskIdentifier}", effect)

    def _task_pages(self, *, SourceArn: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        def effect() -> list[dict[str, Any]]:
            return [task.described(self.world.now) for task in self.tasks.values() if task.snapshot.arn == SourceArn]

        yield {"ExportTasks": self._call("describe_export_tasks", effect)}

    def _exported(self, task: Task, ending: Ending) -> None:
        mark, tables = task.snapshot.content or ("no whole dump", {})
        odd = max(tables, key=lambda table: tables[table], default="")  # the table that something is wrong with, if any
        if task.snapshot.gone:
            ending = Ending.FAILED
        elif (ending is Ending.HOLLOW and not tables.get(odd)) or (ending in {Ending.SKIPPED, Ending.LOST} and not odd):
            ending = Ending.FINE
        task.ending = ending
        self.world.tell("RDS", f"{task.identifier} is {ending} {odd if ending not in WHOLE else ''}")
        status = ExportStatus[ending.name] if ending in {Ending.FAILED, Ending.CANCELED} else ExportStatus.COMPLETE
        if status is ExportStatus.COMPLETE:
            task.warning_message = self._warning(ending, odd)
            for key, body in _objects(task.identifier, mark, dict(tables), self.database, ending, odd):
                self.s3.store(task.s3_bucket, key, body)
        self._say(self._states.export_ended(task, status))

    def _warning(self, ending: Ending, table: str) -> str | None:
        skipped = [f"{self.database}.{table}"] if ending is Ending.SKIPPED else []
        reasons = {Ending.CONVERTED: "strings were converted", Ending.NO_TABLES: NO_TABLES}
        general = [{"reason": reasons[ending]}] if ending in reasons else []
        warning = {"skippedTables": skipped, "skippedObjectives": [], "general": general}
        return json.dumps(warning) if skipped or general else None


def _objects(task: str, mark: str, tables: Tables, database: str, ending: Ending, odd: str) -> Iterator[tuple[str, bytes]]:
    """As RDS lays them out; file names differ between two exports. Each file begins with the mark of its dump."""
    statuses = [{"target": f"{database}.{table}", "status": ExportStatus.COMPLETE} for table in tables]
    match ending:
        case Ending.SKIPPED:
            del tables[odd]
            for status in statuses:
                if status["target"] == f"{database}.{odd}":
                    status |= {"status": "SKIPPED", "warningMessage": "a row is too large"}
        case Ending.LOST:
            del tables[odd]
            statuses = [status for status in statuses if status["target"] != f"{database}.{odd}"]
        case Ending.EXTRA:
            tables["uncounted"] = 1
            statuses.append({"target": f"{database}.uncounted", "status": ExportStatus.COMPLETE})
        case Ending.NO_TABLES:
            statuses.append({"target": "empty", "warningMessage": NO_TABLES})
    for table, rows in tables.items():
        folder = f"{task}/{database}/{database}.{table}"
        for part in range(min(rows, 4) if ending is not Ending.HOLLOW or table != odd else 0):
            name = f"part-{part:05d}-{uuid5(NAMESPACE_URL, f'{folder}/{part}')}-c000.gz.parquet"
            yield f"{folder}/{1 + part // 3}/{name}", f"{mark}/{table}/{part}/".encode() + b"." * (rows + part)
        yield f"{folder}/1/_SUCCESS", b""
    for first in range(0, len(statuses), 2):
        some = statuses[first : first + 2]
        key = f"{task}/export_tables_info_{task}_from_{first + 1}_to_{first + len(some)}.json"
        yield key, json.dumps({"perTableStatus": some}).encode()
    yield (
        f"{task}/export_info_{task}.json",
        json.dumps({"exportTaskIdentifier": task, "status": ExportStatus.COMPLETE}).encode(),
    )


# ── MySQL ──


@dataclass
class Connection:
    """A connection, as far as the loader uses it apart from the load: its lock, an empty database, the counts."""

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
            case ["SELECT", "CONNECTION_ID"]:
                answer = [(1, "liberator_loader")]
            case ["CREATE", "DATABASE", *_] | ["SET", "SESSION", *_]:
                pass
            case ["DROP", "DATABASE", *_]:
                rds.loaded, rds.loading = None, True
            case ["SELECT", "TABLE_NAME", "FROM", "information_schema.TABLES", *_]:
                answer = [(table,) for table in sorted(rds.loaded[1])] if rds.loaded else []
            case ["SELECT", "COUNT"]:
                answer = [(rds.loaded[1][sql.rsplit(".", 1)[-1].strip("`")],)] if rds.loaded else []
            case ["SELECT" | "SHOW", *_]:
                pass  # of collations, views, columns: there is nothing to tell
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
    if rds.durations.lock_lost():
        rds.world.tell("MySQL", "closes the connection that holds the lock")
        rds.lock = None
    return len(sql)
