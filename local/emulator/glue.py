"""Glue's runs: of a workflow, which goes through its jobs or takes a moment, and of a job by itself.

MaxConcurrentRuns is enforced.
Stands in for what moto leaves out of Glue, and mends its listing of runs, which fails beyond the first page of 100. How it
differs: a run's jobs are carried out by glue_jobs.py, or not at all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from moto.core.exceptions import JsonRESTError
from moto.core.utils import utcnow
from moto.glue.models import FakeJob, FakeJobRun, GlueBackend

from s3_to_s3_copier.workflow import RunStatus


@contextmanager
def workflow_runs(carry_out: Callable[[str, str], None]) -> Iterator[None]:
    """Installed over moto's Glue backend, in this process, for as long as the block lasts.

    `carry_out(workflow, run id)` is called in a thread of its own; the run is complete when it returns.
    """
    start = GlueBackend.start_workflow_run
    lock = threading.Lock()

    def limited_start(backend: Any, workflow_name: str, properties: Any) -> Any:
        with lock:
            workflow = backend.workflows.get(workflow_name)
            if workflow is None:
                return start(backend, workflow_name, properties)
            running = sum(run.status == RunStatus.RUNNING for run in workflow.runs.values())
            if workflow.max_concurrent_runs and running >= int(workflow.max_concurrent_runs):
                raise JsonRESTError("ConcurrentRunsExceededException", f"{workflow_name} is running {running} times.")
            run_id = start(backend, workflow_name, properties)

        def run() -> None:
            try:
                carry_out(workflow_name, run_id)
            finally:
                workflow.runs[run_id].status = RunStatus.COMPLETED

        threading.Thread(target=run, daemon=True).start()
        return run_id

    pages = GlueBackend.PAGINATION_MODEL["get_workflow_runs"]  # names an attribute that the runs do not have
    with (
        patch.object(GlueBackend, "start_workflow_run", limited_start),
        patch.dict(pages, {"unique_attribute": "WorkflowRunId"}),
    ):
        yield


class _Status:
    """The state that was set last; moto's goes on by itself."""

    def __get__(self, run: Any, _kind: type) -> str:
        return str(run._status)  # noqa: SLF001

    def __set__(self, run: Any, state: str) -> None:
        run._status = state  # noqa: SLF001


@contextmanager
def job_runs(
    carry_out: Callable[[str, str, dict[str, str]], tuple[str, str]], ended: Callable[[str, str, str, str], None]
) -> Iterator[None]:
    """Let a job that is started by StartJobRun run: moto's runs change their state by being looked at.

    `carry_out(job, run id, arguments)` is called in a thread of its own and answers with the state in which the run ended,
    and its error. `ended(job, run id, state, error)` is called when GetJobRun says so already.
    """
    start, as_dict = FakeJob.start_job_run, FakeJobRun.as_dict
    lock = threading.Lock()

    def started(job: Any, *args: Any, **options: Any) -> str:
        with lock:
            run_id: str = start(job, *args, **options)
            run = job.job_runs[-1]
        threading.Thread(target=go, args=(run,), daemon=True).start()
        return run_id

    def go(run: Any) -> None:
        run.status, state, error = "RUNNING", "FAILED", "not carried out"
        try:
            state, error = carry_out(run.job_name, run.job_run_id, run.arguments)
        finally:
            run.error_message, run.completed_on, run.status = error, utcnow(), state
            ended(run.job_name, run.job_run_id, state, error)

    def told(run: Any) -> dict[str, Any]:
        error = {"ErrorMessage": run.error_message} if getattr(run, "error_message", "") else {}
        return {**as_dict(run), **error}

    with (
        patch.object(FakeJob, "start_job_run", started),
        patch.object(FakeJobRun, "status", _Status(), create=True),
        patch.object(FakeJobRun, "as_dict", told),
    ):
        yield
