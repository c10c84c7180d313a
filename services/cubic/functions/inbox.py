"""Turns each thing that arrives on the functions' queues into a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from pydantic import BaseModel

from cubic import doorbells
from cubic.finishing import batch_of
from cubic.messages import FinishIngestion, RegisterLoad
from ingestion import inbox
from ingestion.errors import UnreadableMessage
from ingestion.inbox import EventBridgeEvent, Notice, Unwrapped, documented
from ingestion.messages import Frozen
from ingestion.s3_events import ObjectCreated, created

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_glue import GlueClient

logger = Logger(child=True)


class JobStateChange(BaseModel):
    """`detail` of the event: https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html"""

    jobName: str  # noqa: N815
    jobRunId: str  # noqa: N815
    state: str


def to_command[M: Frozen](body: str, kind: type[M]) -> M:
    """The message of a queue that takes no events. Raises UnreadableMessage."""
    match inbox.read(body, kind, lambda _: None):
        case Notice():
            raise UnreadableMessage(f"A notice of SNS, which this queue takes none of, not {kind.__name__}. Delete it.")
        case command:
            return command


def to_register(body: str, bucket: str, now: datetime) -> RegisterLoad:
    """The version of an object of Incoming that a message body tells of. Raises UnreadableMessage."""
    match inbox.read(body, RegisterLoad, created):
        case ObjectCreated(bucket=of, object=found):
            if of.name != bucket:
                raise UnreadableMessage(f"s3://{of.name}/{found.key} is not in {bucket}. Correct it and send it again.")
            if found.version_id is None:
                raise UnreadableMessage(
                    f"s3://{bucket}/{found.key} has no version: switch on the bucket's versioning, then upload it again. "
                    "Or correct the message and send it again."
                )
            return doorbells.register(bucket, found.key, found.version_id, now)
        case RegisterLoad() as command:
            return command
        case Notice():
            raise UnreadableMessage("A notice of SNS, which this queue takes none of. Delete it.")


def to_finish(body: str, glue: GlueClient, job: str, now: datetime) -> FinishIngestion | None:
    """The batch that a message body says to look at; None where it tells of a run of none. Raises UnreadableMessage."""
    match inbox.read(body, FinishIngestion, _state_change):
        case JobStateChange(jobName=name) if name != job:
            raise UnreadableMessage(f"The event of a run of {name}, not of {job}. Correct it and send it again.")
        case JobStateChange(jobRunId=run, state=state):
            batch = batch_of(glue, job, run)
            logger.info("A run has changed its state", extra={"run": run, "state": state, "batch": str(batch)})
            return doorbells.finish(batch, now) if batch else None
        case FinishIngestion() as command:
            return command
        case Notice():
            raise UnreadableMessage("A notice of SNS, which this queue takes none of. Delete it.")


def _state_change(unwrapped: Unwrapped) -> JobStateChange | None:
    match unwrapped:
        case EventBridgeEvent(source="aws.glue", detail_type="Glue Job State Change", detail=detail):
            return documented(JobStateChange, detail)
    return None
