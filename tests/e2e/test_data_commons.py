"""The data commons' stack on the local AWS: a spec that is uploaded starts the loader, which hands its version on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from data_commons.messages import PublishTable
from local.emulator.cloud import Cloud

SECONDS = 120


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """Without Trino and the publisher, so that what the loader hands on stays on its queue."""
    with Cloud(data_commons=True, liberator=False, trino=False, polling=False) as running:
        yield running


def spec(bucket: str, key: str) -> bytes:
    return json.dumps({"schema": "pudl", "table": "plants", "source": {"bucket": bucket, "key": key}}).encode()


def ended(cloud: Cloud, number: int) -> int:
    """The exit code of the task's run of that number."""
    [agent] = cloud.tasks.values()
    assert cloud.story.wait_for(lambda _: len(agent.exit_codes) >= number, SECONDS), cloud.log_path.read_text()[-3000:]
    return agent.exit_codes[number - 1]


def test_a_spec_starts_the_loader_and_what_it_stages_is_handed_on(cloud: Cloud) -> None:
    [agent] = cloud.tasks.values()
    before, bucket = len(agent.exit_codes), cloud.name_of("SourceBucket")
    cloud.s3.put_object(Bucket=bucket, Key="data/plants.csv", Body=b"id,name\n1,Drax\n2,Ratcliffe\n")
    cloud.s3.put_object(Bucket=bucket, Key="specs/plants.json", Body=spec(bucket, "data/plants.csv"))
    assert ended(cloud, before + 1) == 0, cloud.log_path.read_text()[-3000:]
    [message] = messages(cloud)
    command = PublishTable.model_validate_json(message["Body"])
    assert (command.schema_name, command.table) == ("pudl", "plants")
    staged = cloud.s3.list_objects_v2(Bucket=cloud.name_of("DevBucket"), Prefix="trino/")["Contents"]
    assert [it["Key"] for it in staged] == [f"trino/pudl/plants/{command.uuid}/plants.parquet"]


def test_people_hear_of_a_source_that_is_not_there(cloud: Cloud) -> None:
    [agent] = cloud.tasks.values()
    before, bucket = len(agent.exit_codes), cloud.name_of("SourceBucket")
    cloud.s3.put_object(Bucket=bucket, Key="specs/none.json", Body=spec(bucket, "data/none.csv"))
    assert ended(cloud, before + 1) == 1
    assert cloud.story.wait_for(lambda _: len(cloud.told) >= 2, SECONDS)
    failed, stopped = cloud.told[-2:]
    assert (failed["kind"], failed["stage"]) == ("IngestionFailed", "dataset_loader")
    assert "data/none.csv" in failed["reason"]
    assert "A dataset loader stopped" in stopped["text"]


def messages(cloud: Cloud) -> list[Any]:
    return list(cloud.aws.client("sqs").receive_message(QueueUrl=cloud.queue_url("trino-publisher")).get("Messages", []))
