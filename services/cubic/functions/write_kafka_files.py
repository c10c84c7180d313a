"""Lambda: what Kinesis buffers of each Kafka topic goes into files, once it is enough or an hour old."""

import os
from datetime import timedelta
from functools import cache
from typing import Annotated, Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BeforeValidator, Field

from cubic.kafka.file import Buckets
from cubic.kafka.reading import Stream
from cubic.kafka.topic import write_topic
from cubic.messages import WriteKafkaFiles, WriteTopic
from cubic.settings import CubicSettings
from cubic.store import registering
from cubic.store.database import Database, PostgreSql, secret_credentials
from ingestion import events, queues
from ingestion.clock import Clock, SystemClock
from ingestion.consumer import Consumer, PartialFailure, SecondsLeft
from ingestion.errors import Terminal
from ingestion.messages import IngestionFailed, Run, parse

logger, tracer = Logger(), Tracer()

STAGE = "write_kafka_files"
TOLD_AGAIN = timedelta(hours=6)  # of a topic that cannot be read at all

# The characters of a stream's name: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html
Topic = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]+$")]
type Asked = WriteKafkaFiles | WriteTopic


class Settings(CubicSettings):
    """TOPICS: their names, with commas between. The stream of each has STREAM_PREFIX before its name.

    FILE_MINUTES: so old a record gets, before a file is written of fewer than 10,000.
    """

    incoming_bucket: str
    error_bucket: str
    stream_prefix: str
    file_minutes: float = Field(gt=0, le=60)
    topics: Annotated[tuple[Topic, ...], BeforeValidator(lambda text: text.split(",") if text else ())]


def make_consumer(settings: Settings, session: boto3.Session, clock: Clock, database: Database) -> Consumer[Asked]:
    """Make the function of what an environment gives it."""
    kinesis, s3 = session.client("kinesis"), session.client("s3")
    sqs, sns = session.client("sqs"), session.client("sns")
    buckets = Buckets(settings.incoming_bucket, settings.error_bucket)

    def read(body: str) -> Asked:
        return parse(body, WriteKafkaFiles | WriteTopic)

    def handle(asked: Asked, seconds_left: SecondsLeft) -> None:
        match asked:
            case WriteKafkaFiles():  # a message for each topic, so that topics fail alone; twice does no harm
                run = Run(import_date=clock.now().date(), backdated=False)
                messages = (
                    WriteTopic(run=run, correlation_id=settings.stream_prefix + it, topic=it) for it in settings.topics
                )
                queues.send_all(sqs, settings.queue_url, messages)
            case WriteTopic(topic=topic, run=run, correlation_id=correlation_id):

                def tell(error: Terminal) -> None:
                    name, reason = type(error).__name__, str(error)
                    failed = IngestionFailed(
                        run=run, correlation_id=correlation_id, stage=STAGE, error=name, reason=reason, message=None
                    )
                    logger.error("Told", extra={"error": name, "reason": reason})
                    events.publish(sns, settings.alerts_topic_arn, failed)

                stream = Stream(kinesis, settings.stream_prefix + topic, clock, seconds_left)
                try:
                    write_topic(topic, stream, s3, database, buckets, tell, timedelta(minutes=settings.file_minutes))
                except (
                    Terminal
                ) as error:  # the schedule asks again each minute, lest that be an alert and a dead letter each
                    subject = f"kafka {topic} {type(error).__name__}"
                    if registering.first_told(database, subject, again_after=TOLD_AGAIN):
                        tell(error)
                        registering.told(database, subject)

    return Consumer(STAGE, settings, sqs, sns, clock, parse=read, handle=handle)


@cache
def consumer() -> Consumer[Asked]:
    """Made once per execution environment, on the first event."""
    settings, session = Settings.model_validate(dict(os.environ)), boto3.Session()
    credentials = secret_credentials(session.client("secretsmanager"), settings.db_secret_arn)
    return make_consumer(settings, session, SystemClock(), PostgreSql(settings, credentials))


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialFailure:
    return consumer()(event, context)
