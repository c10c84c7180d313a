"""Lambda, every 15 minutes: what messages have left undone is found and rung for."""

import os
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import timedelta
from functools import cache, partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from cubic import doorbells
from cubic.alerts import Alerts
from cubic.functions.copies import POOL
from cubic.functions.database import database
from cubic.functions.inbox import to_command
from cubic.messages import FinishIngestion, MoveLoad, RegisterLoad, StartIngestion, SweepIncoming
from cubic.raw_zone import RawZone
from cubic.settings import CubicSettings
from cubic.store.database import Database
from cubic.sweeping import Sweep, sweep_incoming
from ingestion import queues
from ingestion.clock import Clock, SystemClock
from ingestion.consumer import Consumer, PartialFailure, SecondsLeft
from ingestion.landing_zone.zone import Bucket
from ingestion.messages import Command

logger, tracer = Logger(), Tracer()

STAGE = "sweep_incoming"


class Settings(CubicSettings):
    """The queues are those of the functions that it rings. RAW_DATABASE is that of the catalog.

    SNAPSHOT_WAIT_HOURS: so long a file waits for its snapshot to begin. SETTLE_HOURS: so long a snapshot waits for changes.
    """

    incoming_bucket: str
    springboard_bucket: str
    raw_bucket: str
    raw_database: str
    snapshot_wait_hours: float = Field(gt=0)
    settle_hours: float = Field(gt=0)
    register_queue_url: str
    start_queue_url: str
    finish_queue_url: str
    move_queue_url: str


def make_consumer(
    settings: Settings, session: boto3.Session, clock: Clock, db: Database, threads: Callable[[], Executor] = POOL
) -> Consumer[SweepIncoming]:
    """Make the function of what an environment gives it."""
    s3, glue = session.client("s3"), session.client("glue")
    sqs, sns = session.client("sqs"), session.client("sns")
    urls: dict[type[Command], str] = {
        RegisterLoad: settings.register_queue_url,
        StartIngestion: settings.start_queue_url,
        FinishIngestion: settings.finish_queue_url,
        MoveLoad: settings.move_queue_url,
    }
    at = Sweep(
        db,
        s3,
        settings.incoming_bucket,
        Bucket(s3, settings.springboard_bucket, threads),
        RawZone(Bucket(s3, settings.raw_bucket, threads), glue, settings.raw_database),
        Alerts(sns, settings.alerts_topic_arn, STAGE),
        partial(doorbells.ring, sqs, urls),
        waits=timedelta(hours=settings.snapshot_wait_hours),
        settles_after=timedelta(hours=settings.settle_hours),
    )

    def parse(body: str) -> SweepIncoming:
        return to_command(body, SweepIncoming)

    def handle(command: SweepIncoming, seconds_left: SecondsLeft) -> None:
        if more := sweep_incoming(command, at, clock.now(), seconds_left):
            queues.send(sqs, settings.queue_url, more, delay_seconds=0)

    return Consumer(STAGE, settings, sqs, sns, clock, parse=parse, handle=handle)


@cache
def consumer() -> Consumer[SweepIncoming]:
    """Made once per execution environment, on the first event."""
    settings, session = Settings.model_validate(dict(os.environ)), boto3.Session()
    return make_consumer(settings, session, SystemClock(), database(settings, session))


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialFailure:
    return consumer()(event, context)
