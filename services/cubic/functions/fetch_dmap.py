"""Lambda: the datasets that DMAP's feeds offer go to Incoming."""

import os
from functools import cache
from typing import Annotated, Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BeforeValidator

from cubic.dmap.errors import Refused
from cubic.dmap.feed import Fetcher, fetch_feed
from cubic.dmap.https import Https
from cubic.dmap.listing import api_secret
from cubic.messages import FetchFeed, FetchFeeds
from cubic.settings import CubicSettings
from cubic.store import configuration, registering
from cubic.store.database import Database, PostgreSql, secret_credentials
from ingestion import events, queues
from ingestion.clock import Clock, SystemClock
from ingestion.consumer import Consumer, PartialFailure, SecondsLeft
from ingestion.messages import IngestionFailed, Run, parse

logger, tracer = Logger(), Tracer()

STAGE = "fetch_dmap"

type Asked = FetchFeeds | FetchFeed


class Settings(CubicSettings):
    """API_HOSTS: those of the API and of its links, `name` or `name:port`, with commas between."""

    incoming_bucket: str
    api_secret_arn: str
    api_hosts: Annotated[frozenset[str], BeforeValidator(lambda text: text.lower().split(","))]


def make_consumer(
    settings: Settings, session: boto3.Session, clock: Clock, database: Database, https: Https
) -> Consumer[Asked]:
    """Make the function of what an environment gives it."""
    s3, sqs, sns = session.client("s3"), session.client("sqs"), session.client("sns")
    secrets = session.client("secretsmanager")

    def read(body: str) -> Asked:
        return parse(body, FetchFeeds | FetchFeed)

    def handle(asked: Asked, seconds_left: SecondsLeft) -> None:
        match asked:
            case FetchFeeds():  # a message for each feed, so that feeds fail alone; twice does no harm
                run = Run(import_date=clock.now().date(), backdated=False)
                active = [feed.config.name for feed in configuration.feeds(database) if feed.config.is_active]
                each = [FetchFeed(run=run, correlation_id=f"dmap/{name}@{run.import_date}", feed=name) for name in active]
                queues.send_all(sqs, settings.queue_url, each)
            case FetchFeed(feed=name, run=run, correlation_id=correlation_id):

                def tell(subject: str, problem: Refused) -> None:
                    if not registering.first_told(database, subject):
                        return
                    error, reason = type(problem).__name__, str(problem)
                    failed = IngestionFailed(
                        run=run, correlation_id=correlation_id, stage=STAGE, error=error, reason=reason, message=None
                    )
                    logger.error("Told", extra={"error": error, "reason": reason})
                    events.publish(sns, settings.alerts_topic_arn, failed)
                    registering.told(database, subject)

                api = api_secret(secrets, settings.api_secret_arn)
                to = Fetcher(database, api, https, s3, settings.incoming_bucket, clock, tell)
                fetch_feed(name, to, seconds_left)

    return Consumer(STAGE, settings, sqs, sns, clock, parse=read, handle=handle)


@cache
def consumer() -> Consumer[Asked]:
    """Made once per execution environment, on the first event."""
    settings, session, clock = Settings.model_validate(dict(os.environ)), boto3.Session(), SystemClock()
    credentials = secret_credentials(session.client("secretsmanager"), settings.db_secret_arn)
    return make_consumer(settings, session, clock, PostgreSql(settings, credentials), Https(settings.api_hosts, clock))


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialFailure:
    return consumer()(event, context)
