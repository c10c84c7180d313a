"""What must be so: at every write, when a workflow starts, when all is quiet, and after people have mended everything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from ingestion import partition
from ingestion.landing_zone.manifest import attempts_prefix, key_of
from liberator import naming
from tests.simulation.glue import Run
from tests.simulation.queues import Queue
from tests.simulation.rds import Ending, Snapshot, Tables, Task
from tests.simulation.system import PRE_PRODUCTION_BUCKET, System, name_of
from tests.simulation.system import Task as SystemTask

_AT_ONCE = timedelta(minutes=20)  # longer than an invocation


@dataclass(eq=False)
class Dump:
    """One upload. `version` is the object's; `arrived` the day on which it was uploaded."""

    day: date
    mark: str
    tables: Tables
    version: str
    arrived: date
    at: str

    @property
    def key(self) -> str:
        return naming.dump_keys(self.day)[0]

    @property
    def backdated(self) -> bool:
        return self.day < self.arrived - timedelta(days=1)


@dataclass
class Judge:
    """Violations are told to the world."""

    system: System
    dumps: dict[str, Dump] = field(default_factory=dict)
    redrives: int = 0
    _given_up: dict[str, int] = field(default_factory=dict)
    _parsed: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world, self.database = self.system.world, self.system.rds.database
        self.system.on_written, self.system.on_started = self._written, self._started
        self.system.on_told, self.system.on_announced = self._heard, self._announced
        self.system.on_sent, self.system.on_task_ended = self._sent, self._task_ended

    # ── what is there ──

    def manifest(self, day: date) -> dict[str, Any] | None:
        stored = self.system.s3.buckets.get(self.system.landing, {}).get(
            key_of(naming.landing_prefix(self.database), partition.name(day))
        )
        if stored is None:
            return None
        key = (str(day), stored.etag)
        if key not in self._parsed:
            self._parsed[key] = json.loads(stored.body)
        return self._parsed[key]

    def _snapshots(self) -> list[Snapshot]:
        return [s for s in [*self.system.rds.gone, *self.system.rds.snapshots.values()] if s.ours]

    def dump_of(self, snapshot: Snapshot) -> Dump:
        tags = {tag["Key"]: tag["Value"] for tag in snapshot.tags}
        return self.dumps[tags["correlation-id"].rsplit("@", 1)[-1]]

    def order(self, snapshot: Snapshot) -> tuple[object, ...]:
        """Of two of one day, the greater one is what readers must see."""
        return (_number(self.dump_of(snapshot)), snapshot.created_at, snapshot.identifier)

    def _snapshot(self, identifier: str) -> Snapshot:
        return next(s for s in self._snapshots() if s.identifier == identifier)

    def _winner(self, dump: Dump) -> Snapshot | None:
        """What is committed for its day, if that is its own, or of a later upload."""
        committed = self.manifest(dump.day)
        if committed is None:
            return None
        winner = self._snapshot(committed["export_task_identifier"])
        return winner if _number(self.dump_of(winner)) >= _number(dump) else None

    def landed(self, dump: Dump) -> bool:
        """Its day is committed, from a snapshot of its own or of a later upload, and the workflow for that was started."""
        winner = self._winner(dump)
        return winner is not None and any(
            run.properties["export_task_identifier"] == winner.identifier for run in self.system.glue.runs
        )

    # ── at any moment ──

    def _written(self, bucket: str, key: str) -> None:
        if bucket == self.system.landing:
            for day in {dump.day for dump in self.dumps.values()}:
                self._judge_reader(day)
        elif bucket == PRE_PRODUCTION_BUCKET:
            copy = self.system.s3.buckets[bucket][key]
            original = self.system.s3.versions[self.system.data, key, copy.metadata["source-version"]]
            if copy.body != original.body:
                self.world.violate(f"the copy of {key} in pre-production is not of the version that it says")
        elif key.endswith(".row-counts.json") and sum(there == key for _, there, _ in self.system.s3.versions) > 1:
            self.world.violate(f"{key} is written over the row counts of another load")

    def _judge_reader(self, day: date) -> None:
        manifest = self.manifest(day)
        if manifest is None:
            return
        there = self.system.s3.buckets[self.system.landing]
        dump = self.dumps[manifest["correlation_id"].rsplit("@", 1)[-1]]
        task = self.system.rds.tasks[manifest["export_task_identifier"]]
        if not task.whole:
            self.world.violate(f"a reader of {day} finds an export that is {task.ending}")
        named = {o["key"]: o["size"] for table in manifest["tables"] for o in table["objects"]}
        for key, size in named.items():
            if key not in there or len(there[key].body) != size:
                self.world.violate(f"a reader of {day} does not find {key} whole")
                return
            if not there[key].body.startswith(dump.mark.encode() + b"/"):
                self.world.violate(f"a reader of {day} finds in {key} {there[key].body[:20]!r}, not of {dump.mark}")
        if {table["name"]: table["rows"] for table in manifest["tables"]} != dump.tables:
            self.world.violate(f"a reader of {day} finds other tables than those of {dump.mark}")
        if len(named) != sum(min(rows, 4) for rows in dump.tables.values()):
            self.world.violate(f"a reader of {day} finds {len(named)} objects, not all of {dump.mark}")

    def _started(self, run: Run) -> None:
        task = run.properties["export_task_identifier"]
        self.world.tell("Glue", f"starts {run.workflow} for {task}")
        snapshot = self._snapshot(task)
        dump, committed = self.dump_of(snapshot), self.manifest(self.dump_of(snapshot).day)
        if committed is None or self.order(self._snapshot(committed["export_task_identifier"])) < self.order(snapshot):
            self.world.violate(f"the workflow of {task} starts before its day is committed")
        if any(earlier.properties["export_task_identifier"] == task for earlier in self.system.glue.runs):
            self.world.violate(f"the workflow of {task} starts twice")
        if run.workflow != name_of("BackdatedWorkflow" if dump.backdated else "DailyWorkflow"):
            self.world.violate(f"{run.workflow} starts, but {task} is {'' if dump.backdated else 'not '}backdated")
        if run.properties["import_date"] != dump.day.isoformat():
            self.world.violate(f"the workflow of {task} starts for {run.properties['import_date']}")
        if not any(update["export_task_identifier"] == task for update in self.system.announced):
            self.world.violate(f"the workflow of {task} starts unannounced")

    def _announced(self, update: dict[str, Any]) -> None:
        """While a run of another day goes on, the copier waits; two that look at the same moment find none."""
        workflow = name_of("BackdatedWorkflow" if update["run"]["backdated"] else "DailyWorkflow")
        for run in self.system.glue.runs:
            goes_on = run.workflow == workflow and run.active and self.world.seconds - run.began > _AT_ONCE.total_seconds()
            if goes_on and run.properties["export_task_identifier"] != update["export_task_identifier"]:
                self.world.violate(f"{update['export_task_identifier']} is announced while {run.id} is {run.status}")

    def _heard(self, told: dict[str, Any]) -> None:
        match told.get("error"):
            case "BudgetSpent":
                self._judge_wait(told["message"])
            case "CopyMismatch":
                self.world.violate(f"nobody else writes there, but people hear: {told['reason']}")
            case "ExportUnusable":
                task = self._task_of(told["message"])
                if task and task.whole:
                    self.world.violate(f"an export that is {task.ending} ends its day: {told['reason']}")

    def _judge_wait(self, message: str) -> None:
        """A redrive begins a new wait. What SQS itself has moved keeps the wait that it had begun: it may end once more."""
        redrives = self._given_up.setdefault(message, self.redrives)
        if redrives != self.redrives and message not in self.system.sqs.moved:
            self.world.violate(f"given up again at once after a redrive: {message[:100]}")
        task = self._task_of(message)
        hopeless = task and task.ending in {Ending.FAILED, Ending.CANCELED}
        if task and hopeless and task.ended_at and self.world.now - task.ended_at > _AT_ONCE:
            self.world.violate(f"an export that is {task.ending} was waited for: {message[:100]}")

    def _task_of(self, message: str) -> Task | None:
        """The export that a message of the copier names, as a command or by its snapshot's event."""
        return next((task for name, task in self.system.rds.tasks.items() if name in message), None)

    def _sent(self, queue: Queue, body: str) -> None:
        """A dead letter is one that people have heard of; a message that is put back goes on waiting, and counts it."""
        if queue.name.endswith("-dlq"):
            if not any(h["kind"] == "IngestionFailed" and _is_about(h["message"], body) for h in self.system.told):
                self.world.violate(f"{queue.name} takes what nobody has heard of: {body[:100]}")
            return
        actor = self.world.actor
        if actor is None or actor.queue != queue.name or "poll" not in (again := json.loads(body)):
            return
        # A batch may hold several letters of one run, each with a wait of its own: it is one of them that is put back.
        began = [before for letter in actor.letters if (before := json.loads(letter).get("poll") or {"attempt": 1})]
        counted = [before for before in began if again["poll"]["attempt"] == before["attempt"] + 1]
        if began and not counted:
            self.world.violate(f"{body[:200]} is put back, but its attempt is not counted")
        elif counted and all(
            again["poll"]["started_at"] != it.get("started_at", again["poll"]["started_at"]) for it in counted
        ):
            self.world.violate(f"{body[:200]} is put back, and its wait begins anew")

    def _task_ended(self, task: SystemTask) -> None:
        """Once its snapshot is available a load only clears up: that fails no load."""
        own = [snapshot for snapshot in self._snapshots() if snapshot.taker is task.actor]
        if task.code == 1 and any(snapshot.seen for snapshot in own):
            self.world.violate(f"{task.actor.name} ends with 1, though its snapshot is available")

    # ── when all is quiet ──

    def quiet(self) -> None:
        """Nothing waits or runs any more, and whatever did not land is known to people and can be redriven."""
        for task in self.system.tasks:
            self._judge_calls(task.actor.name)
        for queue in self.system.sqs.queues.values():
            if queue.dead and queue.letters:
                self.world.violate(f"{queue.name} still holds {len(queue.letters)} messages")
        for dump in self.dumps.values():
            if not self.landed(dump) and not self._told(self._successor(dump)):
                self.world.violate(f"{dump.mark} has not landed, and nobody was told")
        for day in {dump.day: None for dump in self.dumps.values()}:
            self._judge_leftovers(day)

    def _judge_calls(self, loader: str) -> None:
        """It has announced its snapshot before it waits for it: from then on it may die. Its first look is at the tags."""
        operations = [call.operation for call in self.world.calls if call.actor == loader]
        taken = max((i for i, made in enumerate(operations) if made.startswith("rds.create_db_snapshot")), default=None)
        if taken is None:
            return
        own = operations[taken].replace("create_db_snapshot", "describe_db_snapshots")
        looks = [i for i, made in enumerate(operations) if i > taken and made == own]
        if len(looks) > 1 and not any(made.startswith("sqs.send_message") for made in operations[: looks[1]]):
            self.world.violate(f"{loader} waits for its snapshot, which it has not announced")

    def _judge_leftovers(self, day: date) -> None:
        """A commit takes away what earlier copies of its day have left, unless it has died itself before."""
        manifest = self.manifest(day)
        if manifest is None or any(manifest["export_task_identifier"] in body for body in self.dead_letters()):
            return
        there = self.system.s3.buckets[self.system.landing]
        winner = self.dump_of(self._snapshot(manifest["export_task_identifier"]))
        committed = there[key_of(naming.landing_prefix(self.database), partition.name(day))].modified
        named = {o["key"] for table in manifest["tables"] for o in table["objects"]}
        earlier = {d.mark for d in self.dumps.values() if d.day == day and _number(d) < _number(winner)}
        for key in self.system.s3.keys(self.system.landing, naming.landing_prefix(self.database)):
            stored = there[key]
            before = committed - stored.modified > _AT_ONCE  # or what was being copied meanwhile, and then died
            if key not in named and before and stored.body.split(b"/")[0].decode() in earlier:
                self.world.violate(f"{key} of a dead copy has outlived the commit of a later upload")

    def _successor(self, dump: Dump) -> Dump:
        """The one whose fate is the dump's: what is committed in its place."""
        winner = self._winner(dump)
        return self.dump_of(winner) if winner else dump

    def dead_letters(self) -> list[str]:
        return [letter.body for q in self.system.sqs.queues.values() if q.name.endswith("-dlq") for letter in q.letters]

    def _told(self, dump: Dump) -> bool:
        """A dead letter names its snapshot (its queue's alarm tells people), or its loader died (so does a rule of ECS)."""
        failed = [task for task in self.system.tasks if task.version == dump.version and task.code]
        if failed and sum(heard["kind"] == "Alert" for heard in self.system.told) >= len(failed):
            return True
        own = [s.identifier for s in self._snapshots() if self.dump_of(s) is dump]
        return any(identifier in body for identifier in own for body in self.dead_letters())

    def to_load_again(self) -> list[Dump]:
        """What people were told asks for it. Loading by hand takes the latest version of a file."""
        keys = {dump.key: None for dump in self.dumps.values() if self._must_load_again(dump)}
        return [self.dumps[self.system.s3.buckets[self.system.data][key].version] for key in keys]

    def _must_load_again(self, dump: Dump) -> bool:
        """The load died, or its snapshot or export will never be whole."""
        if self.landed(dump):
            return False
        if any(task.version == dump.version and task.code for task in self.system.tasks):
            return True
        own = [s.identifier for s in self._snapshots() if self.dump_of(s) is dump]
        return any(
            heard["kind"] == "IngestionFailed"
            and heard["error"] in {"SnapshotUnusable", "ExportUnusable", "NotFound"}
            and any(identifier in (heard["message"] or "") for identifier in own)
            for heard in self.system.told
        )

    # ── after everything was mended ──

    def unmended(self) -> Iterator[str]:
        """What is still not as it must be."""
        named: set[str] = set()
        for dump in self.dumps.values():
            if not self.landed(dump):
                yield f"{dump.mark} has not landed, though everything was redriven"
        for day in {dump.day: None for dump in self.dumps.values()}:
            self._judge_reader(day)
            if manifest := self.manifest(day):
                named |= {o["key"] for table in manifest["tables"] for o in table["objects"]}
                yield from self._of_winner(day, manifest["export_task_identifier"])
                # A doubled message that began once more after its end, and then died, leaves a record of what is committed.
                named |= {
                    attempts_prefix(naming.landing_prefix(self.database), partition.name(day))
                    + f"{manifest['export_task_identifier']}.json",
                    key_of(naming.landing_prefix(self.database), partition.name(day)),
                }
        for key in self.system.s3.keys(self.system.landing):
            if key not in named:
                yield f"{key} is left in the landing zone"
        for key in {dump.key: None for dump in self.dumps.values()}:
            copy = self.system.s3.buckets.get(PRE_PRODUCTION_BUCKET, {}).get(key)
            if copy is None or copy.body != self.system.s3.buckets[self.system.data][key].body:
                yield f"pre-production does not have the latest {key}"

    def _of_winner(self, day: date, winner: str) -> Iterator[str]:
        complete = [
            task.snapshot for task in self.system.rds.tasks.values() if task.whole and self.dump_of(task.snapshot).day == day
        ]
        last = max(complete, key=self.order).identifier
        if winner != last:
            yield f"{winner} is committed for {day}, but {last} is of a later upload, or a later snapshot of the same"
        runs = sum(run.properties["export_task_identifier"] == winner for run in self.system.glue.runs)
        if runs != 1:
            yield f"the workflow of {winner} was started {runs} times"


def _is_about(heard: str | None, dead: str) -> bool:
    """Whether people heard of what is now a dead letter: itself, or the event that was made the command."""
    said = json.loads(dead)
    name = said.get("snapshot_identifier") or said.get("export_task_identifier")
    return heard is not None and (name in heard if name else heard == dead)


def _number(dump: Dump) -> int:
    return int(dump.version[1:])
