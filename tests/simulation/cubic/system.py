"""Cubic's functions and queues as the template wires them, over the models of AWS and a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

from cubic.finishing import ENDED, JobRunState
from cubic.functions import finish_ingestion, move_load, register_load, start_ingestion, sweep_incoming
from local import ROOT
from local.emulator import cloud
from local.emulator.eventbridge import Bus
from local.emulator.template import Resource, Template, load
from tests.simulation.cubic import job
from tests.simulation.cubic.database import Connection, SimulatedDatabase
from tests.simulation.cubic.glue import Glue, JobRun
from tests.simulation.cubic.s3 import S3
from tests.simulation.mapping import Mapping, settings_of
from tests.simulation.queues import Sns, Sqs, queues_of
from tests.simulation.threads import Threads
from tests.simulation.world import Actor, World, WorldClock, brief

# The three other functions are tested by themselves: a file in Incoming is a load, whichever way it came.
MODULES = {
    f"{module.__name__}.handler": module
    for module in (finish_ingestion, move_load, register_load, start_ingestion, sweep_incoming)
}
THREADED = (move_load, start_ingestion, sweep_incoming)
MINUTE, HOUR = 60.0, 3600.0


@cache
def template() -> Template:
    """As it is deployed with Cubic."""
    return load(ROOT / "template.yaml", cloud.PARAMETERS | {"IngestCubic": "true"})


@dataclass
class Names:
    """Physical names that the template gives."""

    incoming: str
    archive: str
    error: str
    springboard: str
    raw: str
    raw_database: str
    alerts: str


@cache
def names() -> Names:
    resources = template().resources
    buckets = [
        str(resources[name].properties["BucketName"])
        for name in ("IncomingBucket", "ArchiveBucket", "ErrorBucket", "SpringboardBucket", "RawBucket")
    ]
    return Names(*buckets, resources["CubicRawDatabase"].ref, resources["AlertsTopic"].ref)


@dataclass
class Knobs:
    """The behaviour of AWS, apart from faults: each a draw of its own."""

    event_late: Callable[[], float]
    event_copies: Callable[[], int]
    message_late: Callable[[], float]
    message_copies: Callable[[], int]
    message_refused: Callable[[], bool]
    deletion_lost: Callable[[], bool]
    job_starts: Callable[[], float]
    job_ends: Callable[[], JobRunState]
    sweeps_every: Callable[[float], float]


@dataclass
class System:
    """`told` is what people heard. `deaths` counts, by load, the runs that died while they had it."""

    world: World
    knobs: Knobs
    connect: Callable[[], Connection]
    told: list[dict[str, Any]] = field(default_factory=list)
    deaths: dict[int, int] = field(default_factory=dict)
    on_told: Callable[[dict[str, Any]], None] = lambda _told: None
    sweeping: bool = True
    calls_until_quiet: int = 0

    def __post_init__(self) -> None:
        found, world, knobs = template(), self.world, self.knobs
        self.names = names()
        queues = queues_of(found)
        self.sqs = Sqs(world, queues, knobs.message_late, knobs.message_copies, refuses=knobs.message_refused)
        self.sns = Sns(world, self._published)
        self.s3 = S3(world, self._written)
        [ingest] = [j for j in found.of_type("AWS::Glue::Job") if j.logical_id == "IngestJob"]
        self.job = str(ingest.properties["Name"])
        self.glue = Glue(world, int(ingest.properties["ExecutionProperty"]["MaxConcurrentRuns"]), self._start_job)
        clients = {"sqs": self.sqs, "sns": self.sns, "s3": self.s3, "glue": self.glue}
        self.session = SimpleNamespace(client=lambda service, **_: clients[service])
        self.db = SimulatedDatabase(world, self.connect)
        self.bus = Bus(
            [rule for rule in found.of_type("AWS::Events::Rule") if "EventPattern" in rule.properties],
            {"sqs": self._to_queue, "sns": lambda *_: None, "ecs": lambda *_: None},
        )
        for mapping in found.of_type("AWS::Lambda::EventSourceMapping"):
            self._map(mapping)
        [self._schedule] = [
            target
            for rule in found.of_type("AWS::Events::Rule")
            for target in rule.properties["Targets"]
            if "SweepIncoming" in str(target.get("Input"))
        ]
        world.after(1, self._sweep)

    def _map(self, mapping: Resource) -> None:
        [function] = [f for f in template().of_type("AWS::Lambda::Function") if f.ref == mapping.properties["FunctionName"]]
        module = MODULES.get(function.properties["Handler"])
        if module is None:
            return
        given = [partial(Threads, self.world.chance)] if module in THREADED else []
        consumer = module.make_consumer(
            settings_of(module, function),
            self.session,  # type: ignore[arg-type]
            WorldClock(self.world),
            self.db,
            *given,
        )
        name = module.__name__.rsplit(".", 1)[-1]
        Mapping(mapping, function, name, consumer, self.sqs, self.knobs.deletion_lost)

    # ── what comes from outside ──

    def upload(self, key: str, body: bytes) -> str:
        """Returns the version."""
        self.world.tell("supplier", f"uploads {key}: {body.decode()}")
        return self.s3.store(self.names.incoming, key, body)

    def count_calls(self) -> None:
        self.calls_until_quiet = len(self.world.calls)

    def resume_sweeps(self) -> None:
        self.sweeping = True
        self.world.after(1, self._sweep)

    def dead_letters(self) -> int:
        return sum(len(queue.letters) for name, queue in self.sqs.queues.items() if name.endswith("-dlq"))

    def redrive(self) -> None:
        for queue in self.sqs.queues.values():
            if queue.dead:
                dead = self.sqs.queues[queue.dead]
                letters, dead.letters = dead.letters, []
                for letter in letters:
                    self.sqs.put(queue, letter.body)

    # ── what AWS carries where ──

    def _sweep(self) -> None:
        if self.sweeping:
            self._to_queue(self._schedule, json.loads(self._schedule["Input"]))
            self.world.after(self.knobs.sweeps_every(self.world.seconds), self._sweep)

    def _written(self, bucket: str, key: str) -> None:
        if bucket != self.names.incoming or key not in self.s3.buckets[bucket]:
            return
        detail = {
            "bucket": {"name": bucket},
            "object": {"key": key, "version-id": self.s3.buckets[bucket][key].version},
            "reason": "PutObject",
        }
        self._announce("aws.s3", "Object Created", detail)

    def _announce(self, source: str, kind: str, detail: dict[str, Any]) -> None:
        event = {"source": source, "detail-type": kind, "detail": detail}
        for _ in range(self.knobs.event_copies()):
            self.world.after(self.knobs.event_late(), lambda: self.bus.put(dict(event)))

    def _to_queue(self, target: dict[str, Any], body: Any) -> None:
        self.sqs.put(self.sqs.queues[target["Arn"].rsplit(":", 1)[-1]], json.dumps(body))

    def _published(self, topic: str, message: str) -> None:
        if topic == self.names.alerts:
            self.told.append(json.loads(message))
            self.world.tell("people", f"hear {brief(message)} {self.told[-1].get('reason', '')}")
            self.on_told(self.told[-1])

    # ── the job ──

    def _start_job(self, run: JobRun) -> None:
        batch = run.arguments["--batch"]
        if any(it is not run and it.arguments["--batch"] == batch and it.state not in ENDED for it in self.glue.runs):
            self.world.violate(f"two runs of batch {batch} at once")
        self.world.after(self.knobs.job_starts(), lambda: self._run_job(run))

    def _run_job(self, run: JobRun) -> None:
        run.state = JobRunState.RUNNING
        self.world.tell(run.id, f"begins with batch {run.arguments['--batch']}")

        def ended(result: object) -> None:
            run.state = self.knobs.job_ends() if result is None else JobRunState.FAILED
            self.world.tell(run.id, f"ends as {run.state} {result or ''}")
            self._count_deaths(run.arguments["--batch"])
            detail = {"jobName": self.job, "jobRunId": run.id, "state": run.state, "message": ""}
            self._announce("aws.glue", "Glue Job State Change", detail)

        self.world.start(Actor(run.id), lambda: job.ingest(run, self), ended)

    def _count_deaths(self, batch: str) -> None:
        there = self.s3.buckets[self.names.springboard]
        document, result = (there.get(f"_work/{batch}/{name}.json") for name in ("batch", "result"))
        told = json.loads(result.body)["loads"] if result else {}
        for it in json.loads(document.body)["loads"] if document else ():
            if str(it["load_id"]) not in told:
                self.deaths[it["load_id"]] = self.deaths.get(it["load_id"], 0) + 1
