"""Starts the Glue workflow of a day that has landed, once for each export task."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from ingestion.aws_errors import error_code, explained
from ingestion.errors import NotYet
from liberator.errors import WorkflowUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import WorkflowRunTypeDef

logger = Logger(child=True)

TASK = "export_task_identifier"


class RunStatus(StrEnum):
    """https://docs.aws.amazon.com/glue/latest/webapi/API_WorkflowRun.html"""

    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    COMPLETED = "COMPLETED"
    ERROR = "ERROR"


ACTIVE = frozenset({RunStatus.RUNNING, RunStatus.STOPPING})


def has_run(glue: GlueClient, workflow: str, export_task: str) -> bool:
    """Whether there is a run for this export task, whatever became of it. Raises NotYet while another's is active.

    Two copies of one message that both look before either starts are told apart by the workflow itself, whose
    MaxConcurrentRuns is 1: the second start fails, which is NotYet too, and when its message comes again it finds the
    run of the first.
    """
    with explained(f"looking at the runs of workflow {workflow}"):
        runs = list(_runs(glue, workflow))
    for run in runs:
        if run.get("WorkflowRunProperties", {}).get(TASK) == export_task:
            logger.info("Workflow run found", extra={"workflow": workflow, "run_id": run["WorkflowRunId"]})
            return True
    if busy := [run["WorkflowRunId"] for run in runs if run.get("Status") in ACTIVE]:
        raise NotYet(f"workflow {workflow} is running for another export: {busy[0]}")
    return False


def start(glue: GlueClient, workflow: str, properties: Mapping[str, str]) -> None:
    """Starts a run with these properties. Raises WorkflowUnusable where the workflow is not one that can be started."""
    with explained(f"starting workflow {workflow}"):
        try:
            run_id = glue.start_workflow_run(Name=workflow, RunProperties=dict(properties))["RunId"]
        except ClientError as error:
            if error_code(error) == "InvalidInputException":
                raise WorkflowUnusable(
                    f"Glue refuses to start workflow {workflow}: {error}. A workflow without a start trigger cannot be run: "
                    "give it one of type ON_DEMAND, then redrive the message."
                ) from error
            raise
    logger.info("Workflow run started", extra={"workflow": workflow, "run_id": run_id})


def _runs(glue: GlueClient, workflow: str) -> Iterator[WorkflowRunTypeDef]:
    token: dict[str, Any] = {}
    while True:
        page = glue.get_workflow_runs(Name=workflow, **token)
        yield from page.get("Runs", [])
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}
