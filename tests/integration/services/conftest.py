"""Queues, topics and a function's environment in moto's AWS."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto.glue.models import glue_backends
from moto.rds.models import rds_backends
from moto.sqs.models import sqs_backends

import prod_to_preprod.handler
import s3_to_s3_copier.handler
import snapshot_to_s3.handler
from ingestion.messages import Run
from tests.fakes import SNAPSHOT_TIME, FakeContext
from tests.lake import DAY, Lake

SNAPSHOT = {
    "COPIER_QUEUE_URL": "http://unused",
    "EXPORT_BUCKET": "exports",
    "EXPORT_ROLE_ARN": "arn:aws:iam::123456789012:role/export",
    "EXPORT_KMS_KEY_ARN": "arn:aws:kms:eu-west-2:123456789012:key/k",
    "DATABASE_NAME": "liberator",
}
COPIER = {
    "EXPORT_BUCKET": "exports",
    "LANDING_BUCKET": "landing",
    "DATABASE_NAME": "liberator",
    "EVENTS_TOPIC_ARN": "arn:aws:sns:eu-west-2:123456789012:events",
    "DAILY_WORKFLOW": "daily",
    "BACKDATED_WORKFLOW": "backdated",
}
DATA = "dataplatform-stg-liberator-data-storage"
REPLICATOR = {"DATA_BUCKET": DATA, "PRE_PRODUCTION_BUCKET": "pre-production"}
MODULES = {
    "snapshot_to_s3": (snapshot_to_s3.handler, SNAPSHOT),
    "s3_to_s3_copier": (s3_to_s3_copier.handler, COPIER),
    "prod_to_preprod": (prod_to_preprod.handler, REPLICATOR),
}
NAME = "sql-to-parquet-2021-06-04-101530"
RUN = Run(import_date=DAY, backdated=False, origin=f"s3://{DATA}/parking/liberator_dump_210604.zip")
COUNTS = f"parking/liberator_dump_210604.{NAME}.row-counts.json"


@dataclass
class Stage:
    """One function with its queue, its DLQ, and what was told to people."""

    handler: Any
    queue_url: str
    dlq_url: str
    people_url: str

    def invoke(self, *bodies: str, receipt_handle: str = "r", seconds: int = 60) -> list[str]:
        """Ids of the messages that SQS would deliver again, after an invocation that has some seconds left."""
        records = [
            {"messageId": f"m{i}", "receiptHandle": receipt_handle, "body": body, "attributes": {}, "messageAttributes": {}}
            for i, body in enumerate(bodies)
        ]
        answer = self.handler({"Records": records}, FakeContext(seconds=seconds))
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def queued(self, url: str = "") -> list[dict[str, Any]]:
        """What is on its queue, or another, each with `delay`: for how many seconds SQS was told to keep it back."""
        delays = _delays(url or self.queue_url)
        return [json.loads(m["Body"]) | {"delay": delays[m["MessageId"]]} for m in _drain(url or self.queue_url)]

    def dead(self) -> list[dict[str, Any]]:
        return _drain(self.dlq_url)

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.published()]

    def published(self) -> list[str]:
        """What people were told, as it was sent."""
        return [m["Body"] for m in _drain(self.people_url)]


@pytest.fixture
def lake(aws: str) -> Lake:
    return Lake(boto3.client("s3"), boto3.client("glue"))


def finish_runs() -> None:
    """moto's workflow runs run for ever."""
    for workflow in glue_backends["123456789012"]["eu-west-2"].workflows.values():
        for run in workflow.runs.values():
            run.status = "COMPLETED"


def _delays(url: str) -> dict[str, int]:
    """By message id. From now on moto keeps none of them back, so that no test has to wait."""
    delays = {}
    for message in sqs_backends["123456789012"]["eu-west-2"].queues[url.rsplit("/", 1)[1]]._messages:  # noqa: SLF001
        delays[message.id] = max(0, round((message.delayed_until - message.sent_timestamp) / 1000))
        message.delayed_until = 0
    return delays


def _drain(url: str) -> list[dict[str, Any]]:
    sqs = boto3.client("sqs")
    found: list[dict[str, Any]] = []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get("Messages"):
        found += batch
        for message in batch:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


@pytest.fixture
def environment(aws: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What every function's environment has in common; the queues and topics exist."""
    sqs, sns = boto3.client("sqs"), boto3.client("sns")
    queue, dlq, people = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("queue", "queue-dlq", "people"))
    arn = sqs.get_queue_attributes(QueueUrl=people, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name="ingestion-alerts")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    variables = {
        "QUEUE_URL": queue,
        "DEAD_LETTER_QUEUE_URL": dlq,
        "ALERTS_TOPIC_ARN": topic,
        "POLL_DELAY_SECONDS": "7",
        "MAX_WAIT_HOURS": "12",
        "DB_INSTANCE_IDENTIFIER": "i",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables | {"people": people}


@pytest.fixture
def stage(environment: dict[str, str]) -> Any:
    """Makes a Stage of a function's handler module, which then reads the environment anew."""

    def make(module: Any) -> Stage:
        module.consumer.cache_clear()
        return Stage(module.handler, environment["QUEUE_URL"], environment["DEAD_LETTER_QUEUE_URL"], environment["people"])

    return make


@pytest.fixture
def function(stage: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(name: str) -> Any:
        module, variables = MODULES[name]
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        return stage(module)

    return make


def snapshot_in(status: str) -> None:
    """A snapshot of ours as events/ speaks of it, in moto, which knows no states but `available`."""
    rds = boto3.client("rds")
    rds.create_db_instance(DBInstanceIdentifier="i", DBInstanceClass="db.t3.micro", Engine="mysql", MasterUsername="u",
                           MasterUserPassword="password", AllocatedStorage=20)  # fmt: skip
    tags = {"import-date": "2021-06-04", "backdated": "false", "dump-uri": "s3://b/k.zip", "row-counts-uri": "s3://b/k.json"}
    rds.create_db_snapshot(
        DBInstanceIdentifier="i",
        DBSnapshotIdentifier=NAME,
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    rds_backends["123456789012"]["eu-west-2"].database_snapshots[NAME].status = status


def exported() -> Lake:
    """The complete export of that snapshot, which moto gives no time of its own."""
    rds = boto3.client("rds")
    lake = Lake(boto3.client("s3"), boto3.client("glue"))
    lake.s3.create_bucket(Bucket=DATA, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    lake.export(NAME, run=RUN)
    snapshot_in("available")
    [snapshot] = rds.describe_db_snapshots(DBSnapshotIdentifier=NAME)["DBSnapshots"]
    rds.start_export_task(ExportTaskIdentifier=NAME, SourceArn=snapshot["DBSnapshotArn"], S3BucketName="exports",
                          IamRoleArn="arn:aws:iam::123456789012:role/export", KmsKeyId="k")  # fmt: skip
    rds_backends["123456789012"]["eu-west-2"].export_tasks[NAME].snapshot_time = SNAPSHOT_TIME
    return lake
