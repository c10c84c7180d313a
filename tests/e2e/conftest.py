"""The whole system on this machine, and small dumps to send through it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from local.demo import landed
from local.emulator.cloud import PRE_PRODUCTION_BUCKET, Cloud
from local.emulator.database_server import DatabaseServer
from local.emulator.story import Entry

SECONDS = 90  # a deadline, not an expectation
# A run of the workflow outlasts the moment between two messages of one export that both look for it: Glue's take minutes.
QUICK: dict[str, Any] = {"time_scale": 1 / 2700, "snapshot_seconds": 0.4, "export_seconds": 0.6, "workflow_seconds": 2.5}


class System(Cloud):
    """A Cloud with the questions that the tests ask."""

    def wait_for(self, stage: str, times: int = 1) -> None:
        """Until a stage has been told so often; fails with the log where it is not."""

        def told(entries: list[Entry]) -> bool:
            return sum(entry.stage == stage and entry.queue is None for entry in entries) >= times

        if not self.story.wait_for(told, SECONDS):
            story = "\n".join(f"{e.at:6.1f} {e.stage} {e.queue or ''} {e.text}" for e in self.story.entries)
            pytest.fail(f"No {stage} ({times}).\n{story}\n{self.log_path.read_text()[-3000:]}")

    def wait_until_idle(self, seconds: float = SECONDS) -> None:
        """Until no message is on, or in flight from, any queue of the functions."""
        sqs = self.aws.client("sqs")
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ]

        def idle(_: list[Entry]) -> bool:
            urls = [self.queue_url(name) for name in ("rds-snapshot-to-s3", "s3-to-s3-copier", "prod-to-preprod")]
            found = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"] for url in urls]
            return not any(int(count) for attributes in found for count in attributes.values())

        for _ in range(round(seconds * 5)):
            if self.story.wait_for(idle, 0) or self.story.wait_for(lambda _: False, 0.2):
                return
        pytest.fail("The queues do not empty.")

    def updates(self) -> list[dict[str, Any]]:
        """Every LandingZoneUpdated, those that say the same once: two copies of one message may both announce (ADR 2)."""
        told: list[dict[str, Any]] = []
        for update in self.events("LandingZoneUpdated"):
            if update not in told:
                told.append(update)
        return told

    def messages(self) -> list[str]:
        return [entry.stage for entry in self.story.messages()]

    def runs(self, workflow: str) -> list[dict[str, str]]:
        glue, found, token = self.aws.client("glue"), [], {}
        while True:
            page = glue.get_workflow_runs(Name=self.name_of(workflow), **token)
            found += page["Runs"]
            if not page.get("NextToken"):
                return [run["WorkflowRunProperties"] for run in found]
            token = {"NextToken": page["NextToken"]}

    def assert_landed(self, update: dict[str, Any], rows: dict[str, int]) -> None:
        """The manifest's Parquet files hold these rows, and the day holds nothing else."""
        bucket = self.name_of("LandingBucket")
        manifest = landed.read_manifest(self.s3, update["manifest"])
        tables = landed.read_back(self.s3, bucket, manifest)
        assert {t.name: t.rows_landed for t in tables} == rows
        assert landed.differences(tables) == []
        assert landed.unnamed(self.s3, bucket, manifest, manifest.run.import_date) == []

    def landing_objects(self) -> list[str]:
        return [o["Key"] for o in self.s3.list_objects_v2(Bucket=self.name_of("LandingBucket")).get("Contents", [])]

    def replicated(self) -> list[str]:
        return [o["Key"] for o in self.s3.list_objects_v2(Bucket=PRE_PRODUCTION_BUCKET).get("Contents", [])]

    def dead_letters(self, queue: str) -> list[dict[str, Any]]:
        request = {"QueueUrl": self.queue_url(f"{queue}-dlq"), "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
        return list(self.aws.client("sqs").receive_message(**request).get("Messages", []))


@pytest.fixture
def system(server: DatabaseServer) -> Iterator[Callable[..., System]]:
    """Starts a system; 15 minutes of delay pass in a third of a second."""
    with ExitStack() as stack:

        def start(**options: Any) -> System:
            return stack.enter_context(System(**{"server": server} | QUICK | options))

        yield start


def write_dump(folder: Path, permits: int = 30) -> Path:
    """A zipped dump with one table of so many permits, and an empty one."""
    rows = ",".join(f"({n}, 'permit {n}')" for n in range(permits))
    sql = f"""CREATE TABLE permits (id INT PRIMARY KEY, name VARCHAR(40));
        CREATE TABLE archive (id INT PRIMARY KEY);
        INSERT INTO permits VALUES {rows};"""
    path = folder / f"{permits}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("dump.sql", sql)
    return path


@pytest.fixture
def dump(tmp_path: Path) -> Callable[..., Path]:
    """Writes a dump into the test's own folder."""
    return partial(write_dump, tmp_path)
