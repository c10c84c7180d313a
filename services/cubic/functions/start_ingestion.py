"""Lambda: the next batch of a table is claimed, copied, and given to a run of the Glue job."""

import os
from collections.abc import Callable
from concurrent.futures import Executor
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

from cubic import doorbells
from cubic.functions.copies import POOL, S3_CONFIG
from cubic.functions.database import database
from cubic.functions.inbox import to_command
from cubic.messages import StartIngestion
from cubic.settings import CubicSettings
from cubic.starting import Job, start_ingestion
from cubic.store.database import Database
from ingestion import queues
from ingestion.clock import Clock, SystemClock
from ingestion.consumer import Consumer, PartialFailure, SecondsLeft
from ingestion.landing_zone.zone import Bucket

logger, tracer = Logger(), Tracer()

STAGE = "start_ingestion"


class Settings(CubicSettings):
    """INGEST_JOB is the name of the Glue job. RAW_BUCKET and RAW_DATABASE are where it writes."""

    incoming_bucket: str
    springboard_bucket: str
    raw_bucket: str
    raw_database: str
    ingest_job: str
    finish_queue_url: str


def make_consumer(
    settings: Settings, session: boto3.Session, clock: Clock, db: Database, threads: Callable[[], Executor] = POOL
) -> Consumer[StartIngestion]:
    """Make the function of what an environment gives it."""
    s3, sqs, sns = session.client("s3", config=S3_CONFIG), session.client("sqs"), session.client("sns")
    springboard = Bucket(s3, settings.springboard_bucket, threads)
    job = Job(
        session.client("glue", config=Config(retries={"mode": "standard", "total_max_attempts": 1})),
        settings.ingest_job,
        {
            "--springboard": f"s3://{settings.springboard_bucket}",
            "--raw": f"s3://{settings.raw_bucket}",
            "--raw_database": settings.raw_database,
        },
    )

    def parse(body: str) -> StartIngestion:
        return to_command(body, StartIngestion)

    def handle(command: StartIngestion, seconds_left: SecondsLeft) -> None:
        now = clock.now()
        batch = start_ingestion(command, db, settings.incoming_bucket, springboard, job, now, seconds_left)
        if batch:
            delay = settings.poll_delay_seconds
            queues.send(sqs, settings.finish_queue_url, doorbells.finish(batch, now), delay_seconds=delay)

    return Consumer(STAGE, settings, sqs, sns, clock, parse=parse, handle=handle)


@cache
def consumer() -> Consumer[StartIngestion]:
    """Made once per execution environment, on the first event."""
    settings, session = Settings.model_validate(dict(os.environ)), boto3.Session()
    return make_consumer(settings, session, SystemClock(), database(settings, session))


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialFailure:
    return consumer()(event, context)
