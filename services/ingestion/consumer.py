"""Takes messages off a queue: parse, handle, and what the outcome of each means for its message."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from ingestion import events, polling, queues, telemetry
from ingestion.errors import NotYet, Terminal
from ingestion.messages import BODY_LIMIT, Command, IngestionFailed, Message, Poll
from ingestion.settings import PollSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

    from ingestion.clock import Clock
    from ingestion.settings import ConsumerSettings

logger = Logger()

type SecondsLeft = Callable[[], float]
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
type PartialFailure = dict[str, list[dict[str, str]]]

RETRY_SECONDS = 900  # ours: with five receives an outage of an hour is waited out


@dataclass(frozen=True)
class Consumer[M]:
    """One function's queue.

    `parse` gives a body's command, or None where there is nothing to do; `handle` carries it out, knowing how many
    seconds the invocation has left. Both may run any number of times for one message, so both must be safe to repeat.
    """

    stage: str
    settings: ConsumerSettings
    sqs: SQSClient
    sns: SNSClient
    clock: Clock
    parse: Callable[[str], M | None]
    handle: Callable[[M, SecondsLeft], None]

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> PartialFailure:
        """Handles a batch of SQS records; answers with those that SQS must deliver again.

        The loop is ours: Powertools' brings the data classes of every other source, and asyncio, to each cold start.
        """
        failed: list[dict[str, str]] = []
        try:
            for record in event["Records"]:
                try:
                    self.take(record["body"], lambda: context.get_remaining_time_in_millis() / 1000)
                except Exception:  # the one place that turns an unknown error into a retry: SQS counts receives
                    logger.exception("Will be tried again", extra={"stage": self.stage})
                    self._come_back_later(record["receiptHandle"])
                    failed.append({"itemIdentifier": record["messageId"]})
        finally:
            telemetry.flush()
        return {"batchItemFailures": failed}

    def take(self, body: str, seconds_left: SecondsLeft) -> None:
        """Handles one message. Returning means that it is done with; raising, that SQS delivers it again."""
        message: M | None = None
        read_at = self.clock.now()
        logger.thread_safe_clear_keys()
        try:
            try:
                message = self.parse(body)
                if message is None:
                    return
                if isinstance(message, Message):
                    logger.thread_safe_append_keys(
                        correlation_id=message.correlation_id, import_date=str(message.run.import_date)
                    )
                logger.info("Handling message", extra={"stage": self.stage, "body": body[:BODY_LIMIT]})
                self.handle(message, seconds_left)
            except NotYet as wait:
                self._put_back(body, message, wait, Poll(started_at=read_at))
        except Terminal as error:
            self._end(body, message, error)

    def _come_back_later(self, receipt_handle: str) -> None:
        """Makes the message visible again after RETRY_SECONDS rather than the queue's own visibility timeout."""
        with suppress(ClientError):  # then it comes back later
            self.sqs.change_message_visibility(
                QueueUrl=self.settings.queue_url,
                ReceiptHandle=receipt_handle,
                VisibilityTimeout=RETRY_SECONDS,
            )

    def _put_back(self, body: str, message: M | None, wait: NotYet, first: Poll) -> None:
        """Sends the message again before SQS deletes this one: a crash in between doubles it, never loses it.

        An event that could not be made a command yet, AWS being too busy to tell about it, goes back as it came. It has no
        budget; the command that is sent beside every event has (ADR 1).
        """
        if not isinstance(self.settings, PollSettings):
            raise wait
        again: Command | str = body
        poll: Poll | None = None
        if isinstance(message, Command):
            now, budget = self.clock.now(), self.settings.budget
            poll = polling.next_attempt(message.poll or first, waiting_for=str(wait), now=now, budget=budget)
            again = message.model_copy(update={"poll": poll})
        delay = self.settings.poll_delay_seconds if wait.delay_seconds is None else wait.delay_seconds
        queues.send(self.sqs, self.settings.queue_url, again, delay_seconds=delay)
        telemetry.count("Polls")
        attempt = poll.attempt if poll else None
        logger.info("Put back", extra={"waiting_for": str(wait), "delay_seconds": delay, "attempt": attempt})

    def _end(self, body: str, message: M | None, error: Terminal) -> None:
        """Tells a person and keeps the message. If either fails, SQS delivers again and both are done again."""
        ours = message if isinstance(message, Message) else None
        failed = IngestionFailed(
            run=ours.run if ours else None,
            correlation_id=ours.correlation_id if ours else None,
            stage=self.stage,
            error=type(error).__name__,
            reason=str(error),
            message=body,
        )
        logger.error("Ended", extra={"stage": self.stage, "error": failed.error, "reason": failed.reason})
        telemetry.count("RunsFailed")
        events.publish(self.sns, self.settings.alerts_topic_arn, failed)
        # Without `poll`, its wait begins when it is read after a redrive, however long it lies there.
        kept = message.model_dump_json(exclude={"poll"}) if isinstance(message, Command) else body
        queues.send_dead_letter(
            self.sqs, self.settings.dead_letter_queue_url, kept, stage=self.stage, error=failed.error, reason=failed.reason
        )
