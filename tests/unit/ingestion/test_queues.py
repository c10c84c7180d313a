"""Many messages at once: each is sent, however often SQS refuses some of a batch."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cubic.messages import SweepIncoming
from ingestion import queues
from ingestion.errors import Transient


class Sqs:
    """Refuses a message as often as `refusals` says of its key marker."""

    def __init__(self, refusals: dict[str, int]) -> None:
        self.refusals = refusals
        self.sent: list[str] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        assert len(Entries) <= 10
        failed = []
        for entry in Entries:
            marker = json.loads(entry["MessageBody"])["key_marker"]
            if self.refusals.get(marker, 0):
                self.refusals[marker] -= 1
                failed.append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
            else:
                self.sent.append(marker)
        return {"Failed": failed} if failed else {}


def send(count: int, refusals: dict[str, int]) -> list[str]:
    sqs: Any = Sqs(refusals)
    queues.send_all(sqs, "queue", (SweepIncoming(key_marker=str(n)) for n in range(count)))
    return list(sqs.sent)


@pytest.mark.parametrize("count", [0, 1, 10, 11, 25])
def test_every_message_is_sent_once(count: int) -> None:
    assert send(count, {}) == [str(n) for n in range(count)]


def test_only_those_that_were_refused_are_sent_again() -> None:
    assert sorted(send(12, {"3": 2, "11": 1}), key=int) == [str(n) for n in range(12)]


def test_a_message_that_is_refused_again_and_again_is_an_error_that_says_which_queue() -> None:
    with pytest.raises(Transient, match=r"queue refused 1 messages 3 times.*InternalError"):
        send(12, {"3": 3})
