"""The function around the streams: a message for each topic, and each topic's own fate."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import Any

import pytest

from cubic.errors import DatabaseUnavailable
from cubic.functions.write_kafka_files import Settings, make_consumer
from tests.events import bodies
from tests.fakes import POLLING, SNAPSHOT_TIME, FakeClock, FakeContext, FakeQueues, FakeSession

DATABASE = {"DB_HOST": "h", "DB_PORT": "5432", "DB_NAME": "cubic", "DB_SECRET_ARN": "arn", "DB_CA_BUNDLE": "ca.pem"}
BUCKETS = {"INCOMING_BUCKET": "incoming", "ERROR_BUCKET": "error"}
SETTINGS = POLLING | DATABASE | BUCKETS | {"STREAM_PREFIX": "stg-cubic-kafka-", "TOPICS": "sample,tides", "FILE_MINUTES": 60}


class Queues(FakeQueues):
    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        self._do("send_message_batch", request)
        return {}


class NoDatabase:
    @contextmanager
    def transaction(self) -> Any:
        raise DatabaseUnavailable("It is not there.")
        yield


def deliver(*bodies: str) -> tuple[Queues, list[dict[str, str]]]:
    """Handles a batch of messages. Returns what was sent, and what SQS delivers again."""
    aws = Queues()
    session: Any = FakeSession(kinesis=None, s3=None, sqs=aws, sns=aws)
    records = [{"messageId": f"m{n}", "receiptHandle": "r", "body": body} for n, body in enumerate(bodies)]
    context: Any = FakeContext(seconds=300)
    consumer = make_consumer(Settings.model_validate(SETTINGS), session, FakeClock(), NoDatabase())
    return aws, consumer({"Records": records}, context)["batchItemFailures"]


def test_the_schedules_message_becomes_one_for_each_topic_so_that_topics_fail_alone() -> None:
    aws, again = deliver(*bodies("cubic_write_kafka_files", "message_scheduled"))
    assert again == []
    [request] = aws.of("send_message_batch")
    assert request["QueueUrl"] == "queue"
    messages = [json.loads(entry["MessageBody"]) for entry in request["Entries"]]
    assert [(it["kind"], it["topic"], it["correlation_id"]) for it in messages] == [
        ("WriteTopic", "sample", "stg-cubic-kafka-sample"),
        ("WriteTopic", "tides", "stg-cubic-kafka-tides"),
    ]
    assert {it["run"]["import_date"] for it in messages} == {str(SNAPSHOT_TIME.date())}


def test_a_topic_that_fails_is_delivered_again_by_itself() -> None:
    both = bodies("cubic_write_kafka_files", "message_topic") + bodies("cubic_write_kafka_files", "message_scheduled")
    aws, again = deliver(*both)
    assert again == [{"itemIdentifier": "m0"}]
    assert len(aws.of("send_message_batch")) == 1


@pytest.mark.parametrize("body", ["look", '{"kind":"SweepIncoming","version":1}', '{"kind":"WriteTopic","version":1}'])
def test_any_other_message_goes_to_the_dlq_and_people_hear(body: str) -> None:
    aws, again = deliver(body)
    assert again == []
    assert [request["QueueUrl"] for request in aws.of("send_message")] == ["dlq"]
    assert json.loads(aws.of("publish")[0]["Message"])["error"] == "UnreadableMessage"


def test_there_may_be_no_topic() -> None:
    assert Settings.model_validate(SETTINGS | {"TOPICS": ""}).topics == ()


@pytest.mark.parametrize("topics", ["a,,b", "a, b", "a/b"])
def test_topics_that_are_no_names_are_refused(topics: str) -> None:
    with pytest.raises(ValueError, match="TOPICS"):
        Settings.model_validate(SETTINGS | {"TOPICS": topics})
