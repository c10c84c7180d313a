"""Lambda: a snapshot that is available becomes an export task; then CopyExport is sent."""

import os
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from ingestion import queues
from ingestion.clock import Clock, SystemClock
from ingestion.consumer import Consumer, PartialFailure, SecondsLeft
from liberator.messages import ExportSnapshot
from snapshot_to_s3.export import ExportTarget, export_snapshot
from snapshot_to_s3.inbox import to_command
from snapshot_to_s3.settings import Settings

logger, tracer = Logger(), Tracer()


def make_consumer(settings: Settings, session: boto3.Session, clock: Clock) -> Consumer[ExportSnapshot]:
    """Make the function of what an environment gives it."""
    rds, sqs, sns = session.client("rds"), session.client("sqs"), session.client("sns")
    instance = settings.db_instance_identifier
    target = ExportTarget(
        instance, settings.export_bucket, settings.export_role_arn, settings.export_kms_key_arn, settings.database_name
    )

    def parse(body: str) -> ExportSnapshot | None:
        return to_command(body, rds, instance)

    def handle(command: ExportSnapshot, _: SecondsLeft) -> None:
        copy = export_snapshot(command, rds, target)
        queues.send(sqs, settings.copier_queue_url, copy, delay_seconds=settings.poll_delay_seconds)

    return Consumer("snapshot_to_s3", settings, sqs, sns, clock, parse=parse, handle=handle)


@cache
def consumer() -> Consumer[ExportSnapshot]:
    """Made once per execution environment, on the first event."""
    return make_consumer(Settings.model_validate(dict(os.environ)), boto3.Session(), SystemClock())


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialFailure:
    return consumer()(event, context)
