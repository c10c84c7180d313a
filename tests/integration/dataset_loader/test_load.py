"""One data set after the other: from its source to the object, the record and the message that the publisher needs."""

from __future__ import annotations

import json

import boto3
import pytest

from data_commons.manifest import version_id
from tests.integration.dataset_loader.commons import BUCKET, PROD, SOURCES, Commons

CSV = b"Plant,Opened,MW\nA,1999-12-31,1.5\nB,,2\n"


def test_a_file_becomes_an_object_a_record_and_a_message(commons: Commons) -> None:
    table = commons.table(
        CSV,
        columns={"MW": {"name": "capacity", "description": "Net capacity", "dimension": "MW"}},
        metadata={"title": "Plants", "version": "1", "license": "CC-BY"},
    )
    (attempt,) = commons.attempts()
    version = commons.s3.head_object(Bucket=SOURCES, Key="data/plants.csv")["VersionId"]
    assert attempt.uuid == version_id(f"s3://{SOURCES}/data/plants.csv", version, attempt.spec_digest)
    (key,) = attempt.keys
    assert key == f"trino/pudl/plants/{attempt.uuid}/plants.parquet"
    assert commons.keys() == [attempt.attempt_key, key]
    assert attempt.staged
    assert attempt.rows == 2
    assert attempt.tables[0].objects[0].size == commons.s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"]
    assert [(c.source, c.name, c.type) for c in attempt.columns] == [
        ("Plant", "plant", "varchar"),
        ("Opened", "opened", "date"),
        ("MW", "capacity", "double"),
    ]
    assert table.column_names == ["plant", "opened", "capacity"]
    assert table["capacity"].to_pylist() == [1.5, 2.0]
    (command,) = commons.announced()
    assert (command.catalog, command.schema_name, command.table) == ("dev", "pudl", "plants")
    assert command.uuid == attempt.uuid
    assert command.run.origin == f"s3://{SOURCES}/data/plants.csv"


def test_what_people_wrote_is_in_the_schema(commons: Commons) -> None:
    schema = commons.table(
        CSV,
        columns={"MW": {"description": "o'brien's\nMW", "dimension": "MW"}},
        metadata={"title": "Plants", "license": "CC-BY"},
    ).schema
    assert json.loads(schema.metadata[b"metaset"]) == {"title": "Plants", "license": "CC-BY"}
    fields = json.loads(schema.metadata[b"metafields"])
    assert fields["mw"] == {"source": "MW", "description": "o'brien's\nMW", "dimension": "MW"}
    assert fields["plant"] == {"source": "Plant"}
    assert schema.field("mw").metadata[b"description"] == b"o'brien's\nMW"


def test_the_same_event_twice_is_one_version(commons: Commons) -> None:
    commons.upload(CSV)
    spec = commons.spec()
    assert commons.run("--spec", spec).exit_code == 0
    (key,) = commons.attempts()[0].keys
    first = commons.s3.head_object(Bucket=BUCKET, Key=key)["LastModified"]
    assert commons.run("--spec", spec).exit_code == 0
    assert len(commons.keys()) == 2
    assert commons.s3.head_object(Bucket=BUCKET, Key=key)["LastModified"] == first
    assert [c.uuid for c in commons.announced()] == [commons.attempts()[0].uuid] * 2


def test_a_new_upload_is_another_version(commons: Commons) -> None:
    commons.load(CSV)
    commons.load(CSV + b"C,,3\n")
    assert {attempt.rows for attempt in commons.attempts()} == {2, 3}
    assert len(set(commons.announced())) == 2


def test_another_spec_is_another_version(commons: Commons) -> None:
    commons.upload(CSV)
    commons.run("--spec", commons.spec())
    commons.run("--spec", commons.spec(metadata={"title": "Plants"}))
    assert len(commons.attempts()) == 2


def test_the_spec_of_the_event_is_read(commons: Commons, monkeypatch: pytest.MonkeyPatch) -> None:
    commons.upload(CSV)
    commons.spec()
    version = commons.s3.head_object(Bucket=SOURCES, Key="specs/plants.json")["VersionId"]
    commons.s3.put_object(Bucket=SOURCES, Key="specs/plants.json", Body=b"another, later")
    monkeypatch.setenv("SPEC_KEY", "specs/plants.json")
    monkeypatch.setenv("SPEC_VERSION_ID", version)
    monkeypatch.setenv("EVENT_TIME", "")
    assert commons.run().exit_code == 0
    assert len(commons.announced()) == 1


def test_a_spec_on_disk_is_read(commons: Commons, tmp_path) -> None:
    commons.upload(CSV)
    spec = tmp_path / "spec.json"
    spec.write_text(
        json.dumps({"schema": "pudl", "table": "plants", "source": {"bucket": SOURCES, "key": "data/plants.csv"}})
    )
    assert commons.run("--spec", str(spec)).exit_code == 0
    assert "can't be read" in commons.run("--spec", str(spec) + "x").error


def test_production_has_a_bucket_of_its_own(commons: Commons, monkeypatch: pytest.MonkeyPatch) -> None:
    assert commons.load(CSV, catalog="prod").exit_code == 0
    assert commons.keys() == []
    assert len(commons.keys(PROD)) == 2
    monkeypatch.delenv("S3_PROD_BUCKET")
    assert "S3_PROD_BUCKET is not set" in commons.load(CSV, catalog="prod").error


def test_the_version_that_the_spec_names_is_read(commons: Commons) -> None:
    version = commons.upload(CSV)
    commons.upload(b"Plant\nX\n")
    assert commons.run("--spec", commons.spec(source={"version": version})).exit_code == 0
    assert commons.attempts()[0].rows == 2


def test_a_wrong_spec_is_refused_with_its_field(commons: Commons) -> None:
    commons.upload(CSV)
    assert "schema: " in commons.run("--spec", commons.spec(schema="Bad Name")).error
    assert "'Nope', which the source has not" in commons.run("--spec", commons.spec(columns={"Nope": {}})).error
    assert "'text', is none of bigint" in commons.run("--spec", commons.spec(columns={"MW": {"type": "text"}})).error
    assert commons.keys() == []
    assert commons.announced() == []


def test_no_such_source(commons: Commons) -> None:
    assert "Not found while looking for the source" in commons.run("--spec", commons.spec("nope.csv")).error


def test_a_failure_is_told_on_the_topic(commons: Commons, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = boto3.client("sns").create_topic(Name="alerts")["TopicArn"]
    arn = boto3.client("sqs").get_queue_attributes(QueueUrl=commons.queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    monkeypatch.setenv("ALERTS_TOPIC_ARN", topic)
    error = commons.run("--spec", commons.spec("nope.csv")).error
    (message,) = boto3.client("sqs").receive_message(QueueUrl=commons.queue)["Messages"]
    alert = json.loads(json.loads(message["Body"])["Message"])
    assert (alert["stage"], alert["reason"]) == ("dataset_loader", error)


def test_a_wrong_environment_is_said_without_its_values(commons: Commons, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUBLISH_QUEUE_URL")
    monkeypatch.setenv("S3_DEV_SECRET_KEY", "very secret")
    error = commons.run("--spec", "x").error
    assert "PUBLISH_QUEUE_URL: Field required" in error
    assert "very secret" not in error
