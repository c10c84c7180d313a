"""The handlers on real queues and topics: what each kind of bad message gets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

import prod_to_preprod.handler
import s3_to_s3_copier.handler
import snapshot_to_s3.handler
from ingestion.messages import parse_message
from tests.contract.test_events import EVENTS, bodies

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
    "EVENTS_TOPIC_ARN": "arn:aws:sns:eu-west-2:123456789012:events",
    "DAILY_WORKFLOW": "daily",
    "BACKDATED_WORKFLOW": "backdated",
}
REPLICATOR = {"PRE_PRODUCTION_BUCKET": "pre-production"}
MODULES = {
    "snapshot_to_s3": (snapshot_to_s3.handler, SNAPSHOT),
    "s3_to_s3_copier": (s3_to_s3_copier.handler, COPIER),
    "prod_to_preprod": (prod_to_preprod.handler, REPLICATOR),
}
MESSAGE = {"snapshot_to_s3": "ExportSnapshot", "s3_to_s3_copier": "CopyExport"}


@pytest.fixture
def function(stage: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(name: str) -> Any:
        module, variables = MODULES[name]
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        return stage(module)

    return make


def body_of(name: str) -> str:
    return (EVENTS / "messages" / f"{name}.json").read_text()


BAD = sorted((path.parent.name, path.stem) for path in Path(EVENTS).glob("*/bad_*.json"))


@pytest.mark.parametrize(("name", "case"), BAD)
def test_a_bad_message_goes_to_the_dlq_with_its_reason_and_a_person_hears(function: Any, name: str, case: str) -> None:
    running = function(name)
    [body] = bodies(name, case)
    assert running.invoke(body) == []
    [dead] = running.dead()
    [told] = running.told()
    assert dead["Body"] == body or json.loads(dead["Body"]).items() >= json.loads(body).items()
    assert dead["MessageAttributes"]["error"]["StringValue"] == "UnreadableMessage"
    assert dead["MessageAttributes"]["reason"]["StringValue"] == told["reason"]
    assert (told["kind"], told["stage"], told["message"]) == ("IngestionFailed", name, body)
    assert running.queued() == []


@pytest.mark.parametrize("name", MESSAGE)
def test_what_a_message_names_and_does_not_exist_ends_its_run(function: Any, name: str) -> None:
    running = function(name)
    assert running.invoke(body_of(MESSAGE[name])) == []
    [dead] = running.dead()
    [told] = running.told()
    assert told["error"] == "NotFound"
    assert "sql-to-parquet-2021-06-04-101530" in told["reason"]
    assert told["run"]["import_date"] == "2021-06-04"
    assert parse_message(dead["Body"]).kind == MESSAGE[name]


def test_of_a_batch_only_what_may_succeed_is_delivered_again(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    running = function("snapshot_to_s3")
    good, bad, _ = bodies("snapshot_to_s3", "batch_good_and_bad")

    def refuse(*_: Any, **__: Any) -> None:
        raise ClientError({"Error": {"Code": "InternalFailure", "Message": "?"}}, "DescribeDBSnapshots")

    monkeypatch.setattr("ingestion.snapshots.find", refuse)
    assert running.invoke(good, bad) == ["m0"]
    assert [dead["Body"] for dead in running.dead()] == [bad]


def test_what_failed_unexpectedly_comes_back_before_its_long_visibility_timeout_ends(
    function: Any, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = function("s3_to_s3_copier")
    sqs = boto3.client("sqs")
    sqs.set_queue_attributes(QueueUrl=environment["QUEUE_URL"], Attributes={"VisibilityTimeout": "5400"})
    sqs.send_message(QueueUrl=environment["QUEUE_URL"], MessageBody=body_of("CopyExport"))
    [message] = sqs.receive_message(QueueUrl=environment["QUEUE_URL"])["Messages"]
    assert "Messages" not in sqs.receive_message(QueueUrl=environment["QUEUE_URL"])
    monkeypatch.setattr("s3_to_s3_copier.handler.copy_export", _fails_for_an_unknown_reason)
    monkeypatch.setattr("ingestion.consumer.RETRY_SECONDS", 0)
    assert running.invoke(message["Body"], receipt_handle=message["ReceiptHandle"]) == ["m0"]
    [again] = sqs.receive_message(QueueUrl=environment["QUEUE_URL"])["Messages"]
    assert again["Body"] == message["Body"]


def _fails_for_an_unknown_reason(*_: Any) -> None:
    raise RuntimeError("?")


def test_a_waiting_message_is_put_back_counted_up(function: Any) -> None:
    running = function("snapshot_to_s3")
    _snapshot_in("creating")
    assert running.invoke(body_of("ExportSnapshot")) == []
    [again] = running.queued()
    assert again["poll"]["attempt"] == 2
    assert running.dead() == []


def test_a_spent_budget_ends_the_wait_and_the_dead_letter_can_wait_again(function: Any) -> None:
    running = function("snapshot_to_s3")
    _snapshot_in("creating")
    old = {"attempt": 48, "started_at": (datetime.now(UTC) - timedelta(hours=12, seconds=1)).isoformat()}
    assert running.invoke(json.dumps(json.loads(body_of("ExportSnapshot")) | {"poll": old})) == []
    assert running.queued() == []
    [told] = running.told()
    assert told["error"] == "BudgetSpent"
    [dead] = running.dead()
    running.invoke(dead["Body"])
    [again] = running.queued()
    assert again["poll"]["attempt"] == 2


def test_a_failed_alert_keeps_the_message(function: Any, environment: dict[str, str]) -> None:
    running = function("snapshot_to_s3")
    boto3.client("sns").delete_topic(TopicArn=environment["ALERTS_TOPIC_ARN"])
    assert running.invoke("not json") == ["m0"]


def _snapshot_in(status: str) -> None:
    """A snapshot of ours as events/ speaks of it, in moto, which knows no states but `available`."""
    from moto.rds.models import rds_backends

    rds = boto3.client("rds")
    identifier = "sql-to-parquet-2021-06-04-101530"
    rds.create_db_instance(DBInstanceIdentifier="i", DBInstanceClass="db.t3.micro", Engine="mysql", MasterUsername="u",
                           MasterUserPassword="password", AllocatedStorage=20)  # fmt: skip
    tags = {"import-date": "2021-06-04", "backdated": "false", "dump-uri": "s3://b/k.zip", "row-counts-uri": "s3://b/k.json"}
    rds.create_db_snapshot(
        DBInstanceIdentifier="i",
        DBSnapshotIdentifier=identifier,
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    rds_backends["123456789012"]["eu-west-2"].database_snapshots[identifier].status = status
