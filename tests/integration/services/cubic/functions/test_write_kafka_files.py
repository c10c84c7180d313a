"""The function on moto's AWS and a real database."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from cubic.functions import write_kafka_files
from cubic.functions.write_kafka_files import Settings, make_consumer
from cubic.kafka import draft
from cubic.store.database import Database
from local.emulator.postgres_server import PostgresServer
from tests.cubic import credentials_of, settings_of
from tests.fakes import FakeClock, FakeContext
from tests.integration.services.conftest import Stage

STREAM = "stg-cubic-kafka-sample"
BUCKETS = {"INCOMING_BUCKET": "incoming", "ERROR_BUCKET": "error"}
TOPICS = {"STREAM_PREFIX": "stg-cubic-kafka-", "TOPICS": "sample,missing", "FILE_MINUTES": "60"}


class Running:
    """The function with its clock, which a test turns on; moto's own cannot be."""

    def __init__(self, stage: Stage, environment: dict[str, str], database: Database) -> None:
        self.stage, self.clock = stage, FakeClock(datetime.now(UTC))
        unused = {"DB_HOST": "", "DB_PORT": "1", "DB_NAME": "", "DB_SECRET_ARN": "", "DB_CA_BUNDLE": ""}
        self._environment, self._database = environment | unused | BUCKETS | TOPICS, database
        self.configure()

    def configure(self, **variables: str) -> None:
        settings = Settings.model_validate(self._environment | variables)
        self._consumer = make_consumer(settings, boto3.Session(), self.clock, self._database)

    def poll(self) -> None:
        """The schedule's message, then the topic's own."""
        context: Any = FakeContext(seconds=300)
        self._consumer.take('{"kind":"WriteKafkaFiles","version":1}', context.get_remaining_time_in_millis)
        [body] = [json.dumps(it) for it in self._queued() if it["topic"] == "sample"]
        self._consumer.take(body, lambda: 300)

    def _queued(self) -> list[dict[str, Any]]:
        return [{k: v for k, v in it.items() if k != "delay"} for it in self.stage.queued()]


@pytest.fixture
def running(stage: Any, environment: dict[str, str], database: Database) -> Running:
    s3 = boto3.client("s3")
    for bucket in BUCKETS.values():
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    boto3.client("kinesis").create_stream(StreamName=STREAM, ShardCount=3)
    return Running(stage(write_kafka_files), environment, database)


def put(numbers: range) -> None:
    for at in range(numbers.start, numbers.stop, 500):
        some = range(at, min(at + 500, numbers.stop))
        entries = [{"Data": json.dumps({"n": n}).encode(), "PartitionKey": f"k{n % 16}"} for n in some]
        boto3.client("kinesis").put_records(StreamName=STREAM, Records=entries)  # type: ignore[arg-type]


def files() -> list[list[int]]:
    """The numbers in each file, those with most first."""
    s3 = boto3.client("s3")
    keys = [it["Key"] for it in s3.list_objects_v2(Bucket="incoming").get("Contents", [])]
    assert all(key.startswith("cubic/kafka/sample/") for key in keys)
    bodies = [s3.get_object(Bucket="incoming", Key=key)["Body"].read() for key in keys]
    return sorted(([json.loads(line)["n"] for line in body.splitlines()] for body in bodies), key=len, reverse=True)


def test_case_14_of_three_shards_a_file_is_written_once_it_is_full_and_the_rest_an_hour_later(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft, "FILE_RECORDS", 1_000)  # moto takes long for more
    put(range(999))
    running.poll()
    assert files() == []
    put(range(999, 1_005))
    running.poll()
    assert [len(file) for file in files()] == [1_000]
    running.clock.sleep(61 * 60)
    running.poll()
    assert [len(file) for file in files()] == [1_000, 5]
    assert sorted(n for file in files() for n in file) == list(range(1_005))


def test_how_old_a_record_gets_is_configured(running: Running) -> None:
    put(range(5))
    running.clock.sleep(600)
    running.poll()
    assert files() == []
    running.configure(FILE_MINUTES="1")
    running.poll()
    assert [len(file) for file in files()] == [5]


def test_case_16_a_shard_splits_and_its_records_are_there_once_in_order_per_key(running: Running) -> None:
    kinesis = boto3.client("kinesis")
    put(range(64))
    first, *_ = kinesis.list_shards(StreamName=STREAM)["Shards"]
    middle = int(first["HashKeyRange"]["EndingHashKey"]) // 2
    # moto moves the parent's records to the children
    kinesis.split_shard(StreamName=STREAM, ShardToSplit=first["ShardId"], NewStartingHashKey=str(middle))
    running.clock.sleep(61 * 60)
    running.poll()
    [file] = files()
    assert sorted(file) == list(range(64))
    for key in range(16):
        of_key = [n for n in file if n % 16 == key]
        assert of_key == sorted(of_key)


def test_a_record_that_is_no_json_object_is_told_of(running: Running) -> None:
    boto3.client("kinesis").put_record(StreamName=STREAM, Data=b"\xf3\x89\x9a\xc2", PartitionKey="k")
    running.clock.sleep(61 * 60)
    running.poll()
    [told] = running.stage.told()
    assert (told["stage"], told["error"], told["correlation_id"]) == ("write_kafka_files", "RecordsRefused", STREAM)
    [found] = boto3.client("s3").list_objects_v2(Bucket="error")["Contents"]
    assert found["Key"] in told["reason"]
    assert files() == []


def test_of_a_stream_that_is_not_there_people_hear_once_in_six_hours(running: Running, database: Database) -> None:
    boto3.client("kinesis").delete_stream(StreamName=STREAM)
    for _ in range(3):
        running.poll()
    [told] = running.stage.told()
    assert (told["stage"], told["error"], told["correlation_id"]) == ("write_kafka_files", "NotFound", STREAM)
    assert running.stage.dead() == []
    with database.transaction() as cursor:
        cursor.execute("UPDATE cubic_told SET told_at = told_at - INTERVAL '6 hours'")
    running.poll()
    assert len(running.stage.told()) == 1


@pytest.mark.usefixtures("database")
def test_the_handler_makes_its_database_of_the_environment(
    stage: Callable[[Any], Stage], environment: dict[str, str], postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    boto3.client("kinesis").create_stream(StreamName=STREAM, ShardCount=1)
    account = credentials_of(postgres)
    secret = json.dumps({"username": account.user, "password": account.password})
    arn = boto3.client("secretsmanager").create_secret(Name="cubic", SecretString=secret)["ARN"]
    database = settings_of(postgres).model_dump(by_alias=True) | {"DB_SECRET_ARN": arn}
    for name, value in (database | BUCKETS | TOPICS).items():
        monkeypatch.setenv(name, str(value))
    running = stage(write_kafka_files)
    assert running.invoke('{"kind":"WriteKafkaFiles","version":1}', seconds=300) == []
    bodies = [json.dumps({k: v for k, v in it.items() if k != "delay"}) for it in running.queued()]
    assert running.invoke(*bodies, seconds=300) == []
    [told] = running.told()
    assert (told["error"], told["correlation_id"]) == ("NotFound", "stg-cubic-kafka-missing")
    assert "the stream stg-cubic-kafka-missing" in told["reason"]
    write_kafka_files.consumer.cache_clear()
