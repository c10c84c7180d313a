"""Lambda's SQS event source mappings: they poll a queue, invoke the function, and delete what it has handled.

Stands in for the part that moto has but gets wrong (AWS polls again, and heeds batchItemFailures). How it differs: one
thread receives, at most two batches run at a time, and a failed batch comes back after its queue's visibility timeout on
the scaled clock. Receive counts and the move to the DLQ are moto's SQS.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from local.emulator.aws import REGION
from local.emulator.functions import Function, InvocationFailed

if TYPE_CHECKING:
    from local.emulator.story import Story
    from local.emulator.template import Resource

CONCURRENCY = 2


class Poller:
    """One event source mapping, running until `stop`."""

    def __init__(
        self, mapping: Resource, function: Function, queue_url: str, sqs: Any, *, time_scale: float, story: Story
    ) -> None:
        self._properties = mapping.properties
        self._function, self._queue_url, self._sqs, self._story = function, queue_url, sqs, story
        attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["VisibilityTimeout"])["Attributes"]
        self._retry_seconds = max(0, round(int(attributes["VisibilityTimeout"]) * time_scale))
        self._pool = ThreadPoolExecutor(CONCURRENCY)
        self._slots = threading.Semaphore(CONCURRENCY)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name=f"poller-{function.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Takes no more messages; the function's processes are ended by their owner."""
        self._stopping.set()

    def join(self) -> None:
        self._thread.join()
        self._pool.shutdown()

    def _poll(self) -> None:
        size = int(self._properties.get("BatchSize", 10))
        while not self._stopping.is_set():
            self._slots.acquire()
            try:
                messages = self._sqs.receive_message(
                    QueueUrl=self._queue_url,
                    MaxNumberOfMessages=size,
                    WaitTimeSeconds=1,
                    AttributeNames=["All"],
                    MessageAttributeNames=["All"],
                ).get("Messages", [])
            except (BotoCoreError, ClientError):
                if not self._stopping.wait(0.2):
                    self._slots.release()
                    continue
                return
            if messages and not self._stopping.is_set():
                self._pool.submit(self._handle, messages)
            else:
                self._slots.release()

    def _handle(self, messages: list[dict[str, Any]]) -> None:
        try:
            failed = self._failed(messages)
            for message in messages:
                where = {"QueueUrl": self._queue_url, "ReceiptHandle": message["ReceiptHandle"]}
                if message["MessageId"] in failed:
                    self._sqs.change_message_visibility(**where, VisibilityTimeout=self._retry_seconds)
                else:
                    self._sqs.delete_message(**where)
        except (BotoCoreError, ClientError) as error:
            if not self._stopping.is_set():
                self._story.tell("Trouble", f"{self._function.name}: {error}")
        finally:
            self._slots.release()

    def _failed(self, messages: list[dict[str, Any]]) -> set[str]:
        """Ids of the messages that SQS delivers again.

        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
        """
        every = {message["MessageId"] for message in messages}
        try:
            answer = self._function.invoke({"Records": [self._record(message) for message in messages]})
        except InvocationFailed as error:
            if not self._stopping.is_set():
                self._story.tell("Invocation failed", f"{self._function.name}: {str(error).strip().splitlines()[-1]}")
            return every
        if "ReportBatchItemFailures" not in self._properties.get("FunctionResponseTypes", []):
            return set()
        failed = {failure.get("itemIdentifier") for failure in (answer or {}).get("batchItemFailures") or []}
        return failed if failed <= every else every

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
        attributes = {
            name: {"stringValue": value.get("StringValue"), "dataType": value["DataType"]}
            for name, value in message.get("MessageAttributes", {}).items()
        }
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": attributes,
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._properties["EventSourceArn"],
            "awsRegion": REGION,
        }
