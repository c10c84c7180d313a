"""Starts the Glue workflow of a day that has landed, once for each export task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from ingestion.aws_errors import explained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_glue import GlueClient

logger = Logger(child=True)

TASK = "export_task_identifier"


def start_once(glue: GlueClient, workflow: str, properties: Mapping[str, str]) -> str:
    """The id of the workflow run with these properties, started now or earlier for the same export task.

    Safe to repeat: a run with the same export task is adopted. Two copies of one message that both look before either
    starts are told apart by the workflow itself, whose MaxConcurrentRuns is 1: the second start fails, which is
    NotYet, and when its message comes again it finds the run of the first.
    """
    with explained(f"starting workflow {workflow}"):
        if run_id := _run_of(glue, workflow, properties[TASK]):
            logger.info("Workflow run adopted", extra={"workflow": workflow, "run_id": run_id})
            return run_id
        run_id = glue.start_workflow_run(Name=workflow, RunProperties=dict(properties))["RunId"]
        logger.info("Workflow run started", extra={"workflow": workflow, "run_id": run_id})
        return run_id


def _run_of(glue: GlueClient, workflow: str, export_task: str) -> str | None:
    token: dict[str, str] = {}
    while True:
        page = glue.get_workflow_runs(Name=workflow, **token)  # type: ignore[arg-type]
        for run in page.get("Runs", []):
            if run.get("WorkflowRunProperties", {}).get(TASK) == export_task:
                return run["WorkflowRunId"]
        if not page.get("NextToken"):
            return None
        token = {"NextToken": page["NextToken"]}
