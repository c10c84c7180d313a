"""The lines of docs/operations.md that put messages on queues and bring dead letters back, run as they stand there."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import ROOT
from local.emulator.aws import ACCOUNT
from local.emulator.database_server import DatabaseServer
from local.emulator.prepared import PreparedCloud
from local.emulator.terminal import shell_variables
from tests.e2e.conftest import System

pytestmark = pytest.mark.timeout(180)

DOCUMENT = (ROOT / "docs" / "operations.md").read_text()
TABLE = re.findall(r"^\| [^|]* \| `(aws .*)` \|$", DOCUMENT, re.MULTILINE)
LIBERATORS = [line for line in TABLE if "data-commons" not in line and "trino-publisher" not in line]
LINES = re.findall(r"^    (aws sqs .*)$", DOCUMENT, re.MULTILINE) + LIBERATORS
README_LINES = re.findall(r"^    (QUEUE_URL=.*|aws sqs .*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
NOT_HERE = ("aws ecs ", "aws logs ", "aws cloudwatch ")


class Running(PreparedCloud, System):
    """The states that events/ speak of, with pollers."""

    def run_documented(self, *words: str, folder: Path = ROOT) -> None:
        """Runs the one documented line that has all these words."""
        [line] = [line for line in LINES if all(word in line for word in words)]
        self.run(line, folder=folder)

    def run(self, *lines: str, folder: Path = ROOT) -> str:
        """Runs lines with the AWS CLI, word for word, in a shell that has read what `make cloud` writes for it."""
        script = shell_variables(self) + "\n".join(lines)
        environment = os.environ | {"AWS_CONFIG_FILE": "/dev/null"}
        done = subprocess.run(
            ["bash", "-ec", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def lines_of_landing(self, day: str) -> set[str]:
        return {key for key in self.landing_objects() if f"import_date={day}/" in key}


@pytest.fixture
def running(server: DatabaseServer) -> Iterator[Running]:
    with Running(polling=True, cubic=False, server=server) as running:
        yield running


def test_a_replayed_snapshot_goes_all_the_way(running: Running) -> None:
    running.run_documented("send-message", "ExportSnapshot.json")
    running.wait_for("LandingZoneUpdated")
    assert running.lines_of_landing("20210604")
    running.wait_until_idle()  # the workflow is started after that is told
    [properties] = running.runs("DailyWorkflow")
    assert properties["import_date"] == "2021-06-04"


def test_each_question_is_answered_by_its_command(running: Running, tmp_path: Path) -> None:
    running.run(*README_LINES)  # "Replay a message"
    running.wait_for("LandingZoneUpdated")
    running.wait_until_idle()
    assert running.events("IngestionFailed") == []
    asked = [line for line in LIBERATORS if not line.startswith(NOT_HERE) and "start-message-move-task" not in line]
    (tmp_path / "liberator_dump_220601.zip").write_bytes(b"a dump")
    output = running.run(*(f"{line}; echo ===" for line in asked), folder=tmp_path)
    answers = dict(zip(asked, output.split("===\n"), strict=False))

    def answer(*words: str) -> str:
        [found] = [text for line, text in answers.items() if all(word in line for word in words)]
        return found

    assert "import_date=20210604.json" in answer("s3 ls", "import_date=20210604")
    assert json.loads(answer("s3 cp", "import_date=20210604"))["run"]["import_date"] == "2021-06-04"
    assert re.search(r"^sql-to-parquet-2021-06-06-101530\tcreating\t\d+$", answer("db-snapshots"), re.MULTILINE)
    assert re.search(
        r"^sql-to-parquet-2021-06-01-101530\tFAILED\t.*the role cannot write", answer("export-tasks"), re.MULTILINE
    )
    assert answer("get-workflow-runs", "--output text").startswith("2021-06-04\tCOMPLETED")
    [first, again] = running.runs("DailyWorkflow")
    assert first == again, "the workflow runs again for the same day"
    versions = running.s3.list_object_versions(
        Bucket=running.name_of("DataBucket"), Prefix="parking/liberator_dump_210604.zip"
    )
    assert len(versions["Versions"]) == 2, "the dump is uploaded anew"


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
