"""Lambda: a version of an object of Incoming becomes a load."""

import os
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from cubic import doorbells
from cubic.alerts import Alerts
from cubic.functions.database import database
from cubic.functions.inbox import to_register
from cubic.messages import MoveLoad, RegisterLoad, StartIngestion
from cubic.registering import register_load
from cubic.settings import CubicSettings
from cubic.store.database import Database
from ingestion.clock import Clock, SystemClock
from ingestion.consumer import Consumer, PartialFailure, SecondsLeft
from ingestion.messages import Command

logger, tracer = Logger(), Tracer()

STAGE = "register_load"


class Settings(CubicSettings):
    """START_QUEUE_URL and MOVE_QUEUE_URL are the queues of the functions that a load goes to from here."""

    incoming_bucket: str
    start_queue_url: str
    move_queue_url: str


def make_consumer(settings: Settings, session: boto3.Session, clock: Clock, db: Database) -> Consumer[RegisterLoad]:
    """Make the function of what an environment gives it."""
    s3, sqs, sns = session.client("s3"), session.client("sqs"), session.client("sns")
    alerts = Alerts(sns, settings.alerts_topic_arn, STAGE)
    urls: dict[type[Command], str] = {StartIngestion: settings.start_queue_url, MoveLoad: settings.move_queue_url}

    def parse(body: str) -> RegisterLoad:
        return to_register(body, settings.incoming_bucket, clock.now())

    def handle(command: RegisterLoad, _: SecondsLeft) -> None:
        doorbells.ring(sqs, urls, register_load(command, db, s3, settings.incoming_bucket, alerts, clock.now()))

    return Consumer(STAGE, settings, sqs, sns, clock, parse=parse, handle=handle)


@cache
def consumer() -> Consumer[RegisterLoad]:
    """Made once per execution environment, on the first event."""
    settings, session = Settings.model_validate(dict(os.environ)), boto3.Session()
    return make_consumer(settings, session, SystemClock(), database(settings, session))


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialFailure:
    return consumer()(event, context)
