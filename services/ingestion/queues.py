"""Sending to a queue, and the dead-letter queue's copy of a message with its reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from ingestion.messages import Message

# Characters that SQS refuses: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_REFUSED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE_LIMIT = 4_000  # ours: a reason is for people, and attributes count towards the message's 1 MiB


def send(sqs: SQSClient, queue_url: str, message: Message | str, *, delay_seconds: int) -> None:
    """Puts a message, or a body as it is, on a queue after a delay of 0 to 900 seconds."""
    body = message if isinstance(message, str) else message.model_dump_json()
    sqs.send_message(QueueUrl=queue_url, MessageBody=body, DelaySeconds=delay_seconds)


def send_dead_letter(sqs: SQSClient, queue_url: str, body: str, **attributes: str) -> None:
    """Puts a message on a dead-letter queue with string attributes that say why it is there."""
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody=body,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": _REFUSED.sub("�", value)[:_ATTRIBUTE_LIMIT] or "-"}
            for name, value in attributes.items()
        },
    )
