"""Lambda: a run of the Glue job has ended, and each load of its batch goes on by its own outcome."""

import os
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from cubic import doorbells
from cubic.alerts import Alerts
from cubic.finishing import Finisher, finish_ingestion
from cubic.functions.database import database
from cubic.functions.inbox import to_finish
from cubic.messages import FinishIngestion, MoveLoad, StartIngestion
from cubic.settings import CubicSettings
from cubic.store.database import Database
from ingestion.clock import Clock, SystemClock
from ingestion.consumer import Consumer, PartialFailure, SecondsLeft
from ingestion.messages import Command

logger, tracer = Logger(), Tracer()

STAGE = "finish_ingestion"


class Settings(CubicSettings):
    """INGEST_JOB is the name of the Glue job. RAW_DATABASE is that of the catalog."""

    springboard_bucket: str
    ingest_job: str
    raw_database: str
    start_queue_url: str
    move_queue_url: str


def make_consumer(settings: Settings, session: boto3.Session, clock: Clock, db: Database) -> Consumer[FinishIngestion]:
    """Make the function of what an environment gives it."""
    s3, glue = session.client("s3"), session.client("glue")
    sqs, sns = session.client("sqs"), session.client("sns")
    bucket, job, database = settings.springboard_bucket, settings.ingest_job, settings.raw_database
    by = Finisher(db, s3, bucket, glue, job, database, Alerts(sns, settings.alerts_topic_arn, STAGE))
    urls: dict[type[Command], str] = {StartIngestion: settings.start_queue_url, MoveLoad: settings.move_queue_url}

    def parse(body: str) -> FinishIngestion | None:
        return to_finish(body, glue, job, clock.now())

    def handle(command: FinishIngestion, _: SecondsLeft) -> None:
        doorbells.ring(sqs, urls, finish_ingestion(command, by, clock.now()))

    return Consumer(STAGE, settings, sqs, sns, clock, parse=parse, handle=handle)


@cache
def consumer() -> Consumer[FinishIngestion]:
    """Made once per execution environment, on the first event."""
    settings, session = Settings.model_validate(dict(os.environ)), boto3.Session()
    return make_consumer(settings, session, SystemClock(), database(settings, session))


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialFailure:
    return consumer()(event, context)
