"""Glue workflow runs: MaxConcurrentRuns is enforced, and each run goes through its jobs, or takes a moment and is complete.

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
from moto.glue.models import GlueBackend

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
