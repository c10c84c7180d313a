"""Runs of a Glue job that StartJobRun starts, as a caller sees them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator.aws import LocalAws
from local.emulator.glue import job_runs

JOB = "ingest"


@dataclass
class Job:
    """The job; a run ends when it is let go, as `outcome` says."""

    glue: Any = None
    outcome: tuple[str, str] = ("SUCCEEDED", "")
    go: threading.Event = field(default_factory=threading.Event)
    running: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    done: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    seen_at_the_end: list[tuple[str, str]] = field(default_factory=list)

    def start(self, **arguments: str) -> str:
        return str(self.glue.start_job_run(JobName=JOB, Arguments=arguments)["JobRunId"])

    def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.glue.get_job_run(JobName=JOB, RunId=run_id)["JobRun"]
        return found

    def carry_out(self, job: str, run_id: str, arguments: dict[str, str]) -> tuple[str, str]:
        self.running.release()
        assert self.go.wait(30)
        return self.outcome

    def ended(self, job: str, run_id: str, state: str, error: str) -> None:
        self.seen_at_the_end.append((state, self.run(run_id)["JobRunState"]))
        self.done.release()


@pytest.fixture
def job() -> Iterator[Job]:
    it = Job()
    with job_runs(it.carry_out, it.ended), LocalAws(1.0) as aws:
        it.glue = aws.client("glue")
        it.glue.create_job(
            Name=JOB,
            Role="r",
            Command={"Name": "glueetl", "ScriptLocation": "s3://assets/script.py"},
            DefaultArguments={"--raw": "s3://raw"},
            ExecutionProperty={"MaxConcurrentRuns": 1},
        )
        yield it
        it.go.set()


def test_a_run_goes_on_until_the_job_ends_however_often_it_is_looked_at(job: Job) -> None:
    run_id = job.start(**{"--batch": "b1"})
    assert job.running.acquire(timeout=30)
    assert {job.run(run_id)["JobRunState"] for _ in range(5)} == {"RUNNING"}
    job.go.set()
    assert job.done.acquire(timeout=30)
    assert job.run(run_id)["JobRunState"] == "SUCCEEDED"


def test_its_end_is_told_when_it_can_be_seen(job: Job) -> None:
    job.outcome = ("FAILED", "no such file")
    job.go.set()
    run_id = job.start()
    assert job.done.acquire(timeout=30)
    assert job.seen_at_the_end == [("FAILED", "FAILED")]
    assert job.run(run_id)["ErrorMessage"] == "no such file"


def test_one_more_than_may_run_at_once_is_refused_and_may_run_later(job: Job) -> None:
    job.start()
    with pytest.raises(ClientError, match="ConcurrentRunsExceeded"):
        job.start()
    job.go.set()
    assert job.done.acquire(timeout=30)
    job.start()
    assert job.done.acquire(timeout=30)


def test_a_run_is_found_by_its_arguments(job: Job) -> None:
    job.go.set()
    run_id = job.start(**{"--batch": "b7"})
    runs = job.glue.get_job_runs(JobName=JOB)["JobRuns"]
    assert [it["Id"] for it in runs if it["Arguments"].get("--batch") == "b7"] == [run_id]
    assert job.done.acquire(timeout=30)
