"""Glue workflow runs: MaxConcurrentRuns is enforced, and runs of the still empty workflows complete.

Stands in for what moto leaves out. How it differs: a run takes `seconds`, whatever its jobs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from moto.core.exceptions import JsonRESTError
from moto.glue.models import GlueBackend


@contextmanager
def workflow_runs(seconds: float) -> Iterator[None]:
    """Installed over moto's Glue backend, in this process, for as long as the block lasts."""
    start = GlueBackend.start_workflow_run
    lock = threading.Lock()

    def limited_start(backend: Any, workflow_name: str, properties: Any) -> Any:
        with lock:
            workflow = backend.workflows.get(workflow_name)
            if workflow is None:
                return start(backend, workflow_name, properties)
            running = sum(run.status == "RUNNING" for run in workflow.runs.values())
            if workflow.max_concurrent_runs and running >= int(workflow.max_concurrent_runs):
                raise JsonRESTError("ConcurrentRunsExceededException", f"{workflow_name} is running {running} times.")
            run_id = start(backend, workflow_name, properties)
            timer = threading.Timer(seconds, setattr, (workflow.runs[run_id], "status", "COMPLETED"))
            timer.daemon = True
            timer.start()
            return run_id

    with patch.object(GlueBackend, "start_workflow_run", limited_start):
        yield
