"""The whole system on one machine: the template's resources, wired as the template wires them, and running.

Stands in for an AWS account with the stack in it. How it differs: one account holds the pre-production bucket as well, time
that messages and RDS wait is scaled, and a run with a fresh account begins in seconds and leaves nothing.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from cubic.settings import DatabaseSettings
from cubic.store.database import Credentials, PostgreSql
from dump_loader.sql.server import Flavour
from local import ROOT
from local.emulator import glue_scripts, guard
from local.emulator.aws import LocalAws, event_of
from local.emulator.database_server import DatabaseServer
from local.emulator.ecs import EcsAgent
from local.emulator.eventbridge import Bus
from local.emulator.functions import Function, SourceHost
from local.emulator.glue import job_runs, workflow_runs
from local.emulator.glue_jobs import GlueJobs
from local.emulator.lambda_runtime import emulated_hosts
from local.emulator.pollers import Poller
from local.emulator.postgres_server import PostgresServer
from local.emulator.rds import RdsEvent, RdsStandIn, eventbridge_event, sns_attributes, sns_message
from local.emulator.schedules import Schedules
from local.emulator.stack import SECRET, create_bucket, deploy, generated
from local.emulator.story import Story, kind_of
from local.emulator.template import Resource, Template, load
from local.emulator.trino_server import TrinoServer

PREFIX = "dataplatform-stg"  # that of events/
PRE_PRODUCTION_BUCKET = "dataplatform-preprod-liberator-data-storage"
LISTENER = f"{PREFIX}-people"  # a queue that is subscribed to what people and readers are told
PARAMETERS = {
    "Prefix": PREFIX,
    "Environment": "production",
    "VpcId": "vpc-local",
    "SubnetIds": "subnet-a,subnet-b",
    "PreProductionBucketName": PRE_PRODUCTION_BUCKET,
}
DATA_COMMONS = {"IngestDataCommons": "true"}
CUBIC = {"IngestCubic": "true", "CubicKafkaTopics": "sample", "CubicDmapHosts": "127.0.0.1"}

_FIELD = re.compile(r"((?:[^:]*:){6}[^:]*)(?::([^:]*)::)?")  # of a secret: ARN, and the key of a field


class Cloud:
    """Context manager: everything runs inside its block, and nothing is left after it.

    `parameters` are the template's; `time_scale` is how many real seconds a second of SQS delay takes;
    `built` runs what `sam build` built, under Lambda's runtime, instead of the source; without `polling` messages stay on
    their queues and functions run only when they are invoked;
    `glue` lets Glue's workflows run their jobs, on Spark, with the queries of the folder `transforms`, if any; without it a
    run only takes `workflow_seconds`, or longer, while `hold_workflows` is true;
    `server` is one that runs already, otherwise one of `flavour` is started;
    `cubic` is the second source, with a PostgreSQL server, whose tables are made; without `liberator` nothing of the first
    runs, and there is no server for its dumps; `schedules` lets its rules come by time;
    `data_commons` is the third source, and `trino` a server for it, whose token its secret has;
    `also_on` is an address by which containers reach this machine: the AWS and PostgreSQL answer there too;
    `copies(event, way)` says how often each RDS event arrives by "sns" and by "eventbridge", 0 for a lost one.
    """

    def __init__(
        self,
        *,
        parameters: Mapping[str, str] | None = None,
        time_scale: float = 1 / 600,
        snapshot_seconds: float = 2.0,
        export_seconds: float = 3.0,
        workflow_seconds: float = 1.0,
        glue: bool = False,
        transforms: Path | None = None,
        cubic: bool = False,
        liberator: bool = True,
        data_commons: bool = False,
        trino: bool = True,
        schedules: bool = False,
        also_on: str | None = None,
        copies: Callable[[RdsEvent, str], int] = lambda _event, _way: 1,
        built: bool = False,
        polling: bool = True,
        server: DatabaseServer | None = None,
        flavour: Flavour | None = None,
        story: Story | None = None,
    ) -> None:
        optional = (CUBIC if cubic else {}) | (DATA_COMMONS if data_commons else {})
        self.parameters = PARAMETERS | optional | dict(parameters or {})
        self.cubic, self.liberator, self.schedules = cubic, liberator, schedules
        self.data_commons, self._has_trino = data_commons, data_commons and trino
        self.also_on = also_on
        self.time_scale = time_scale
        self.snapshot_seconds, self.export_seconds = snapshot_seconds, export_seconds
        self.workflow_seconds = workflow_seconds
        self.hold_workflows = False
        self.glue, self.transforms = glue, transforms
        self.copies = copies
        self.story = story or Story()
        self.told: list[dict[str, Any]] = []
        self._built, self._polling = built, polling
        self._server, self._flavour = server, flavour
        self._stopping = False

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.directory = guard.folder()
            stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            self.server = self._server or DatabaseServer(flavour=self._flavour)
            if self.liberator and not self._server:
                stack.enter_context(self.server)
            stack.enter_context(workflow_runs(lambda workflow, run_id: self._carry_out(workflow, run_id)))
            self.aws = stack.enter_context(LocalAws(self.time_scale, on_sent=self._sent, on_event=self._event))
            jobs = job_runs(lambda *run: self._carry_out_job(*run), lambda *end: self._job_ended(*end))
            stack.enter_context(jobs)
            self.postgres = stack.enter_context(PostgresServer(also_on=self.also_on)) if self.cubic else None
            self.trino = stack.enter_context(self._trino_server()) if self._has_trino else None
            self.template = self._load()
            deploy(self.template, self.aws)
            self._deploy_what_is_not_ours()
            self.s3 = self.aws.client("s3")
            self.log_path = self.directory / "log"
            log = stack.enter_context(self.log_path.open("ab"))
            self.glue_jobs = self._glue_jobs(log) if self.glue else None
            if self.glue_jobs:
                stack.callback(self.glue_jobs.stop)
            if self.liberator:
                self._start_databases(stack)
            self._start_tasks(stack, log)
            self.bus = Bus(
                self.template.of_type("AWS::Events::Rule"),
                {"sqs": self._to_queue, "sns": self._to_topic, "ecs": self._to_cluster},
            )
            self._start_functions(stack, log)
            if self.cubic:
                self.functions["MigrateMetadataFunction"].invoke({})
            stack.callback(self._stop_listening)
            self._open = stack.pop_all()
        if self.schedules:
            self.start_schedules()
        if self.liberator:
            self._announce_subscriptions()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def start_schedules(self) -> None:
        """From now on the rules that come by time do."""
        timer = Schedules(self.template.of_type("AWS::Events::Rule"), self.time_scale, self._to_queue)
        timer.start()
        self._open.callback(timer.stop)

    def name_of(self, logical_id: str) -> str:
        """The physical name that the template gives a bucket, queue, topic, function or workflow."""
        properties = self.template.resources[logical_id].properties
        return str(next(v for k, v in properties.items() if k in {"BucketName", "QueueName", "TopicName", "Name"}))

    def metadata(self) -> PostgreSql:
        """Cubic's database, by a connection of its own."""
        assert self.postgres is not None
        account = Credentials(self.postgres.user, self.postgres.password)
        environment = self.functions["MigrateMetadataFunction"].environment
        return PostgreSql(DatabaseSettings.model_validate(environment), lambda: account)

    def queue_url(self, name: str) -> str:
        """The URL of a queue by its name without the prefix, e.g. `s3-to-s3-copier-dlq`."""
        return str(self.aws.client("sqs").get_queue_url(QueueName=f"{PREFIX}-{name}")["QueueUrl"])

    def send(self, queue: str, body: str) -> None:
        """Puts a message on a queue, as a person who replays one does."""
        self.aws.client("sqs").send_message(QueueUrl=self.queue_url(queue), MessageBody=body)

    def upload(self, dump: Path, key: str) -> None:
        """Upload a dump, as the supplier does."""
        self.s3.upload_file(str(dump), self.name_of("DataBucket"), key)

    def run_task_by_hand(self, **environment: str) -> None:
        """Start the loader's task as a person does: by RunTask, with container overrides."""
        variables = [{"name": name, "value": value} for name, value in environment.items()]
        self.ecs.run_task({"containerOverrides": [{"name": self.ecs.essential["Name"], "environment": variables}]})

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the messages of one kind that the topics ingestion-events and ingestion-alerts have published."""
        return [told for told in list(self.told) if told.get("kind") == kind]

    def _load(self) -> Template:
        attributes = {"Database.Endpoint.Address": self.server.host, "Database.Endpoint.Port": str(self.server.port)}
        access = self.trino.access if self.trino else None
        if access:
            found = {"TrinoHost": access.host, "TrinoPort": str(access.port), "TrinoUser": access.user}
            self.parameters = found | self.parameters
            secret = self.aws.client("secretsmanager").create_secret(Name="TrinoTokenSecret", SecretString=access.token())
            attributes["TrinoTokenSecret"] = secret["ARN"]
        template = load(
            ROOT / "template.yaml",
            self.parameters,
            queue_url=lambda name: f"{self.aws.endpoint}/123456789012/{name}",
            attributes=attributes | self._metadata(),
        )
        for function in template.of_type("AWS::Lambda::Function"):
            variables = function.properties["Environment"]["Variables"]
            if self.postgres and "DB_CA_BUNDLE" in variables:  # in AWS it is in the artefact
                variables["DB_CA_BUNDLE"] = str(self.postgres.ca_bundle)
            if access and "TRINO_HOST" in variables:  # in AWS a public authority has signed its certificate
                variables["TRINO_CA_BUNDLE"] = access.ca_bundle
        return template

    def _trino_server(self) -> TrinoServer:
        return TrinoServer(self.aws.endpoint, glue=bool(self.parameters.get("TrinoGlueSchemas")))

    def _metadata(self) -> dict[str, str]:
        """The place of Cubic's database, and the secrets, as RDS and CloudFormation make them."""
        if self.postgres is None:
            return {}
        secrets = self.aws.client("secretsmanager")
        account = json.dumps({"username": self.postgres.user, "password": self.postgres.password})
        master = secrets.create_secret(Name="rds!db-cubic-metadata", SecretString=account)
        return {
            "CubicDatabase.Endpoint.Address": self.postgres.host,
            "CubicDatabase.Endpoint.Port": str(self.postgres.port),
            "CubicDatabase.MasterUserSecret.SecretArn": master["ARN"],
            "CubicApiSecret": secrets.create_secret(Name="CubicApiSecret")["ARN"],
        }

    def _deploy_what_is_not_ours(self) -> None:
        """The other account's bucket, and a listener where in AWS an e-mail or a consumer is subscribed."""
        create_bucket(self.aws.client("s3"), {"BucketName": PRE_PRODUCTION_BUCKET})
        sqs, sns = self.aws.client("sqs"), self.aws.client("sns")
        url = sqs.create_queue(QueueName=LISTENER)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        for topic in ("AlertsTopic", "EventsTopic"):
            topic_arn = sns.create_topic(Name=self.name_of(topic))["TopicArn"]
            sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})

    def _start_databases(self, stack: ExitStack) -> None:
        """RDS, with the instance that dumps are loaded into."""
        s3, (snapshot, export) = self.aws.client("s3"), (self.snapshot_seconds, self.export_seconds)
        standin = RdsStandIn(self.server, s3, self._rds_event, snapshot_seconds=snapshot, export_seconds=export)
        self.rds = stack.enter_context(standin)
        self.instance = str(self.template.resources["Database"].properties["DBInstanceIdentifier"])
        self.rds.register_instance(self.aws.client("rds"), self.instance)

    def _start_tasks(self, stack: ExitStack, log: Any) -> None:
        """An agent for each task definition. The dump loader's has a name of its own."""
        self.tasks: dict[str, EcsAgent] = {}
        cluster = self.template.resources["Cluster"].arn
        for definition in self.template.of_type("AWS::ECS::TaskDefinition"):
            of_dumps = definition.logical_id == "DumpLoaderTaskDefinition"
            if of_dumps and not self.liberator:
                continue
            secrets = self._secrets_of(definition)
            replaced = {"DB_CA_BUNDLE": str(self.server.ca_bundle)} if of_dumps else {}
            environment = self.aws.environment
            agent = EcsAgent(definition, cluster, environment, secrets, replaced, log, self.story, self._event)
            self.tasks[definition.ref] = agent
            stack.callback(agent.stop)
            if of_dumps:
                self.ecs = agent

    def _secrets_of(self, definition: Resource) -> dict[str, str]:
        """The values of a task's secrets, a whole one or a field of it, by what they are taken from.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
        """
        master = json.dumps({"username": self.server.user, "password": self.server.password})
        made = {s.ref: s.properties for s in self.template.of_type(SECRET)}
        values = {ref: p["SecretString"] for ref, p in made.items() if "SecretString" in p}
        values |= {ref: generated(p["GenerateSecretString"]) for ref, p in made.items() if "GenerateSecretString" in p}
        found: dict[str, str] = {}
        for secret in (s for c in definition.properties["ContainerDefinitions"] for s in c["Secrets"]):
            arn, field = _FIELD.fullmatch(secret["ValueFrom"]).groups()  # type: ignore[union-attr]
            value = values.get(arn, master)
            found[secret["ValueFrom"]] = json.loads(value)[field] if field else value
        return found

    def _glue_jobs(self, log: Any) -> GlueJobs:
        glue_scripts.push(self.s3, self.name_of("GlueAssetsBucket"), self.transforms)
        return GlueJobs(self.template, self.aws, log, self.story, self._event)

    def _carry_out(self, workflow: str, run_id: str) -> None:
        if self.glue_jobs:
            self.glue_jobs.carry_out(workflow, run_id)
        else:
            time.sleep(self.workflow_seconds)
            while self.hold_workflows:
                time.sleep(0.05)

    def _carry_out_job(self, job: str, run_id: str, arguments: dict[str, str]) -> tuple[str, str]:
        if self.glue_jobs:
            return self.glue_jobs.run(job, run_id, arguments)
        time.sleep(self.workflow_seconds)
        return "SUCCEEDED", ""

    def _job_ended(self, job: str, run_id: str, state: str, message: str) -> None:
        if self.glue_jobs:
            self.glue_jobs.ended(job, run_id, state, message)
        else:
            detail = {"jobName": job, "jobRunId": run_id, "state": state, "message": message}
            self._event(event_of("aws.glue", "Glue Job State Change", detail, []))

    def _start_functions(self, stack: ExitStack, log: Any) -> None:
        sqs = self.aws.client("sqs")
        resources = self.template.of_type("AWS::Lambda::Function")
        new_host = stack.enter_context(emulated_hosts()) if self._built else SourceHost
        self.functions = {r.logical_id: Function(r, self.aws.environment, log, new_host) for r in resources}
        functions = list(self.functions.values())
        pollers = []
        for mapping in self.template.of_type("AWS::Lambda::EventSourceMapping") if self._polling else []:
            function = next(f for f in functions if mapping.properties["FunctionName"] in {f.name, f.arn})
            if not self.liberator and not function.resource.path.startswith(("Cubic/", "DataCommons/")):
                continue
            queue = mapping.properties["EventSourceArn"].rsplit(":", 1)[-1]
            url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
            pollers.append(Poller(mapping, function, url, sqs, time_scale=self.time_scale, story=self.story))

        def stop() -> None:
            for poller in pollers:
                poller.stop()
            for function in functions:
                function.stop()
            for poller in pollers:
                poller.join()

        stack.callback(stop)

    def _stop_listening(self) -> None:
        self._stopping = True

    def _sent(self, queue: str, body: str, delay: int) -> None:
        if queue == LISTENER:
            document = json.loads(body)
            ours = isinstance(document, dict) and "kind" in document
            event = document if ours else {"kind": "Alert", "text": _in_words(document)}
            self.told.append(event)
            self.story.tell(event["kind"], event.get("reason") or event.get("text") or "")
        else:
            self.story.tell(kind_of(body), queue=queue.removeprefix(f"{PREFIX}-"), delay=delay)

    def _event(self, event: dict[str, Any]) -> None:
        if not self._stopping:
            self.bus.put(event)

    def _rds_event(self, event: RdsEvent) -> None:
        if self._stopping:
            return
        self.story.tell(event.event_id, event.message)
        for subscription in self.template.of_type("AWS::RDS::EventSubscription"):
            p = subscription.properties
            if event.category in p["EventCategories"]:
                for _ in range(self.copies(event, "sns")):
                    self.aws.client("sns").publish(
                        TopicArn=p["SnsTopicArn"], Message=sns_message(event), MessageAttributes=sns_attributes(event)
                    )
        for _ in range(self.copies(event, "eventbridge")):
            self.bus.put(eventbridge_event(event))

    def _announce_subscriptions(self) -> None:
        """The first message on a subscription is plain text.

        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Subscribing.html
        """
        for subscription in self.template.of_type("AWS::RDS::EventSubscription"):
            p = subscription.properties
            text = f"RDS will send events of {p['SourceType']} to this topic."
            self.aws.client("sns").publish(TopicArn=p["SnsTopicArn"], Message=text)

    def _to_queue(self, target: dict[str, Any], body: Any) -> None:
        url = self.aws.client("sqs").get_queue_url(QueueName=target["Arn"].rsplit(":", 1)[-1])["QueueUrl"]
        self.aws.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(body))

    def _to_cluster(self, target: dict[str, Any], overrides: Any) -> None:
        self.tasks[target["EcsParameters"]["TaskDefinitionArn"]].run_task(overrides)

    def _to_topic(self, target: dict[str, Any], body: Any) -> None:
        self.aws.client("sns").publish(TopicArn=target["Arn"], Message=json.dumps(body))


def _in_words(alert: Any) -> str:
    """A rule's alert, field by field."""
    return "; ".join(f"{field}: {said}" for field, said in alert.items()) if isinstance(alert, dict) else str(alert)
