"""Sending to a queue, one message or many, and the dead-letter queue's copy of a message with its reason."""

from __future__ import annotations

import re
from itertools import batched
from typing import TYPE_CHECKING

from ingestion.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_sqs import SQSClient

    from ingestion.messages import Frozen

# Characters that SQS refuses: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_REFUSED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BATCH = 10  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
_ATTEMPTS = 3
_ATTRIBUTE_LIMIT = 4_000  # ours: a reason is for people, and attributes count towards the message's 1 MiB


def send(sqs: SQSClient, queue_url: str, message: Frozen | str, *, delay_seconds: int) -> None:
    """Puts a message, or a body as it is, on a queue after a delay of 0 to 900 seconds."""
    body = message if isinstance(message, str) else message.model_dump_json()
    sqs.send_message(QueueUrl=queue_url, MessageBody=body, DelaySeconds=delay_seconds)


def send_all(sqs: SQSClient, queue_url: str, messages: Iterable[Frozen]) -> None:
    """Puts messages on a queue, ten with each request. Raises Transient where SQS keeps refusing some.

    The request succeeds even where SQS has refused a message of it. A message may be there although SQS says that it isn't.
    """
    for some in batched(messages, _BATCH, strict=False):
        left = {str(n): message.model_dump_json() for n, message in enumerate(some)}
        for _ in range(_ATTEMPTS):
            answer = sqs.send_message_batch(
                QueueUrl=queue_url, Entries=[{"Id": n, "MessageBody": body} for n, body in left.items()]
            )
            refused = answer.get("Failed", [])
            left = {failed["Id"]: left[failed["Id"]] for failed in refused}
            if not left:
                break
        else:
            raise Transient(f"{queue_url} refused {len(left)} messages {_ATTEMPTS} times: {refused[0]}. It is tried again.")


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
