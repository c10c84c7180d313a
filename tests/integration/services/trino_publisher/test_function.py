"""The whole function as Lambda calls it, from its environment: queue, secret, topics, S3 and the real Trino."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from data_commons.messages import SweepTable, SweepTables
from data_commons.spec import Catalog
from local.emulator.trino_access import BUCKETS, TrinoAccess
from tests.data_commons import TABLE, Publisher, client
from tests.fakes import FakeContext
from trino_publisher import handler

ROWS = pa.table({"id": [1, 2]})


class Function:
    """`told` is a queue that hears of both topics."""

    def __init__(self, trino: TrinoAccess, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sqs, sns = client(trino, "sqs"), client(trino, "sns")
        self.queue, self.dead, self.told = (
            self.sqs.create_queue(QueueName=f"{name}-{it}")["QueueUrl"] for it in ("queue", "dlq", "told")
        )
        topic = sns.create_topic(Name=f"{name}-topic")["TopicArn"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.told, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
        self.secrets = client(trino, "secretsmanager")
        self.secret = self.secrets.create_secret(Name=name, SecretString=trino.token())["ARN"]
        variables = trino.environment | {
            "QUEUE_URL": self.queue,
            "DEAD_LETTER_QUEUE_URL": self.dead,
            "ALERTS_TOPIC_ARN": topic,
            "EVENTS_TOPIC_ARN": topic,
            "POLL_DELAY_SECONDS": "7",
            "MAX_WAIT_HOURS": "12",
            "S3_DEV_BUCKET": BUCKETS["DEV"],
            "S3_PROD_BUCKET": BUCKETS["PROD"],
            "TRINO_SECRET_ARN": self.secret,
            "TRINO_CA_BUNDLE": trino.ca_bundle,
            "TRINO_METASTORE": "own",
        }
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.delenv("TRINO_PASSWD")
        handler.consumer.cache_clear()

    def take(self, body: str) -> Any:
        record = {"messageId": "m", "receiptHandle": "r", "body": body, "attributes": {}, "messageAttributes": {}}
        return handler.handler({"Records": [record]}, FakeContext(seconds=900))  # type: ignore[arg-type]

    def received(self, url: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while batch := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(it["Body"]) for it in batch]
            for it in batch:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=it["ReceiptHandle"])
        return found


@pytest.fixture
def function(trino: TrinoAccess, by_drop: Publisher, monkeypatch: pytest.MonkeyPatch) -> Function:
    return Function(trino, by_drop.schema, monkeypatch)


def test_a_table_is_published_announced_and_swept(function: Function, by_drop: Publisher) -> None:
    message = by_drop.staged(1, ROWS)
    assert function.take(message.model_dump_json()) == {"batchItemFailures": []}
    [event] = function.received(function.told)
    assert (event["kind"], event["rows"], event["uuid"]) == ("TablePublished", 2, str(message.uuid))
    assert by_drop.query(f"select count(*) from {by_drop.name}") == [[2]]
    function.take(SweepTables().model_dump_json())
    sweep = SweepTable(catalog=Catalog.DEV, schema_name=by_drop.schema, table=TABLE)
    assert sweep.model_dump(mode="json") in function.received(function.queue)
    by_drop.query(f"drop table {by_drop.name}")
    function.take(sweep.model_dump_json())
    assert by_drop.query(f"select count(*) from {by_drop.name}") == [[2]]


def test_an_expired_token_is_told_of_and_a_renewed_one_needs_nothing_but_a_redrive(
    function: Function, by_drop: Publisher, trino: TrinoAccess
) -> None:
    message = by_drop.staged(1, ROWS)
    function.secrets.put_secret_value(SecretId=function.secret, SecretString=trino.token(seconds=-60))
    function.take(message.model_dump_json())
    [alert] = function.received(function.told)
    assert alert["error"] == "TrinoRefused"
    assert "Renew it in its secret" in alert["reason"]
    [dead] = function.received(function.dead)
    function.secrets.put_secret_value(SecretId=function.secret, SecretString=trino.token())
    function.take(json.dumps(dead))
    assert by_drop.query(f"select count(*) from {by_drop.name}") == [[2]]
