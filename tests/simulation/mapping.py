"""Lambda's event source mapping: takes letters off a queue, invokes a function as an actor, and deletes what it handled."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from local.emulator.template import Resource
from tests.simulation.queues import Letter, Sqs
from tests.simulation.world import Actor

# Only calls that take longer may make a function run out of time. The copier keeps 120 seconds for a copy that has begun.
_LONG_CALL = {"s3_to_s3_copier": 100.0}
_ANY_CALL = 5.0


def settings_of(module: Any, function: Resource) -> Any:
    """The settings that a handler's module reads from the environment that the template gives its function."""
    environment = {name: str(value) for name, value in function.properties["Environment"]["Variables"].items()}
    return module.Settings.model_validate(environment)


class Mapping:
    """A function's mapping. `deletion_lost` says whether a letter that was handled comes again all the same."""

    def __init__(
        self,
        resource: Resource,
        function: Resource,
        name: str,
        consumer: Callable[[dict[str, Any], Any], object],
        sqs: Sqs,
        deletion_lost: Callable[[], bool],
    ) -> None:
        p = resource.properties
        self.name, self.function, self.consumer = name, function, consumer
        self.sqs, self.world, self.deletion_lost = sqs, sqs.world, deletion_lost
        self.queue = sqs.queues[p["EventSourceArn"].rsplit(":", 1)[-1]]
        self.batch = int(p.get("BatchSize", 10))
        self.most = int(p.get("ScalingConfig", {}).get("MaximumConcurrency", 5))
        assert p["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        self.running = 0
        self.queue.arrived = self.poll

    def poll(self) -> None:
        while self.running < self.most and (letters := self.sqs.receive(self.queue, self.batch)):
            self.running += 1
            self.invoke(letters)

    def invoke(self, letters: list[Letter]) -> None:
        timeout = int(self.function.properties["Timeout"])
        name = self.name
        bodies = tuple(letter.body for letter in letters)
        actor = Actor(name, deadline=self.world.seconds + timeout, queue=self.queue.name, letters=bodies)
        left = lambda: 1000 * (actor.deadline - self.world.seconds)  # type: ignore[operator]  # noqa: E731
        context = SimpleNamespace(get_remaining_time_in_millis=left)
        records = [
            {
                "messageId": letter.id,
                "receiptHandle": letter.receipt,
                "body": letter.body,
                "attributes": {"ApproximateReceiveCount": str(letter.receives)},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": self.queue.name,
            }
            for letter in letters
        ]

        def ended(answer: object) -> None:
            self.running -= 1
            if isinstance(answer, dict):
                failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
                for letter in letters:
                    if letter.id not in failed and not self.deletion_lost():
                        self.sqs.delete(self.queue, letter)
            else:
                self.world.tell(name, f"did not answer: {answer!r}")
                if self.world.seconds >= actor.deadline and actor.longest < _LONG_CALL.get(name, _ANY_CALL):  # type: ignore[operator]
                    self.world.violate(f"{name} runs out of time, though no call took longer than {actor.longest:.0f} s")
            self.world.after(0.01, self.poll)

        self.world.start(actor, lambda: self.consumer({"Records": records}, context), ended)
