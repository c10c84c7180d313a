"""SQS: delay, visibility, receive counts, dead letters, and now and then a message twice; and SNS."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.emulator.template import Template
from tests.simulation.world import World, brief


@dataclass(eq=False)
class Letter:
    """A message on a queue. `receipt` is its latest receipt handle; `visible_at` in seconds of the world."""

    id: str
    body: str
    visible_at: float
    receives: int = 0
    receipt: str = ""


@dataclass(eq=False)
class Queue:
    """As the template has it. `arrived` is called when a letter may have become visible."""

    name: str
    visibility: int
    max_receives: int | None
    dead: str | None
    letters: list[Letter] = field(default_factory=list)
    arrived: Callable[[], None] = lambda: None


def queues_of(template: Template) -> dict[str, Queue]:
    """The template's queues by their names."""
    queues = {}
    for resource in template.of_type("AWS::SQS::Queue"):
        p = resource.properties
        redrive = p.get("RedrivePolicy", {})
        dead = redrive.get("deadLetterTargetArn", "").rsplit(":", 1)[-1] or None
        queues[p["QueueName"]] = Queue(
            p["QueueName"], int(p.get("VisibilityTimeout", 30)), redrive.get("maxReceiveCount"), dead
        )
    return queues


@dataclass
class Sqs:
    """`late` gives the seconds that a message needs beyond its delay, `copies` how often it is delivered.

    `sent` hears of each message that a process is about to send. `moved` has the bodies that SQS itself gave up.
    """

    world: World
    queues: dict[str, Queue]
    late: Callable[[], float]
    copies: Callable[[], int]
    sent: Callable[[Queue, str], None] = lambda _queue, _body: None
    moved: set[str] = field(default_factory=set)
    refuses: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)

    def put(self, queue: Queue, body: str, delay: float = 0) -> None:
        """Takes effect at once; `send_message` is the call."""
        for _ in range(self.copies()):
            letter = Letter(f"m{next(self._numbers)}", body, self.world.seconds + delay + self.late())
            queue.letters.append(letter)
            self.world.after(letter.visible_at - self.world.seconds, queue.arrived)

    def receive(self, queue: Queue, most: int) -> list[Letter]:
        """The letters that are visible, in any order; those that were received too often go to the dead ones."""
        visible = [letter for letter in queue.letters if letter.visible_at <= self.world.seconds]
        self.world.chance.shuffle(visible)
        taken: list[Letter] = []
        for letter in visible[:most]:
            if queue.max_receives is not None and queue.dead and letter.receives >= queue.max_receives:
                queue.letters.remove(letter)
                self.queues[queue.dead].letters.append(letter)
                self.moved.add(letter.body)
                self.world.tell(queue.name, f"gives up {letter.id}: {brief(letter.body)}")
                continue
            letter.receives += 1
            letter.receipt = f"{letter.id}-{letter.receives}"
            self._hide(queue, letter, queue.visibility)
            taken.append(letter)
        if len(visible) > most:
            self.world.after(0.1, queue.arrived)
        return taken

    def delete(self, queue: Queue, letter: Letter) -> None:
        if letter in queue.letters:
            queue.letters.remove(letter)

    def _hide(self, queue: Queue, letter: Letter, seconds: float) -> None:
        letter.visible_at = self.world.seconds + seconds
        self.world.after(seconds, queue.arrived)

    # ── the API ──

    def send_message(
        self,
        *,
        QueueUrl: str,  # noqa: N803
        MessageBody: str,  # noqa: N803
        DelaySeconds: int = 0,  # noqa: N803
        MessageAttributes: dict[str, Any] | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        assert 0 <= DelaySeconds <= 900
        queue = self.queues[QueueUrl.rsplit("/", 1)[-1]]

        self.sent(queue, MessageBody)

        def effect() -> dict[str, Any]:
            self.put(queue, MessageBody, DelaySeconds)
            why = (MessageAttributes or {}).get("reason", {}).get("StringValue", "")
            self.world.tell(queue.name, f"takes, for {DelaySeconds} s, {brief(MessageBody)} {why}")
            return {}

        return self.world.call(f"sqs.send_message {queue.name}", effect)

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        """Takes all of them, or, now and then, refuses one."""
        queue = self.queues[QueueUrl.rsplit("/", 1)[-1]]
        for entry in Entries:
            self.sent(queue, entry["MessageBody"])

        def effect() -> dict[str, Any]:
            refused = [entry for entry in Entries if self.refuses()]
            for entry in Entries:
                if entry not in refused:
                    self.put(queue, entry["MessageBody"])
                    self.world.tell(queue.name, f"takes {brief(entry['MessageBody'])}")
            return {"Failed": [{"Id": entry["Id"], "Code": "InternalError"} for entry in refused]}

        return self.world.call(f"sqs.send_message_batch {queue.name}", effect)

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:  # noqa: N803
        queue = self.queues[QueueUrl.rsplit("/", 1)[-1]]

        def effect() -> None:
            for letter in queue.letters:
                if letter.receipt == ReceiptHandle:
                    self._hide(queue, letter, VisibilityTimeout)

        self.world.call(f"sqs.change_message_visibility {queue.name}", effect)


@dataclass
class Sns:
    """`deliver(topic ARN, message)` carries it to the topic's subscribers."""

    world: World
    deliver: Callable[[str, str], None]

    def publish(self, *, TopicArn: str, Message: str, Subject: str = "") -> dict[str, Any]:  # noqa: N803
        self.world.call(f"sns.publish {Subject}", lambda: self.deliver(TopicArn, Message))
        return {}
