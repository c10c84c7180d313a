"""The function around the copy: every object of a message, and what SQS delivers again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from prod_to_preprod.handler import make_consumer
from prod_to_preprod.settings import Settings
from tests.fakes import FakeClock, FakeContext, FakeQueues, FakeS3, FakeSession, client_error

SETTINGS = {
    "QUEUE_URL": "queue",
    "DEAD_LETTER_QUEUE_URL": "dlq",
    "ALERTS_TOPIC_ARN": "alerts",
    "DATA_BUCKET": "production",
    "PRE_PRODUCTION_BUCKET": "pre-production",
}
KEYS = ["parking/liberator_dump_210604.zip", "parking/liberator_dump_210605.zip"]


@pytest.fixture
def s3() -> FakeS3:
    fake = FakeS3()
    for bucket in ("production", "pre-production"):
        fake.create_bucket(Bucket=bucket)
    for key in KEYS:
        fake.put_object(Bucket="production", Key=key, Body=b"zip")
    return fake


def deliver(s3: FakeS3, *keys: str, **settings: str) -> tuple[FakeQueues, list[dict[str, str]]]:
    """Handles one notification of these objects. Returns what was sent, and what SQS delivers again."""
    aws = FakeQueues()
    session: Any = FakeSession(s3=s3, sqs=aws, sns=aws)
    uploads = [
        {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "production"}, "object": {"key": key}}} for key in keys
    ]
    record = {"messageId": "m", "receiptHandle": "r", "body": json.dumps({"Records": uploads})}
    context: Any = FakeContext()
    answer = make_consumer(Settings.model_validate(SETTINGS | settings), session, FakeClock())(
        {"Records": [record]}, context
    )
    return aws, answer["batchItemFailures"]


def test_each_object_of_a_notification_is_copied(s3: FakeS3) -> None:
    assert deliver(s3, *KEYS)[1] == []
    assert s3.keys("pre-production") == dict.fromkeys(KEYS, b"zip")


@pytest.mark.parametrize(("key_arn", "encryption"), [("arn:key", "aws:kms"), ("", None)])
def test_the_copy_is_encrypted_with_the_other_accounts_key_where_one_is_set(
    s3: FakeS3, key_arn: str, encryption: str | None
) -> None:
    deliver(s3, KEYS[0], PRE_PRODUCTION_KMS_KEY_ARN=key_arn)
    [request] = [parameters for operation, parameters in s3.calls if operation == "copy_object"]
    assert (request.get("ServerSideEncryption"), request.get("SSEKMSKeyId")) == (encryption, key_arn or None)


def test_throttling_is_waited_out_by_sqs_as_the_queue_knows_no_polls(s3: FakeS3) -> None:
    def busy(_: Any) -> None:
        raise client_error("SlowDown")

    s3.before["copy_object"] = busy
    aws, again = deliver(s3, KEYS[0])
    assert again == [{"itemIdentifier": "m"}]
    assert [operation for operation, _ in aws.sent] == ["change_message_visibility"]


def test_an_object_that_is_gone_ends_its_run_and_the_others_of_its_message_are_in_the_dead_letter(s3: FakeS3) -> None:
    aws, again = deliver(s3, "parking/liberator_dump_210606.zip", *KEYS)
    assert again == []
    [told], [kept] = aws.of("publish"), aws.of("send_message")
    assert json.loads(told["Message"])["error"] == "NotFound"
    assert len(json.loads(kept["MessageBody"])["Records"]) == 3
