"""Lambda: an export that is complete becomes a day in the landing zone; then its Glue workflow runs."""

import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import date, datetime
from functools import cache, partial
from typing import Any

import boto3
import botocore.session
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.utils import parse_timestamp

from ingestion import events, telemetry
from ingestion.clock import Clock, SystemClock
from ingestion.consumer import Consumer, PartialFailure, SecondsLeft
from ingestion.landing_zone import copying
from liberator.messages import CopyExport, LandingZoneUpdated
from s3_to_s3_copier.inbox import to_command
from s3_to_s3_copier.landing import Aws, Places, copy_export
from s3_to_s3_copier.settings import Settings

logger, tracer = Logger(), Tracer()

# Enough connections for every request at once, and patience for a CopyObject of 5 GB, which answers when it is done.
# Not the adaptive retry mode: it slows the whole client down at each SlowDown. In the standard mode only that request waits;
# ten attempts, as the default three all fail for one object in 8,000 where 5 % get one. A user agent that is given is not
# put together anew for each request.
S3_CONFIG = Config(
    max_pool_connections=copying.CONCURRENCY * copying.PARTS_AT_ONCE,
    read_timeout=300,
    retries={"mode": "standard", "total_max_attempts": 10},
    user_agent="liberator-ingestion",
)


def session() -> boto3.Session:
    """boto3's, but for how times are read: each object that is listed or copied has one, and botocore takes its time."""
    core = botocore.session.get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_timestamp)
    return boto3.Session(botocore_session=core)


def _timestamp(value: Any) -> datetime:
    try:
        return datetime.fromisoformat(value)  # as S3 and RDS write it
    except (TypeError, ValueError):
        return parse_timestamp(value)  # as Glue and HTTP headers do


def make_consumer(
    settings: Settings, session: boto3.Session, clock: Clock, threads: Callable[[], Executor]
) -> Consumer[CopyExport]:
    """Make the function of what an environment gives it."""
    aws = Aws(session.client("rds"), session.client("s3", config=S3_CONFIG), session.client("glue"), threads)
    sqs, sns = session.client("sqs"), session.client("sns")
    places = Places(
        settings.export_bucket,
        settings.landing_bucket,
        settings.database_name,
        settings.daily_workflow,
        settings.backdated_workflow,
    )

    def parse(body: str) -> CopyExport | None:
        return to_command(body, aws.rds, settings.db_instance_identifier)

    def handle(command: CopyExport, seconds_left: SecondsLeft) -> None:
        began = clock.monotonic()

        def announce(event: LandingZoneUpdated) -> None:
            events.publish(sns, settings.events_topic_arn, event)
            _measure(event, seconds=clock.monotonic() - began, today=clock.now().date())

        copy_export(command, aws, places, announce, seconds_left)

    return Consumer("s3_to_s3_copier", settings, sqs, sns, clock, parse=parse, handle=handle)


@cache
def consumer() -> Consumer[CopyExport]:
    """Made once per execution environment, on the first event."""
    settings = Settings.model_validate(dict(os.environ))
    return make_consumer(settings, session(), SystemClock(), partial(ThreadPoolExecutor, copying.CONCURRENCY))


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialFailure:
    return consumer()(event, context)


def _measure(event: LandingZoneUpdated, *, seconds: float, today: date) -> None:
    telemetry.count("ObjectsLanded", event.objects)
    telemetry.size("BytesLanded", event.bytes)
    telemetry.count("RowsLanded", event.rows or 0)
    telemetry.count("ExportWarnings", event.warnings)
    telemetry.seconds("CopySeconds", seconds)
    if not event.run.backdated:
        telemetry.count("LandedDateAge", (today - event.run.import_date).days)
