"""The lines of docs/operations.md that put messages on queues and bring dead letters back, run as they stand there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.aws import ACCOUNT
from local.database_server import DatabaseServer
from local.functions import ROOT
from local.standby import Standby
from tests.e2e.conftest import System

pytestmark = pytest.mark.timeout(180)

LINES = re.findall(r"^    (aws sqs .*)$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)


class Running(Standby, System):
    """The states that events/ speak of, with pollers."""

    def run_documented(self, *words: str, folder: Path = ROOT) -> None:
        """Runs the one documented line that has all these words, with the AWS CLI."""
        [line] = [line for line in LINES if all(word in line for word in words)]
        # The address is the one thing that differs here.
        line = line.replace("https://sqs.eu-west-2.amazonaws.com", self.aws.endpoint)
        line = line.replace("aws sqs", f"aws --endpoint-url {self.aws.endpoint} sqs", 1)
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**self.aws.environment, "ACCOUNT": ACCOUNT, "PATH": path, "AWS_CONFIG_FILE": "/dev/null"}
        done = subprocess.run(
            ["bash", "-ec", line], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def lines_of_landing(self, day: str) -> set[str]:
        return {key for key in self.landing_objects() if f"import_date={day}/" in key}


@pytest.fixture
def running(server: DatabaseServer) -> Iterator[Running]:
    with Running(polling=True, server=server) as running:
        yield running


def test_a_replayed_snapshot_goes_all_the_way(running: Running) -> None:
    running.run_documented("send-message", "ExportSnapshot.json")
    running.wait_for("LandingZoneUpdated")
    assert running.lines_of_landing("20210604")
    running.wait_until_idle()  # the workflow is started after that is told
    [properties] = running.runs("DailyWorkflow")
    assert properties["import_date"] == "2021-06-04"


def test_a_replayed_backdated_export_starts_the_backdated_workflow(running: Running) -> None:
    running.run_documented("send-message", "CopyExport.backdated.json")
    running.wait_for("LandingZoneUpdated")
    running.wait_until_idle()
    [properties] = running.runs("BackdatedWorkflow")
    assert properties["import_date"] == "2022-06-01"


def test_the_landing_copy_of_a_past_export_is_made_again(running: Running) -> None:
    running.run_documented("send-message", "CopyExport.json")
    running.wait_for("LandingZoneUpdated")
    before = running.lines_of_landing("20210604")
    for key in before:
        running.s3.delete_object(Bucket=running.name_of("LandingBucket"), Key=key)
    assert running.lines_of_landing("20210604") == set()
    running.run_documented("send-message", "CopyExport.json")
    running.wait_until_idle()
    assert running.lines_of_landing("20210604") == before
    assert len(running.updates()) == 1, "the day is what it was"
    assert len(running.runs("DailyWorkflow")) == 1


def test_a_dead_letter_says_why_and_runs_when_it_is_brought_back(running: Running) -> None:
    task = "sql-to-parquet-2021-06-04-101530"
    where = {"Bucket": running.name_of("ExportBucket"), "Key": f"{task}/export_info_{task}.json"}
    kept = running.s3.get_object(**where)["Body"].read()
    running.s3.delete_object(**where)
    running.run_documented("send-message", "CopyExport.json")
    running.wait_for("IngestionFailed")
    running.wait_until_idle()
    sqs, url = running.aws.client("sqs"), running.queue_url("s3-to-s3-copier-dlq")
    [dead] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], VisibilityTimeout=0)["Messages"]
    assert "export_info" in dead["MessageAttributes"]["reason"]["StringValue"]
    assert "poll" not in json.loads(dead["Body"])
    running.s3.put_object(**where, Body=kept)
    running.run_documented("start-message-move-task")
    running.wait_for("LandingZoneUpdated")
    assert running.dead_letters("s3-to-s3-copier") == []


def test_an_event_that_aws_could_not_deliver_is_delivered_by_hand(running: Running, tmp_path: Path) -> None:
    event = json.loads((ROOT / "events/s3_to_s3_copier/eventbridge_export_completed.json").read_text())
    sqs, url = running.aws.client("sqs"), running.queue_url("undelivered-events-dlq")
    target = f"arn:aws:sqs:eu-west-2:{ACCOUNT}:dataplatform-stg-s3-to-s3-copier"
    why = {"TARGET_ARN": target, "ERROR_MESSAGE": "Lack of permissions"}
    sqs.send_message(
        QueueUrl=url,
        MessageBody=event["Records"][0]["body"],
        MessageAttributes={name: {"DataType": "String", "StringValue": text} for name, text in why.items()},
    )
    running.run_documented("receive-message", "undelivered-events-dlq", folder=tmp_path)
    assert (tmp_path / "undelivered.txt").read_text().split("\t")[2:] == [target, "Lack of permissions\n"]
    running.run_documented("send-message", "undelivered.txt", folder=tmp_path)
    running.wait_for("LandingZoneUpdated")
    running.run_documented("delete-message", folder=tmp_path)
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesNotVisible"]) == ("0", "0")
