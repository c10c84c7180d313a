"""Lambda: Trino's table shows the version that the loader has staged; a sweep mends and clears away."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from data_commons.catalog import Tables
from data_commons.connection import Query, Server, Trino
from data_commons.manifest import TableManifest
from data_commons.messages import PublishTable, SweepTable, SweepTables
from data_commons.publishing import Commons, publish_table
from data_commons.spec import Catalog
from data_commons.swapping import ByGlue, by_drop_and_create
from data_commons.sweeping import sweep_table, to_sweep
from ingestion import events, queues
from ingestion.aws_errors import explained
from ingestion.clock import Clock, SystemClock
from ingestion.consumer import Consumer, PartialFailure, SecondsLeft
from ingestion.errors import NotYet, Terminal
from ingestion.landing_zone.zone import LandingZone
from ingestion.messages import IngestionFailed
from trino_publisher.inbox import Asked, to_message
from trino_publisher.settings import Metastore, Settings

logger, tracer = Logger(), Tracer()

STAGE = "trino_publisher"
THREADS = 4  # for a listing, or a few: a version is one object


def make_commons(
    settings: Settings, session: boto3.Session, query: Query, threads: Callable[[], Executor]
) -> dict[Catalog, Commons]:
    """Make both catalogs, each with its bucket, of what an environment gives."""
    s3 = session.client("s3")
    swap = ByGlue(session.client("glue")) if settings.trino_metastore is Metastore.GLUE else by_drop_and_create
    buckets = {Catalog.DEV: settings.s3_dev_bucket, Catalog.PROD: settings.s3_prod_bucket}
    return {
        of: Commons(Tables(query, of.trino_name), LandingZone(s3, bucket, threads, TableManifest), swap)
        for of, bucket in buckets.items()
    }


def make_consumer(
    settings: Settings, session: boto3.Session, clock: Clock, commons: Mapping[Catalog, Commons]
) -> Consumer[Asked]:
    """Make the function of what an environment gives it."""
    sqs, sns = session.client("sqs"), session.client("sns")

    def tell(problem: Terminal) -> None:
        error, reason = type(problem).__name__, str(problem)
        logger.error("Told", extra={"error": error, "reason": reason})
        failed = IngestionFailed(run=None, correlation_id=None, stage=STAGE, error=error, reason=reason, message=None)
        events.publish(sns, settings.alerts_topic_arn, failed)

    def handle(message: Asked, _: SecondsLeft) -> None:
        match message:
            case PublishTable():
                if published := publish_table(message, commons[message.catalog]):
                    events.publish(sns, settings.events_topic_arn, published)
            case SweepTables():  # a message for each table, so that tables fail alone; twice does no harm
                for of, at in commons.items():
                    queues.send_all(sqs, settings.queue_url, to_sweep(of, at))
            case SweepTable():
                try:
                    sweep_table(message, commons[message.catalog], clock.now(), tell)
                except NotYet as wait:  # put back, its messages would become more with each sweep
                    logger.warning("Left to the next sweep", extra={"waiting_for": str(wait)})

    return Consumer(STAGE, settings, sqs, sns, clock, parse=to_message, handle=handle)


@cache
def consumer() -> Consumer[Asked]:
    """Made once per execution environment, on the first event."""
    settings, session = Settings.model_validate(dict(os.environ)), boto3.Session()
    trino = Trino(server_of(settings), token_of(settings, session))
    commons = make_commons(settings, session, trino.query, partial(ThreadPoolExecutor, THREADS))
    return make_consumer(settings, session, SystemClock(), commons)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialFailure:
    return consumer()(event, context)


def server_of(settings: Settings) -> Server:
    """Trino's address, and what is trusted there."""
    catalogs = tuple(of.trino_name for of in Catalog)
    return Server(settings.trino_host, settings.trino_port, settings.trino_user, catalogs, settings.trino_ca_bundle)


def token_of(settings: Settings, session: boto3.Session) -> Callable[[], str]:
    """Read the token at each call: whoever renews it need not tell this function."""
    if settings.trino_passwd:
        return settings.trino_passwd.get_secret_value
    secrets, arn = session.client("secretsmanager"), settings.trino_secret_arn or ""

    def token() -> str:
        with explained(f"reading the token of {settings.trino_user} in {arn}"):
            return secrets.get_secret_value(SecretId=arn)["SecretString"].strip()

    return token
