"""The function around its domain: which message goes to which queue."""

from __future__ import annotations

import json
from typing import Any

import pytest

from liberator.messages import CopyExport
from liberator.snapshots import SnapshotStatus
from snapshot_to_s3.handler import make_consumer
from snapshot_to_s3.settings import Settings
from tests.events import NEW, bodies, message
from tests.fakes import POLLING, FakeClock, FakeQueues, FakeRds, FakeSession
from tests.lake import RUN
from tests.messages import parse_message

SETTINGS = Settings.model_validate(
    POLLING
    | {
        "DB_INSTANCE_IDENTIFIER": "liberator",
        "COPIER_QUEUE_URL": "copier",
        "EXPORT_BUCKET": "exports",
        "EXPORT_ROLE_ARN": "arn:role",
        "EXPORT_KMS_KEY_ARN": "arn:key",
        "DATABASE_NAME": "liberator",
    }
)


def take(rds: FakeRds, body: str) -> FakeQueues:
    aws = FakeQueues()
    session: Any = FakeSession(rds=rds, sqs=aws, sns=aws)
    make_consumer(SETTINGS, session, FakeClock()).take(body, lambda: 60)
    return aws


@pytest.mark.parametrize("case", ["sns_snapshot_created", "eventbridge_snapshot_created"])
def test_a_snapshot_that_is_available_is_exported_and_its_copy_asked_for_after_the_usual_delay(case: str) -> None:
    rds = FakeRds()
    rds.add_snapshot(NEW, RUN)
    [body] = bodies("snapshot_to_s3", case)
    [sent] = take(rds, body).of("send_message")
    assert (sent["QueueUrl"], sent["DelaySeconds"]) == ("copier", 7)
    assert parse_message(sent["MessageBody"]) == CopyExport(run=RUN, correlation_id="dump@1", export_task_identifier=NEW)
    [started] = rds.started
    assert (started["S3BucketName"], started["IamRoleArn"], started["KmsKeyId"]) == ("exports", "arn:role", "arn:key")


def test_a_snapshot_that_is_being_created_is_asked_for_again_on_the_functions_own_queue() -> None:
    rds = FakeRds()
    command = message("ExportSnapshot")
    rds.add_snapshot(command.snapshot_identifier, RUN, status=SnapshotStatus.CREATING)
    [sent] = take(rds, command.model_dump_json()).of("send_message")
    assert (sent["QueueUrl"], json.loads(sent["MessageBody"])["poll"]["attempt"]) == ("queue", 2)


def test_what_there_is_nothing_to_do_for_sends_nothing() -> None:
    [body] = bodies("snapshot_to_s3", "sns_automated_snapshot_created")
    assert take(FakeRds(), body).sent == []
