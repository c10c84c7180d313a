"""The function around the publishing: what it sends, tells and puts back, and its settings."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from data_commons.messages import SweepTable, SweepTables
from data_commons.spec import Catalog
from tests.fakes import POLLING, SNAPSHOT_TIME, FakeClock, FakeQueues, FakeSession
from tests.unit.data_commons.fake_commons import BUCKET, SCHEMA, TABLE, World
from trino_publisher.handler import make_consumer, server_of, token_of
from trino_publisher.settings import Settings

VARIABLES = POLLING | {
    "TRINO_HOST": "trino.example",
    "TRINO_PORT": "443",
    "TRINO_USER": "publisher",
    "TRINO_PASSWD": "a.token.b",
    "S3_DEV_BUCKET": BUCKET,
    "S3_PROD_BUCKET": "prod",
    "EVENTS_TOPIC_ARN": "events",
}
SWEEP = SweepTable(catalog=Catalog.DEV, schema_name=SCHEMA, table=TABLE)


class Queues(FakeQueues):
    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        self._do("send_message_batch", request)
        return {}


def take(world: World, body: str, *, days: float = 0) -> Queues:
    aws = Queues()
    world.s3.buckets.setdefault("prod", {})
    session: Any = FakeSession(sqs=aws, sns=aws)
    dev = world.commons()
    commons = {Catalog.DEV: dev, Catalog.PROD: World(world.way).commons()}
    clock = FakeClock(SNAPSHOT_TIME + timedelta(days=days))
    make_consumer(Settings.model_validate(VARIABLES), session, clock, commons).take(body, lambda: 900)
    return aws


def test_a_table_that_is_published_is_announced() -> None:
    world = World("glue")
    message = world.stage(1)
    [told] = take(world, message.model_dump_json()).of("publish")
    assert told["TopicArn"] == "events"
    event = json.loads(told["Message"])
    assert (event["kind"], event["uuid"], event["rows"]) == ("TablePublished", str(message.uuid), 1)
    assert event["manifest"] == f"s3://{BUCKET}/_manifests/trino/{SCHEMA}/{TABLE}.json"


def test_a_version_that_is_superseded_is_not() -> None:
    world = World("glue")
    world.stage(2)
    world.publish(2)
    assert take(world, world.stage(1).model_dump_json()).sent == []


def test_a_message_that_waits_for_trino_is_put_back_until_its_budget_is_spent() -> None:
    world = World("glue")
    message = world.stage(1)
    world.tables.down = True
    [back] = take(world, message.model_dump_json()).of("send_message")
    assert (back["QueueUrl"], back["DelaySeconds"]) == ("queue", 7)
    again = json.loads(back["MessageBody"])
    assert again["poll"]["attempt"] == 2
    aws = take(world, back["MessageBody"], days=1)
    assert json.loads(aws.of("publish")[0]["Message"])["error"] == "BudgetSpent"
    assert aws.of("send_message")[0]["QueueUrl"] == "dlq"


def test_a_sweep_asks_for_each_table_that_there_is_a_manifest_of_or_an_attempt_at() -> None:
    world = World("glue")
    world.stage(1)
    [sent] = take(world, SweepTables().model_dump_json()).of("send_message_batch")
    assert [SweepTable.model_validate_json(it["MessageBody"]) for it in sent["Entries"]] == [SWEEP]
    world.publish(1)
    assert take(world, SweepTables().model_dump_json()).of("send_message_batch") == [sent]


def test_a_sweep_while_trino_is_down_is_left_to_the_next_one() -> None:
    world = World("glue")
    world.stage(1)
    world.publish(1)
    world.tables.down = True
    assert take(world, SWEEP.model_dump_json()).sent == []


@pytest.mark.parametrize(("days", "told"), [(14, 0), (16, 1)])
def test_a_version_that_nobody_published_is_told_of_and_ends(days: float, told: int) -> None:
    world = World("glue")
    world.stage(1)
    alerts = take(world, SWEEP.model_dump_json(), days=days).of("publish")
    assert [json.loads(it["Message"])["error"] for it in alerts] == ["AttemptAbandoned"] * told
    assert (world.keys() == set()) is bool(told)


def test_a_version_that_was_never_staged_to_its_end_is_told_of_sooner() -> None:
    world = World("glue")
    world.stage(1, whole=False)
    assert take(world, SWEEP.model_dump_json(), days=2).sent == []
    [alert] = take(world, SWEEP.model_dump_json(), days=4).of("publish")
    assert "was never staged to its end, 4 days ago" in json.loads(alert["Message"])["reason"]


def test_the_token_is_read_at_each_call_and_shown_by_nothing() -> None:
    texts = ["a.b.c\n", "d.e.f"]

    class Secrets:
        def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803
            assert SecretId == "arn"
            return {"SecretString": texts.pop(0)}

    variables = {key: value for key, value in VARIABLES.items() if key != "TRINO_PASSWD"}
    with pytest.raises(ValidationError, match="give TRINO_SECRET_ARN, or TRINO_PASSWD"):
        Settings.model_validate(variables)
    settings = Settings.model_validate(variables | {"TRINO_SECRET_ARN": "arn"})
    session: Any = FakeSession(secretsmanager=Secrets())
    token = token_of(settings, session)
    assert [token(), token()] == ["a.b.c", "d.e.f"]
    local = Settings.model_validate(VARIABLES)
    assert token_of(local, session)() == "a.token.b"
    assert "a.token.b" not in repr(local)
    assert str(server_of(local)) == "Trino at trino.example:443"
