"""A run of the Glue job has ended: each load of its batch goes on by its own outcome."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from cubic import doorbells, raw_zone, work
from cubic.errors import TablePaused
from cubic.loads import Ingested, Reason, ReasonCode, Refused
from cubic.starting import BATCH
from cubic.store import claiming, finishing
from ingestion import telemetry
from ingestion.aws_errors import error_code, explained
from ingestion.errors import NotYet

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

    from cubic.alerts import Alerts
    from cubic.loads import Batch, Load
    from cubic.messages import FinishIngestion
    from cubic.store.database import Database
    from ingestion.messages import Command

logger = Logger(child=True)


class JobRunState(StrEnum):
    """https://docs.aws.amazon.com/glue/latest/dg/job-run-statuses.html"""

    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    ERROR = "ERROR"
    WAITING = "WAITING"
    EXPIRED = "EXPIRED"


ENDED = frozenset(
    {
        JobRunState.STOPPED,
        JobRunState.SUCCEEDED,
        JobRunState.FAILED,
        JobRunState.TIMEOUT,
        JobRunState.ERROR,
        JobRunState.EXPIRED,
    }
)


@dataclass(frozen=True)
class Finisher:
    """All that the end of a batch needs. `raw_database` is that of the catalog."""

    db: Database
    s3: S3Client
    springboard: str
    glue: GlueClient
    job: str
    raw_database: str
    alerts: Alerts


def finish_ingestion(command: FinishIngestion, by: Finisher, now: datetime) -> list[Command]:
    """Ends the batch, and says what to do next. Raises NotYet while its run goes on, in a state that is not known too.

    Safe to repeat: a batch that has ended says again what there is to do.
    """
    batch = claiming.open_batch(by.db, command.batch)
    outcomes: dict[int, Ingested | Refused] = {}
    if batch is not None:
        if batch.job_run_id is None:
            return [doorbells.start(batch.table, now)]
        state = run_state(by.glue, by.job, batch.job_run_id)
        if state is not None and state not in ENDED:
            if command.once:
                return []
            raise NotYet(f"run {batch.job_run_id} of {by.job} is {state}")
        outcomes = _outcomes(batch, by)
        logger.info("Run ended", extra={"run": batch.job_run_id, "state": state, "outcomes": len(outcomes)})
    finished = finishing.finish(by.db, command.batch, outcomes, now)
    if finished is None:
        logger.info("No such batch", extra={"batch": str(command.batch)})
        return []
    if finished.paused:
        telemetry.count("TablesPaused")
        by.alerts.tell_once(by.db, *paused(finished.table, finished.paused), about=command)
    telemetry.count("RowsIngested", sum(it.rows for it in outcomes.values() if isinstance(it, Ingested)))
    more = [doorbells.start(finished.table, now)] if finished.more else []
    return [*(doorbells.move(load, now) for load in finished.move), *more]


def paused(table: str, because: str) -> tuple[str, TablePaused]:
    """The alert of a table that is paused, and its subject."""
    return f"paused {table} {because}", TablePaused(
        f"{table} is paused, no more of its files are taken: {because}. Look at its files in the error bucket, have them "
        "corrected, then resume the table."
    )


def batch_of(glue: GlueClient, job: str, run: str) -> UUID | None:
    """The batch of a run; None where the run is forgotten, or of none: somebody has started it by hand."""
    with explained(f"looking at run {run} of {job}"):
        try:
            found = glue.get_job_run(JobName=job, RunId=run)["JobRun"]
        except ClientError as error:
            if error_code(error) == "EntityNotFoundException":
                return None
            raise
    try:
        return UUID(found.get("Arguments", {}).get(BATCH, ""))
    except ValueError:
        return None


def run_state(glue: GlueClient, job: str, run: str) -> str | None:
    """None where Glue has forgotten the run, which is as dead as one that failed."""
    with explained(f"looking at run {run} of {job}"):
        try:
            return glue.get_job_run(JobName=job, RunId=run)["JobRun"]["JobRunState"]
        except ClientError as error:
            if error_code(error) == "EntityNotFoundException":
                return None
            raise


def _outcomes(batch: Batch, by: Finisher) -> dict[int, Ingested | Refused]:
    """The result counts however the run ended: it is written last. A load that it leaves out has an outcome all the same

    - where its version was deleted before it could be copied;
    - where its partition is there: that is the commit. The run may have died, or lost Glue's answer, right after it.
    """
    document = work.read_document(by.s3, by.springboard, batch.id)
    if document is None:
        return {}
    outcomes = work.read_result(by.s3, by.springboard, batch.id) or {}
    copied = {load.load_id for load in document.loads}
    for load in batch.loads:
        if load.load_id in outcomes:
            continue
        if load.load_id not in copied:
            outcomes[load.load_id] = _deleted(load)
        elif (rows := raw_zone.committed_rows(by.glue, by.raw_database, load)) is not None:
            outcomes[load.load_id] = Ingested(rows)
    return outcomes


def _deleted(load: Load) -> Refused:
    return Refused(
        Reason(
            ReasonCode.OTHER,
            f"version {load.s3_version} of {load.s3_key} was deleted before it could be read. Upload the file again",
        )
    )
