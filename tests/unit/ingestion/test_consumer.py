"""The fate of a message: what is sent, to whom, in which order, and what a log line or a metric says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ingestion import queues, telemetry
from ingestion.consumer import Consumer, logger
from ingestion.errors import NotFound, NotYet
from ingestion.messages import Poll, Run
from ingestion.settings import ConsumerSettings, PollSettings
from liberator.messages import CopyExport
from tests.fakes import FakeClock, FakeContext, FakeQueues
from tests.messages import parse_message

SETTINGS = {"QUEUE_URL": "queue", "DEAD_LETTER_QUEUE_URL": "dlq", "ALERTS_TOPIC_ARN": "alerts"}
POLLING = {"POLL_DELAY_SECONDS": 7, "MAX_WAIT_HOURS": 12}
RUN = Run(import_date=date(2021, 6, 4), backdated=False, origin="s3://data/parking/liberator_dump_210604.zip")
NOW = datetime(2021, 6, 4, 12, tzinfo=UTC)
BEGAN = NOW - timedelta(hours=1)
COMMAND = CopyExport(run=RUN, correlation_id="dump@1", export_task_identifier="t", poll=Poll(attempt=3, started_at=BEGAN))


def consumer(
    aws: FakeQueues,
    handle: Callable[..., Any],
    *,
    settings: ConsumerSettings | None = None,
    parse: Callable[[str], Any] = parse_message,
) -> Consumer[Any]:
    settings = settings or PollSettings.model_validate(SETTINGS | POLLING)
    return Consumer("stage", settings, aws, aws, FakeClock(NOW), parse=parse, handle=handle)  # type: ignore[arg-type]


def deliver(consumer: Consumer[Any], *bodies: str) -> list[str]:
    """Ids of the messages that SQS delivers again."""
    records = [{"messageId": f"m{n}", "receiptHandle": f"r{n}", "body": body} for n, body in enumerate(bodies)]
    answer = consumer({"Records": records}, FakeContext())  # type: ignore[arg-type]
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def fails(error: Exception) -> Callable[..., Any]:
    def handle(*_: Any) -> None:
        raise error

    return handle


def test_what_failed_for_an_unknown_reason_comes_back_after_15_minutes() -> None:
    aws = FakeQueues()
    assert deliver(consumer(aws, fails(RuntimeError("?"))), COMMAND.model_dump_json()) == ["m0"]
    assert aws.sent == [
        ("change_message_visibility", {"QueueUrl": "queue", "ReceiptHandle": "r0", "VisibilityTimeout": 900})
    ]


def test_nothing_of_a_message_is_left_on_the_log_lines_of_the_next() -> None:
    seen: list[dict[str, Any]] = []
    other = COMMAND.model_copy(update={"correlation_id": "dump@2"})

    def handle(message: Any, _: Any) -> None:
        seen.append(logger.thread_safe_get_current_keys())

    def parse(body: str) -> Any:
        seen.append(logger.thread_safe_get_current_keys())
        return body if body == "of no run" else parse_message(body)

    running = consumer(FakeQueues(), handle, parse=parse)
    deliver(running, COMMAND.model_dump_json(), other.model_dump_json(), "of no run")
    assert [keys.get("correlation_id") for keys in seen] == [None, "dump@1", None, "dump@2", None, None]
    assert [keys.get("import_date") for keys in seen] == [None, "2021-06-04"] * 2 + [None, None]


def test_metrics_are_written_with_each_batch_even_one_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    deliver(consumer(FakeQueues(), lambda *_: telemetry.count("Handled")), COMMAND.model_dump_json())
    assert '"Handled":[1.0]' in capsys.readouterr().out
    telemetry.count("Left")
    with pytest.raises(KeyError):
        consumer(FakeQueues(), lambda *_: None)({"Records": [{}]}, FakeContext())  # type: ignore[arg-type]
    assert '"Left":[1.0]' in capsys.readouterr().out


def test_a_run_that_ended_is_told_with_its_run_then_kept_without_its_wait() -> None:
    aws = FakeQueues()
    body = COMMAND.model_dump_json()
    assert deliver(consumer(aws, fails(NotFound("no such task"))), body) == []
    [(first, alert), (second, letter)] = aws.sent
    assert (first, second) == ("publish", "send_message"), "a person is told before SQS forgets the message"
    told = parse_message(alert["Message"])
    assert alert["TopicArn"] == "alerts"
    assert told.model_dump(mode="json") == {
        "version": 1,
        "kind": "IngestionFailed",
        "run": RUN.model_dump(mode="json"),
        "correlation_id": "dump@1",
        "stage": "stage",
        "error": "NotFound",
        "reason": "no such task",
        "message": body,
    }
    assert letter["QueueUrl"] == "dlq"
    assert json.loads(letter["MessageBody"]) == COMMAND.model_dump(mode="json", exclude={"poll"})
    values = {name: attribute["StringValue"] for name, attribute in letter["MessageAttributes"].items()}
    assert values == {"stage": "stage", "error": "NotFound", "reason": "no such task"}


@pytest.mark.parametrize("refused", ["publish", "send_message"])
def test_a_run_that_ended_and_could_not_be_told_or_kept_is_delivered_again(refused: str) -> None:
    aws = FakeQueues(refuse={refused})
    assert deliver(consumer(aws, fails(NotFound("?"))), COMMAND.model_dump_json()) == ["m0"]
    assert not aws.of("send_message"), "no dead letter that nobody was told of"


@pytest.mark.parametrize(("wait", "delay"), [(NotYet("x"), 7), (NotYet("x", delay_seconds=0), 0)])
def test_what_waits_is_sent_again_counted_up_since_its_first_attempt(wait: NotYet, delay: int) -> None:
    aws = FakeQueues()
    assert deliver(consumer(aws, fails(wait)), COMMAND.model_dump_json()) == []
    [sent] = aws.of("send_message")
    assert (sent["QueueUrl"], sent["DelaySeconds"]) == ("queue", delay)
    assert parse_message(sent["MessageBody"]) == COMMAND.model_copy(update={"poll": Poll(attempt=4, started_at=BEGAN)})


def test_a_command_that_never_waited_begins_to_wait_when_it_is_read() -> None:
    aws = FakeQueues()
    new = COMMAND.model_copy(update={"poll": None})
    waiting = consumer(aws, fails(NotYet("x")))
    assert deliver(waiting, new.model_dump_json(), new.model_dump_json(exclude={"poll"})) == []
    polls = [parse_message(sent["MessageBody"]).poll for sent in aws.of("send_message")]
    assert polls == [Poll(attempt=2, started_at=NOW)] * 2


def test_what_cannot_be_put_back_is_delivered_again() -> None:
    aws = FakeQueues(refuse={"send_message", "change_message_visibility"})
    assert deliver(consumer(aws, fails(NotYet("x"))), COMMAND.model_dump_json()) == ["m0"]
    waiting = consumer(FakeQueues(), fails(NotYet("x")), settings=ConsumerSettings.model_validate(SETTINGS))
    assert deliver(waiting, COMMAND.model_dump_json()) == ["m0"], "its queue knows no waiting"


def test_a_wait_that_is_over_ends_the_run() -> None:
    aws = FakeQueues()
    old = COMMAND.model_copy(update={"poll": Poll(attempt=48, started_at=NOW - timedelta(hours=12, seconds=1))})
    assert deliver(consumer(aws, fails(NotYet("task t is IN_PROGRESS"))), old.model_dump_json()) == []
    told = parse_message(aws.of("publish")[0]["Message"])
    assert told.kind == "IngestionFailed"
    assert (told.error, "task t is IN_PROGRESS" in told.reason) == ("BudgetSpent", True)


def test_a_dead_letters_reason_has_no_character_that_sqs_refuses() -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""
    aws = FakeQueues()
    queues.send_dead_letter(aws, "dlq", "body", reason="a\x00b\x0bc\ud800d\uffffe\t\n\rf é\U0001f600", empty="")  # type: ignore[arg-type]
    attributes = aws.of("send_message")[0]["MessageAttributes"]
    assert attributes["reason"]["StringValue"] == "a�b�c�d�e\t\n\rf é\U0001f600"
    assert attributes["empty"]["StringValue"] == "-", "SQS takes no empty value"
