"""Event source mappings: what a failed invocation means for its message."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from local.emulator.aws import LocalAws
from local.emulator.functions import InvocationFailed
from local.emulator.pollers import Poller
from local.emulator.story import Story

MAPPING = SimpleNamespace(
    properties={
        "BatchSize": 1,
        "EventSourceArn": "arn:aws:sqs:eu-west-2:123456789012:q",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
)


class Recorder:
    """A function that answers what the test says, in turn, then success."""

    name = "function"

    def __init__(self, story: Story, *answers: Any) -> None:
        self.story, self.answers, self.seen = story, list(answers), []

    def invoke(self, event: dict[str, Any]) -> Any:
        [record] = event["Records"]
        self.seen.append(record["body"])
        self.story.tell("Invoked")
        answer = self.answers.pop(0) if self.answers else {"batchItemFailures": []}
        if isinstance(answer, Exception):
            raise answer
        return (
            {"batchItemFailures": [{"itemIdentifier": answer or record["messageId"]}]} if isinstance(answer, str) else answer
        )


def outcome(*answers: Any, invocations: int) -> tuple[list[str], int, int]:
    """The bodies that the function saw, and what is left on the queue and on its DLQ."""
    with LocalAws(0.0) as aws:
        sqs, story = aws.client("sqs"), Story()
        dead = sqs.create_queue(QueueName="dlq")["QueueUrl"]
        redrive = {"deadLetterTargetArn": "arn:aws:sqs:eu-west-2:123456789012:dlq", "maxReceiveCount": 2}
        attributes = {"VisibilityTimeout": "600", "RedrivePolicy": json.dumps(redrive)}
        url = sqs.create_queue(QueueName="q", Attributes=attributes)["QueueUrl"]
        function = Recorder(story, *answers)
        poller = Poller(MAPPING, function, url, sqs, time_scale=0.0, story=story)  # type: ignore[arg-type]
        sqs.send_message(QueueUrl=url, MessageBody="hello")
        assert story.wait_for(lambda es: sum(e.stage == "Invoked" for e in es) >= invocations, 20)

        def left(queue: str) -> int:
            names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
            return sum(map(int, found.values()))

        for _ in range(100):
            if left(url) == 0:
                break
            story.wait_for(lambda _: False, 0.1)
        poller.stop()
        poller.join()
        return function.seen, left(url), left(dead)


def test_a_handled_message_is_deleted() -> None:
    assert outcome(invocations=1) == (["hello"], 0, 0)


def test_the_message_of_a_function_that_ran_out_of_time_comes_back() -> None:
    assert outcome(InvocationFailed("timed out"), invocations=2) == (["hello", "hello"], 0, 0)


def test_a_message_that_the_function_names_as_failed_comes_back() -> None:
    assert outcome("", invocations=2) == (["hello", "hello"], 0, 0)


def test_an_unknown_id_fails_the_whole_batch() -> None:
    assert outcome("nobody's", invocations=2) == (["hello", "hello"], 0, 0)


def test_a_message_that_keeps_failing_ends_on_the_dlq() -> None:
    timed_out = InvocationFailed("timed out")
    assert outcome(timed_out, timed_out, invocations=2) == (["hello", "hello"], 0, 1)
