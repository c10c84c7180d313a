"""What must be so: at every write, when a workflow starts, when all is quiet, and after people have mended everything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from ingestion import naming
from tests.simulation.glue import Run
from tests.simulation.rds import Snapshot, Tables
from tests.simulation.system import PRE_PRODUCTION_BUCKET, System, name_of

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
        self.system.on_told = self._heard

    # ── what is there ──

    def manifest(self, day: date) -> dict[str, Any] | None:
        stored = self.system.s3.buckets.get(self.system.landing, {}).get(naming.manifest_key(self.database, day))
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
        return (_number(self.dump_of(snapshot)), snapshot.created, snapshot.identifier)

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

    def _written(self, bucket: str, _key: str) -> None:
        if bucket == self.system.landing:
            for day in {dump.day for dump in self.dumps.values()}:
                self._judge_reader(day)

    def _judge_reader(self, day: date) -> None:
        manifest = self.manifest(day)
        if manifest is None:
            return
        there = self.system.s3.buckets[self.system.landing]
        dump = self.dumps[manifest["correlation_id"].rsplit("@", 1)[-1]]
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

    def _heard(self, told: dict[str, Any]) -> None:
        """A redrive begins a new wait. What SQS itself has moved keeps the wait that it had begun: it may end once more."""
        if told.get("error") == "BudgetSpent":
            redrives = self._given_up.setdefault(told["message"], self.redrives)
            if redrives != self.redrives:
                self.world.violate(f"given up again at once after a redrive: {told['message'][:100]}")

    # ── when all is quiet ──

    def quiet(self) -> None:
        """Nothing waits or runs any more, and whatever did not land is known to people and can be redriven."""
        for queue in self.system.sqs.queues.values():
            if queue.dead and queue.letters:
                self.world.violate(f"{queue.name} still holds {len(queue.letters)} messages")
        for dump in self.dumps.values():
            if not self.landed(dump) and not self._told(self._successor(dump)):
                self.world.violate(f"{dump.mark} has not landed, and nobody was told")
        for day in {dump.day: None for dump in self.dumps.values()}:
            self._judge_leftovers(day)

    def _judge_leftovers(self, day: date) -> None:
        """A commit takes away what earlier copies of its day have left, unless it has died itself before."""
        manifest = self.manifest(day)
        if manifest is None or any(manifest["export_task_identifier"] in body for body in self.dead_letters()):
            return
        there = self.system.s3.buckets[self.system.landing]
        winner = self.dump_of(self._snapshot(manifest["export_task_identifier"]))
        committed = there[naming.manifest_key(self.database, day)].modified
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
                    naming.attempt_key(self.database, day, manifest["export_task_identifier"]),
                    naming.manifest_key(self.database, day),
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
            task.snapshot
            for task in self.system.rds.tasks.values()
            if task.status == "COMPLETE" and self.dump_of(task.snapshot).day == day
        ]
        last = max(complete, key=self.order).identifier
        if winner != last:
            yield f"{winner} is committed for {day}, but {last} is of a later upload, or a later snapshot of the same"
        runs = sum(run.properties["export_task_identifier"] == winner for run in self.system.glue.runs)
        if runs != 1:
            yield f"the workflow of {winner} was started {runs} times"


def _number(dump: Dump) -> int:
    return int(dump.version[1:])
