"""Lambda, in production only: a dump that was dropped is copied to pre-production."""

import os
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

from ingestion.clock import Clock, SystemClock
from ingestion.consumer import Consumer, PartialFailure, SecondsLeft
from prod_to_preprod.inbox import UploadedObject, to_objects
from prod_to_preprod.replication import Destination, replicate
from prod_to_preprod.settings import Settings

logger, tracer = Logger(), Tracer()


def make_consumer(settings: Settings, session: boto3.Session, clock: Clock) -> Consumer[list[UploadedObject]]:
    """Make the function of what an environment gives it."""
    s3 = session.client("s3", config=Config(read_timeout=300))  # a CopyObject of 5 GB answers when it is done
    sqs, sns = session.client("sqs"), session.client("sns")
    destination = Destination(settings.pre_production_bucket, settings.pre_production_kms_key_arn or None)

    def parse(body: str) -> list[UploadedObject]:
        return to_objects(body, settings.data_bucket)

    def handle(uploads: list[UploadedObject], _: SecondsLeft) -> None:
        for uploaded in uploads:
            logger.thread_safe_append_keys(correlation_id=uploaded.correlation_id)
            replicate(uploaded, s3, destination)

    return Consumer("prod_to_preprod", settings, sqs, sns, clock, parse=parse, handle=handle)


@cache
def consumer() -> Consumer[list[UploadedObject]]:
    """Made once per execution environment, on the first event."""
    return make_consumer(Settings.model_validate(dict(os.environ)), boto3.Session(), SystemClock())


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialFailure:
    return consumer()(event, context)
