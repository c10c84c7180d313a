"""Loads are claimed, exactly their versions copied to the springboard, and a run of the Glue job started for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from cubic import work
from cubic.objects import head
from cubic.store import claiming
from ingestion import telemetry
from ingestion.aws_errors import explained
from ingestion.errors import Transient
from ingestion.landing_zone.copying import Original, copy_all, sizes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from uuid import UUID

    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import JobRunTypeDef

    from cubic.loads import Batch, Load
    from cubic.messages import StartIngestion
    from cubic.store.database import Database
    from ingestion.consumer import SecondsLeft
    from ingestion.landing_zone.zone import Bucket

logger = Logger(child=True)

BATCH = "--batch"


@dataclass(frozen=True)
class Job:
    """The Glue job, and the arguments that all its runs have.

    `glue` must not repeat a request by itself: StartJobRun has no token by which Glue would know it again.
    https://docs.aws.amazon.com/glue/latest/webapi/API_StartJobRun.html
    """

    glue: GlueClient
    name: str
    arguments: dict[str, str]


def start_ingestion(
    command: StartIngestion,
    db: Database,
    incoming: str,
    springboard: Bucket,
    job: Job,
    now: datetime,
    seconds_left: SecondsLeft,
) -> UUID | None:
    """Starts the next batch of a table; None where there is none to start.

    Raises NotYet where Glue takes no more runs. The claim is kept then, with its copies: once its lease is over, this
    message goes on with it, and all others that ask for this table meanwhile find nothing to do.

    Safe to repeat from each step: what is claimed is claimed, what is copied is not copied again, a run that was started and
    not recorded is found by its argument. There can be one only after the document was written.
    """
    batch = claiming.claim(db, command.table, now)
    if batch is None:
        logger.info("Nothing to start", extra={"table": command.table})
        return None
    logger.info("Claimed", extra={"batch": str(batch.id), "loads": [load.load_id for load in batch.loads]})
    there = sizes([work.folder(batch.id)], springboard)
    run = batch.job_run_id or (run_of(batch.id, job) if work.document_key(batch.id) in there else None)
    if run is None:
        copied = _copied(batch, there, incoming, springboard, seconds_left)
        work.write_document(springboard.s3, springboard.bucket, work.document(batch, copied))
        run = start_run(batch.id, job)
    claiming.started(db, batch.id, run)
    return batch.id


def _copied(
    batch: Batch, there: dict[str, int], incoming: str, springboard: Bucket, seconds_left: SecondsLeft
) -> list[Load]:
    """Copies the versions; answers with the loads whose copy is there.

    Somebody has deleted the others' versions: they are left out of the document, and so refused when the batch ends.
    """

    def can_be_had(load: Load) -> bool:
        copied = there.get(work.copy_key(batch.id, load.load_id)) == load.s3_size
        return copied or head(springboard.s3, incoming, load.s3_key, load.s3_version) is not None

    with springboard.threads() as threads:
        answers = list(threads.map(can_be_had, batch.loads))
    loads = [load for load, answer in zip(batch.loads, answers, strict=True) if answer]
    plan = {
        work.copy_key(batch.id, load.load_id): Original(incoming, load.s3_key, load.s3_size, load.s3_version)
        for load in loads
    }
    if differing := copy_all(plan, springboard, seconds_left):
        raise Transient(f"Copies in s3://{springboard.bucket} differ from their sources: {differing[0]}. It is tried again.")
    telemetry.size("BytesClaimed", sum(load.s3_size for load in loads))
    return loads


def run_of(batch: UUID, job: Job) -> str | None:
    """The run that an earlier attempt has started and not recorded."""
    with explained(f"looking at the runs of {job.name}"):
        return next((run["Id"] for run in _runs(job) if run.get("Arguments", {}).get(BATCH) == str(batch)), None)


def _runs(job: Job) -> Iterator[JobRunTypeDef]:
    token: dict[str, Any] = {}
    while True:
        page = job.glue.get_job_runs(JobName=job.name, MaxResults=200, **token)
        yield from page.get("JobRuns", [])
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def start_run(batch: UUID, job: Job) -> str:
    """The id of a new run. Raises NotYet where Glue takes no more."""
    with explained(f"starting a run of {job.name}"):
        run = job.glue.start_job_run(JobName=job.name, Arguments=job.arguments | {BATCH: str(batch)})["JobRunId"]
    logger.info("Run started", extra={"batch": str(batch), "run": run})
    return run
