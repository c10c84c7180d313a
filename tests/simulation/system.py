"""The stack: the template's queues, rules, functions and task, wired as the template wires them, over the models."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import dump_loader.__main__ as loader
import prod_to_preprod.handler
import s3_to_s3_copier.handler
import snapshot_to_s3.handler
from dump_loader.database.loading import Loaded
from dump_loader.ingest import Target
from dump_loader.settings import Settings
from ingestion import messages
from liberator.snapshots import SnapshotStatus, tags_of
from local import ROOT
from local.emulator.cloud import PARAMETERS, PRE_PRODUCTION_BUCKET
from local.emulator.eventbridge import Bus, matches
from local.emulator.rds import events
from local.emulator.template import Resource, Template, load
from tests.simulation import rds
from tests.simulation.glue import Glue, Run
from tests.simulation.mapping import Mapping, settings_of
from tests.simulation.queues import Queue, Sns, Sqs, queues_of
from tests.simulation.rds import ARN, Durations, Rds, Snapshot
from tests.simulation.s3 import S3
from tests.simulation.threads import Threads
from tests.simulation.world import Actor, World, WorldClock, brief

HANDLERS = {module.__name__: module for module in (prod_to_preprod.handler, s3_to_s3_copier.handler, snapshot_to_s3.handler)}


@cache
def template() -> Template:
    """As it is deployed to production."""
    return load(ROOT / "template.yaml", PARAMETERS)


def name_of(logical_id: str) -> str:
    """The physical name of a bucket, queue, topic or workflow."""
    properties = template().resources[logical_id].properties
    return str(next(v for k, v in properties.items() if k in {"BucketName", "QueueName", "TopicName", "Name"}))


@dataclass
class Knobs:
    """The behaviour of AWS, apart from faults: each a draw of its own."""

    durations: Durations
    workflow: Callable[[], float]
    workflow_stopping: Callable[[], float]
    message_late: Callable[[], float]
    message_copies: Callable[[], int]
    event_late: Callable[[], float]
    event_copies: Callable[[], int]
    upload_late: Callable[[], float]
    upload_copies: Callable[[], int]
    deletion_lost: Callable[[], bool]


@dataclass
class Task:
    """A loader's task: the version of the dump that it was started for, and how it ended (None: not yet)."""

    version: str
    actor: Actor
    code: int | None = None


