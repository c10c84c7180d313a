"""The function around the landing: where a day is announced, and what is measured of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion import telemetry
from ingestion.messages import Run
from s3_to_s3_copier.handler import make_consumer
from s3_to_s3_copier.settings import Settings
from tests.fakes import POLLING, FakeClock, FakeQueues, FakeSession
from tests.lake import RUN, Lake

TASK = "sql-to-parquet-2021-06-04-101530"
SETTINGS = Settings.model_validate(
    POLLING
    | {
        "DB_INSTANCE_IDENTIFIER": "liberator",
        "EXPORT_BUCKET": "exports",
        "LANDING_BUCKET": "landing",
        "DATABASE_NAME": "liberator",
        "EVENTS_TOPIC_ARN": "events",
        "DAILY_WORKFLOW": "daily",
        "BACKDATED_WORKFLOW": "backdated",
    }
)


@pytest.fixture(autouse=True)
def _measured_anew(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    telemetry.flush()
    capsys.readouterr()
    yield
    telemetry.flush()


def take(lake: Lake, body: str) -> FakeQueues:
    aws = FakeQueues()
    session: Any = FakeSession(rds=lake.rds, s3=lake.s3, glue=lake.glue, sqs=aws, sns=aws)
    clock = FakeClock(datetime(2021, 6, 6, 1, tzinfo=UTC))
    make_consumer(SETTINGS, session, clock, lake.aws.threads).take(body, lambda: 900)
    return aws


def test_a_day_is_announced_on_the_topic_of_events_and_its_workflow_runs(lake: Lake) -> None:
    [told] = take(lake, lake.export(TASK).model_dump_json()).of("publish")
    assert (told["TopicArn"], json.loads(told["Message"])["kind"]) == ("events", "LandingZoneUpdated")
    assert len(lake.runs("daily")) == 1
    assert lake.runs("backdated") == []


@pytest.mark.parametrize(("backdated", "age"), [(False, [2.0]), (True, None)])
def test_how_old_a_day_is_when_it_lands_is_measured_of_daily_runs_only(
    lake: Lake, capsys: pytest.CaptureFixture[str], backdated: bool, age: list[float] | None
) -> None:
    run = Run(import_date=RUN.import_date, backdated=backdated, origin=RUN.origin)
    task = "sql-to-parquet-2021-06-04-backdated-101530" if backdated else TASK
    take(lake, lake.export(task, run=run).model_dump_json())
    telemetry.flush()
    measured = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (measured["ObjectsLanded"], measured["RowsLanded"]) == ([4.0], [5.0])
    assert measured.get("LandedDateAge") == age


def test_an_export_that_still_runs_is_asked_for_again_on_the_functions_own_queue(lake: Lake) -> None:
    command = lake.export(TASK)
    lake.rds.tasks[TASK]["Status"] = "IN_PROGRESS"
    [sent] = take(lake, command.model_dump_json()).of("send_message")
    assert (sent["QueueUrl"], sent["DelaySeconds"]) == ("queue", 7)
