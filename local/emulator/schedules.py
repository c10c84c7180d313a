"""EventBridge's schedules on the scaled clock: each rule with one sends its constant input to its targets, again and again.

Stands in for EventBridge's timer. How it differs: the first time comes at once, so that a run need not wait for it; a cron
expression is taken for once a day; and nothing comes more often than twice a second, whatever the scale.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.emulator.template import Resource

SHORTEST_SECONDS = 0.5


@dataclass
class Schedules:
    """`send(target, input)` puts a message on the queue of a target. Begins with `start`, ends with `stop`."""

    rules: list[Resource]
    time_scale: float
    send: Callable[[dict[str, Any], Any], None]
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        for rule in self.rules:
            if "ScheduleExpression" in rule.properties and rule.properties.get("State", "ENABLED") == "ENABLED":
                thread = threading.Thread(target=self._repeat, args=(rule,), name=f"schedule-{rule.logical_id}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def fire(self, rule: Resource) -> None:
        """Send what the rule sends, once."""
        for target in rule.properties["Targets"]:
            self.send(target, json.loads(target["Input"]))

    def _repeat(self, rule: Resource) -> None:
        seconds = max(SHORTEST_SECONDS, period(rule.properties["ScheduleExpression"]).total_seconds() * self.time_scale)
        while not self._stopping.is_set():
            self.fire(rule)
            self._stopping.wait(seconds)


def period(expression: str) -> timedelta:
    """How long it is from one time to the next. Raises ValueError."""
    if rate := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression):
        return int(rate[1]) * timedelta(**{f"{rate[2]}s": 1})
    if expression.startswith("cron("):
        return timedelta(days=1)
    raise ValueError(f"Not a schedule: {expression!r}")
