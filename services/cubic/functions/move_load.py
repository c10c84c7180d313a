"""Lambda: the file of a load goes from Incoming to the archive or the error bucket."""

import os
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import timedelta
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from cubic.alerts import Alerts
from cubic.functions.copies import POOL, S3_CONFIG
from cubic.functions.database import database
from cubic.functions.inbox import to_command
from cubic.messages import MoveLoad
from cubic.moving import Mover, Places, move_load
from cubic.raw_zone import RawZone
from cubic.settings import CubicSettings
from cubic.store.database import Database
from ingestion.clock import Clock, SystemClock
from ingestion.consumer import Consumer, PartialFailure, SecondsLeft
from ingestion.landing_zone.zone import Bucket

logger, tracer = Logger(), Tracer()

STAGE = "move_load"


class Settings(CubicSettings):
    """RAW_DATABASE is that of the catalog: a load whose snapshot has changed moves there too.

    SETTLE_HOURS: so long a snapshot waits for changes before it counts as whole.
    """

    incoming_bucket: str
    archive_bucket: str
    error_bucket: str
    springboard_bucket: str
    raw_bucket: str
    raw_database: str
    settle_hours: float = Field(gt=0)


def make_consumer(
    settings: Settings, session: boto3.Session, clock: Clock, db: Database, threads: Callable[[], Executor] = POOL
) -> Consumer[MoveLoad]:
    """Make the function of what an environment gives it."""
    s3, sqs, sns = session.client("s3", config=S3_CONFIG), session.client("sqs"), session.client("sns")
    places = Places(settings.incoming_bucket, settings.archive_bucket, settings.error_bucket, settings.springboard_bucket)
    zone = RawZone(Bucket(s3, settings.raw_bucket, threads), session.client("glue"), settings.raw_database)
    settles_after = timedelta(hours=settings.settle_hours)
    by = Mover(db, s3, places, zone, Alerts(sns, settings.alerts_topic_arn, STAGE), settles_after)

    def parse(body: str) -> MoveLoad:
        return to_command(body, MoveLoad)

    def handle(command: MoveLoad, seconds_left: SecondsLeft) -> None:
        move_load(command, by, clock.now(), seconds_left)

    return Consumer(STAGE, settings, sqs, sns, clock, parse=parse, handle=handle)


@cache
def consumer() -> Consumer[MoveLoad]:
    """Made once per execution environment, on the first event."""
    settings, session = Settings.model_validate(dict(os.environ)), boto3.Session()
    return make_consumer(settings, session, SystemClock(), database(settings, session))


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialFailure:
    return consumer()(event, context)
