"""Publishes the events of the design on their SNS topics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.messages import IngestionFailed, Message

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

SUBJECT_LIMIT = 100  # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html


def publish(sns: SNSClient, topic_arn: str, event: Message | IngestionFailed) -> None:
    """Publishes an event. Safe to repeat: subscribers may hear of the same run twice, never not at all."""
    day = f" of {event.run.import_date}" if event.run else ""
    sns.publish(TopicArn=topic_arn, Subject=f"{type(event).__name__}{day}"[:SUBJECT_LIMIT], Message=event.model_dump_json())