@dataclass
class System:
    """`told` is what people heard, `announced` what readers of the landing zone did."""

    world: World
    knobs: Knobs
    told: list[dict[str, Any]] = field(default_factory=list)
    announced: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    on_written: Callable[[str, str], None] = lambda _bucket, _key: None
    on_started: Callable[[Run], None] = lambda _run: None
    on_told: Callable[[dict[str, Any]], None] = lambda _told: None
    on_announced: Callable[[dict[str, Any]], None] = lambda _update: None
    on_sent: Callable[[Queue, str], None] = lambda _queue, _body: None
    on_task_ended: Callable[[Task], None] = lambda _task: None

    def __post_init__(self) -> None:
        found, world, knobs = template(), self.world, self.knobs
        queues = queues_of(found)
        sent = lambda queue, body: self.on_sent(queue, body)  # noqa: E731
        self.sqs = Sqs(world, queues, knobs.message_late, knobs.message_copies, sent)
        self.sns = Sns(world, self._published)
        self.s3 = S3(world, self._written)
        [database] = found.of_type("AWS::RDS::DBInstance")
        self.rds = Rds(
            world,
            self.s3,
            database.properties["DBInstanceIdentifier"],
            found.parameters["DatabaseName"],
            knobs.durations,
            self._rds_event,
            max_wait=3600 * float(found.parameters["MaxWaitHours"]),
        )
        concurrent = {w.ref: int(w.properties["MaxConcurrentRuns"]) for w in found.of_type("AWS::Glue::Workflow")}
        self.glue = Glue(world, concurrent, knobs.workflow, knobs.workflow_stopping, lambda run: self.on_started(run))
        clients = {"sqs": self.sqs, "sns": self.sns, "s3": self.s3, "rds": self.rds, "glue": self.glue}
        self.session = SimpleNamespace(client=lambda service, **_: clients[service])
        self.clock = WorldClock(world)
        self.threads = partial(Threads, world.chance)
        self.bus = Bus(
            found.of_type("AWS::Events::Rule"),
            {"sqs": self._to_queue, "sns": self._to_topic, "ecs": lambda _, overrides: self._run_task_later(overrides)},
        )
        for mapping in found.of_type("AWS::Lambda::EventSourceMapping"):
            self._map(mapping)
        self.data, self.landing = name_of("DataBucket"), name_of("LandingBucket")
        self.rds.world.after(0, self._others)

    def _map(self, mapping: Resource) -> None:
        [function] = [f for f in template().of_type("AWS::Lambda::Function") if f.ref == mapping.properties["FunctionName"]]
        module = HANDLERS[function.properties["Handler"].removesuffix(".handler")]
        given = {"threads": self.threads} if module is s3_to_s3_copier.handler else {}
        consumer = module.make_consumer(settings_of(module, function), self.session, self.clock, **given)
        Mapping(mapping, function, module.__name__.split(".")[0], consumer, self.sqs, self.knobs.deletion_lost)

    # ── what comes from outside ──

    def upload(self, key: str, body: bytes) -> None:
        self.world.tell("supplier", f"uploads {key}")
        self.s3.store(self.data, key, body)

    def load_again(self, version: str, key: str, at: str) -> None:
        """As docs/operations.md says: by hand, with the file and the time of its upload."""
        self.world.tell("person", f"loads {key} again")
        values = {"DUMP_KEY": key, "EVENT_TIME": at}
        environment = [{"name": name, "value": value} for name, value in values.items()]
        self._run_task({"containerOverrides": [{"environment": environment}]}, version)

    def _others(self) -> None:
        """Snapshots that are not ours, of which RDS tells every queue too."""
        run = messages.Run(import_date=self.world.now.date(), backdated=False)
        garbled = [
            tag | {"Value": "yesterday"} if tag["Key"] == "import-date" else tag
            for tag in tags_of(run, correlation_id="c", row_counts_uri="r")
        ]
        for identifier, instance, kind, tags in (
            ("before-upgrade", self.rds.instance, "manual", []),
            ("sql-to-parquet-2020-01-01-000000", self.rds.instance, "manual", []),
            ("sql-to-parquet-2020-01-02-000000", self.rds.instance, "manual", garbled),
            ("rds:automated", self.rds.instance, "automated", []),
            ("somebody-elses", "another-instance", "manual", []),
        ):
            self.rds.snapshots[identifier] = snapshot = Snapshot(
                identifier=identifier,
                arn=ARN + identifier,
                instance=instance,
                kind=kind,
                tags=tags,
                created_at=self.world.now,
                status=SnapshotStatus.AVAILABLE,
            )
            for event_id in ("RDS-EVENT-0042", "RDS-EVENT-0161"):
                self._rds_event(snapshot.event(event_id, self.world.now))
        [topic] = {s.properties["SnsTopicArn"] for s in template().of_type("AWS::RDS::EventSubscription")}
        self._published(topic, "This is to notify you that a subscription was made.")

    # ── what AWS carries where ──

    def _written(self, bucket: str, key: str) -> None:
        self.on_written(bucket, key)
        if bucket != self.data or key not in self.s3.buckets[bucket]:
            return
        detail = {
            "bucket": {"name": bucket},
            "object": {"key": key, "version-id": self.s3.buckets[bucket][key].version},
            "reason": "PutObject",
        }
        for _ in range(self.knobs.upload_copies()):
            self._put({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})

    def _rds_event(self, event: events.RdsEvent) -> None:
        for _ in range(self.knobs.event_copies()):
            body = events.eventbridge_event(event)
            self.world.after(self.knobs.event_late(), lambda body=body: self._put(body))
        for subscription in template().of_type("AWS::RDS::EventSubscription"):
            p = subscription.properties
            if event.category in p["EventCategories"]:
                for _ in range(self.knobs.event_copies()):
                    tell = partial(self._published, p["SnsTopicArn"], events.sns_message(event))
                    self.world.after(self.knobs.event_late(), tell)

    def _put(self, event: dict[str, Any]) -> None:
        event["time"] = f"{self.world.now:%Y-%m-%dT%H:%M:%SZ}"
        self.bus.put(event)

    def _to_queue(self, target: dict[str, Any], body: Any) -> None:
        self.sqs.put(self.sqs.queues[target["Arn"].rsplit(":", 1)[-1]], json.dumps(body))

    def _to_topic(self, target: dict[str, Any], body: Any) -> None:
        self._published(target["Arn"], json.dumps(body))

    def _published(self, topic: str, message: str) -> None:
        name = topic.rsplit(":", 1)[-1]
        if name == name_of("AlertsTopic"):
            heard = json.loads(message)
            ours = isinstance(heard, dict) and "kind" in heard
            self.told.append(heard if ours else {"kind": "Alert", "text": heard})
            self.on_told(self.told[-1])
            self.world.tell("people", f"hear {brief(message)}")
        elif name == name_of("EventsTopic"):
            self.announced.append(json.loads(message))
            self.on_announced(self.announced[-1])
            self.world.tell("readers", f"hear of {brief(message)}")
        for subscription in template().of_type("AWS::SNS::Subscription"):
            if subscription.properties["TopicArn"] == topic and subscription.properties["Protocol"] == "sqs":
                queue = self.sqs.queues[subscription.properties["Endpoint"].rsplit(":", 1)[-1]]
                self.sqs.put(queue, json.dumps({"Type": "Notification", "TopicArn": topic, "Message": message}))

    # ── the loader ──

    def _run_task_later(self, overrides: dict[str, Any]) -> None:
        [container] = overrides["containerOverrides"]
        [version] = [e["value"] for e in container["environment"] if e["name"] == "DUMP_VERSION_ID"]
        self.world.after(self.knobs.upload_late(), lambda: self._run_task(overrides, version))

    def _run_task(self, overrides: dict[str, Any], version: str) -> None:
        [definition] = template().of_type("AWS::ECS::TaskDefinition")
        [container] = [c for c in definition.properties["ContainerDefinitions"] if c["Essential"]]
        environment = {e["Name"]: str(e["Value"]) for e in container["Environment"]}
        environment |= {"DB_CREDENTIALS": '{"username": "loader", "password": "secret"}'}
        environment |= {e["name"]: e["value"] for e in overrides["containerOverrides"][0]["environment"]}
        actor = Actor(f"dump_loader {len(self.tasks) + 1}", stopped=loader.Stopped)
        task = Task(version, actor)
        self.tasks.append(task)

        def run() -> int:
            for name in ("DUMP_BUCKET", "DUMP_KEY", "DUMP_VERSION_ID", "EVENT_TIME"):
                os.environ.pop(name, None)
            os.environ.update(environment)
            aws = loader.Aws(rds=self.rds, s3=self.s3, sns=self.sns, sqs=self.sqs)
            load_id = UUID(int=self.world.chance.getrandbits(128), version=4)
            return loader.run(aws, self.clock, self.threads(), self._target, load_id=str(load_id))

        def ended(code: object) -> None:
            task.code = code if isinstance(code, int) else 137
            self.world.tell(actor.name, f"ends with {task.code} {'' if isinstance(code, int) else repr(code)}")
            if self.rds.lock is actor:
                self.rds.lock = None
            self.on_task_ended(task)
            self.world.after(self.knobs.message_late(), lambda: self._put(_stopped(task.code)))

        self.world.start(actor, run, ended)

    def _target(self, settings: Settings) -> Target:
        """The database of the model of RDS; the load into it is the model's, too."""

        def load(chunks: Iterable[bytes], *_: object, loaded: Loaded, **__: object) -> None:
            loaded.bytes += rds.load(self.rds, b"".join(chunks))

        connect = lambda _database: rds.Connection(self.rds)  # noqa: E731
        return Target(settings.db_instance_identifier, settings.db_name, connect, load)


def _stopped(code: int | None) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html"""
    [definition] = template().of_type("AWS::ECS::TaskDefinition")
    return {
        "source": "aws.ecs",
        "detail-type": "ECS Task State Change",
        "detail": {
            "clusterArn": template().resources["Cluster"].arn,
            "taskArn": "arn:aws:ecs:eu-west-2:123456789012:task/0",
            "taskDefinitionArn": f"{definition.arn.removesuffix(':1')}:1",
            "lastStatus": "STOPPED",
            "stopCode": "EssentialContainerExited",
            "stoppedReason": "Essential container in task exited",
            "containers": [{"exitCode": code}],
        },
    }


__all__ = ["PRE_PRODUCTION_BUCKET", "Knobs", "System", "matches", "name_of", "template"]
