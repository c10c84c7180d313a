"""The handlers on real queues and topics: what each kind of bad message gets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from ingestion.errors import NotFound, NotYet
from tests.events import BAD, EVENTS, bodies
from tests.integration.services.conftest import COUNTS, DATA, NAME, exported, snapshot_in
from tests.messages import parse_message

MESSAGE = {"snapshot_to_s3": "ExportSnapshot", "s3_to_s3_copier": "CopyExport"}
SNS_LIMIT = 262_144  # bytes


def body_of(name: str) -> str:
    return (EVENTS / "messages" / f"{name}.json").read_text()


@pytest.mark.parametrize(("name", "case"), sorted(BAD))
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

    monkeypatch.setattr("liberator.snapshots.find", refuse)
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


def test_a_waiting_message_is_put_back_counted_up_for_the_usual_delay(function: Any) -> None:
    running = function("snapshot_to_s3")
    snapshot_in("creating")
    assert running.invoke(body_of("ExportSnapshot")) == []
    [again] = running.queued()
    assert (again["poll"]["attempt"], again["delay"]) == (2, 7)
    assert running.dead() == []


def test_a_copy_that_time_runs_short_for_is_put_back_without_delay(function: Any) -> None:
    running = function("s3_to_s3_copier")
    exported()
    assert running.invoke(body_of("CopyExport"), seconds=60) == []
    [again] = running.queued()
    assert (again["poll"]["attempt"], again["delay"]) == (2, 0)


def test_a_started_export_is_looked_at_after_the_usual_delay(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    running = function("snapshot_to_s3")
    copier = boto3.client("sqs").create_queue(QueueName="copier")["QueueUrl"]
    monkeypatch.setenv("COPIER_QUEUE_URL", copier)
    snapshot_in("available")
    assert running.invoke(body_of("ExportSnapshot")) == []
    [copy] = running.queued(copier)
    assert (copy["kind"], copy["export_task_identifier"], copy["delay"]) == ("CopyExport", NAME, 7)
    assert running.queued() == []


@pytest.mark.parametrize(
    ("name", "case"),
    [("snapshot_to_s3", "sns_snapshot_created"), ("s3_to_s3_copier", "eventbridge_export_completed")],
)
def test_an_event_that_rds_is_too_busy_for_is_put_back_as_it_came(
    function: Any, monkeypatch: pytest.MonkeyPatch, name: str, case: str
) -> None:
    running = function(name)
    [body] = bodies(name, case)

    def busy(*_: Any) -> None:
        raise NotYet("Throttling while describing a snapshot")

    monkeypatch.setattr("liberator.snapshots.find", busy)
    assert running.invoke(body) == [], "no receive is counted"
    assert running.queued() == [json.loads(body) | {"delay": 7}]
    assert (running.dead(), running.told()) == ([], [])


def test_where_nothing_can_be_put_back_sqs_delivers_it_again(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    running = function("prod_to_preprod")
    [body] = bodies("prod_to_preprod", "eventbridge_put")

    def busy(*_: Any) -> None:
        raise NotYet("SlowDown while copying")

    monkeypatch.setattr("prod_to_preprod.handler.replicate", busy)
    assert running.invoke(body) == ["m0"]
    assert running.queued() == []


@pytest.mark.parametrize(
    ("action", "resource", "named"),
    [
        ("s3:GetObject", f"{DATA}/*", COUNTS),
        ("s3:PutObject", "landing/parking/*", "copying s3://exports/"),
        ("s3:PutObject", "landing/_manifests/*", f"attempts/import_date=20210604/{NAME}.json"),
        ("s3:DeleteObject", "landing/*", "deleting from s3://landing"),
    ],
)
def test_a_bucket_that_refuses_the_copier_reaches_the_dlq_and_a_person(
    function: Any, action: str, resource: str, named: str
) -> None:
    running = function("s3_to_s3_copier")
    exported().deny(action, resource)
    assert running.invoke(body_of("CopyExport"), seconds=900) == []
    _ended(running, "AccessDenied", named)


def test_row_counts_that_cannot_be_read_reach_the_dlq_and_a_person(function: Any) -> None:
    running = function("s3_to_s3_copier")
    exported().put(COUNTS, b'{"tables": null}', DATA)
    assert running.invoke(body_of("CopyExport"), seconds=900) == []
    _ended(running, "UnreadableObject", f"s3://{DATA}/{COUNTS}")


def _ended(running: Any, error: str, named: str) -> None:
    [dead], [told] = running.dead(), running.told()
    assert parse_message(dead["Body"]).kind == "CopyExport"
    assert {key: value["StringValue"] for key, value in dead["MessageAttributes"].items()} == {
        "stage": "s3_to_s3_copier",
        "error": error,
        "reason": told["reason"],
    }
    assert (told["kind"], told["error"], told["run"]["import_date"]) == ("IngestionFailed", error, "2021-06-04")
    assert named in told["reason"]


@pytest.mark.parametrize("ugly", ["\x00", "\U0001f600", "\ud800", '"', "\uffff"])
def test_however_ugly_a_message_and_its_error_are_a_person_hears(
    function: Any, monkeypatch: pytest.MonkeyPatch, ugly: str
) -> None:
    running = function("snapshot_to_s3")
    message = json.loads(body_of("ExportSnapshot")) | {"correlation_id": ugly.replace("\ud800", "?") * 2_200}
    message["run"]["origin"] = "s3://b/" + ugly.replace("\ud800", "?") * 1_000

    def fail(*_: Any) -> None:
        raise NotFound(ugly * 1_000_000)

    monkeypatch.setattr("snapshot_to_s3.handler.export_snapshot", fail)
    body = json.dumps(message) + " " * 100_000
    assert running.invoke(body) == []
    [told] = running.published()
    assert len(told.encode()) <= SNS_LIMIT
    told = json.loads(told)
    assert (told["error"], told["run"]["import_date"]) == ("NotFound", "2021-06-04")
    assert told["reason"].startswith(ugly.replace("\ud800", "?") * 1_000)
    assert len(running.dead()) == 1


@pytest.mark.parametrize("ugly", ["\x00", "\U0001f600", "\x7f", '"', "\uffff"])
def test_so_is_one_that_is_no_message_at_all(function: Any, ugly: str) -> None:
    running = function("snapshot_to_s3")
    assert running.invoke(ugly * 200_000) == []
    [told] = running.published()
    assert len(told.encode()) <= SNS_LIMIT
    assert json.loads(told)["message"].startswith(ugly * 10_000)


def test_a_spent_budget_ends_the_wait_and_the_dead_letter_can_wait_again(function: Any) -> None:
    running = function("snapshot_to_s3")
    snapshot_in("creating")
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


def test_each_object_of_a_notification_is_replicated(function: Any) -> None:
    running = function("prod_to_preprod")
    s3, keys = boto3.client("s3"), ["parking/liberator_dump_210604.zip", "parking/liberator_dump_210605.zip"]
    for bucket in (DATA, "pre-production"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    for key in keys:
        s3.put_object(Bucket=DATA, Key=key, Body=b"zip")
    uploads = [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": DATA}, "object": {"key": key}}} for key in keys]
    assert running.invoke(json.dumps({"Records": uploads})) == []
    assert [o["Key"] for o in s3.list_objects_v2(Bucket="pre-production")["Contents"]] == keys
