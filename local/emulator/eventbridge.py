"""EventBridge's default bus: matches events with the template's rules and delivers them to their targets.

Stands in for EventBridge, whose moto version has no ECS targets, InputTransformer, or wildcard filters. How it differs:
delivery is at once, in order and exactly once, unless a test says otherwise; no archive, no retries, no target DLQ, so
that an input that is no JSON is an error here.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moto.events.models import EventPattern

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.emulator.template import Resource


class _Pattern(EventPattern):
    """moto's matcher, with the `wildcard` filter.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
    """

    @staticmethod
    def _does_item_match_named_filter(item: Any, pattern: dict[str, Any]) -> bool:
        if "wildcard" in pattern:
            expression = ".*".join(re.escape(part) for part in pattern["wildcard"].split("*"))
            return isinstance(item, str) and re.fullmatch(expression, item, re.DOTALL) is not None
        return bool(EventPattern._does_item_match_named_filter(item, pattern))  # noqa: SLF001


def matches(pattern: dict[str, Any] | None, event: dict[str, Any]) -> bool:
    """Whether a rule with this pattern gets the event; a schedule has none."""
    return pattern is not None and any(_Pattern(None, pattern).matches_event(variant) for variant in _variants(event))


def _variants(value: Any) -> list[Any]:
    """The value with one object of each array of objects in the array's place: a pattern matches if any object does."""
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return [variant for item in value for variant in _variants(item)]
    if isinstance(value, dict):
        fields = ([(name, variant) for variant in _variants(item)] for name, item in value.items())
        return [dict(combination) for combination in itertools.product(*fields)]
    return [value]


def transform(event: dict[str, Any], transformer: dict[str, Any]) -> Any:
    """A target's input. Raises ValueError where it is no JSON: AWS would not deliver it.

    A value that stands bare is the JSON that it is in the event. Within quotes a string stands as it is, not escaped, and
    anything else without its quotes. A path that leads nowhere leaves nothing, which is no JSON where the value stands bare.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """

    def value(name: str) -> Any:
        found: Any = event
        for step in transformer["InputPathsMap"][name].removeprefix("$.").split("."):
            found = found.get(step) if isinstance(found, dict) else None
        return found

    def bare(name: str) -> str:
        found = value(name)
        return "" if found is None else json.dumps(found)

    def quoted(name: str) -> str:
        found = value(name)
        return found if isinstance(found, str) else bare(name).replace('"', "")

    def fill(match: re.Match[str]) -> str:
        return bare(match["bare"]) if match["bare"] else re.sub(r"<([\w-]+)>", lambda inner: quoted(inner[1]), match[0])

    return json.loads(re.sub(r'"(?:[^"\\]|\\.)*"|<(?P<bare>[\w-]+)>', fill, transformer["InputTemplate"]))


@dataclass
class Bus:
    """`deliver[service](target, input)` sends to a target by the service in its ARN: `sqs`, `sns`, `ecs`."""

    rules: list[Resource]
    deliver: dict[str, Callable[[dict[str, Any], Any], None]]
    disabled: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, event: dict[str, Any]) -> None:
        """Delivers one event to every target of each enabled rule that matches."""
        with self._lock:
            matching = [
                rule
                for rule in self.rules
                if rule.logical_id not in self.disabled
                and rule.properties.get("State", "ENABLED") == "ENABLED"
                and matches(rule.properties.get("EventPattern"), event)
            ]
        for rule in matching:
            for target in rule.properties["Targets"]:
                transformer = target.get("InputTransformer")
                self.deliver[target["Arn"].split(":")[2]](target, transform(event, transformer) if transformer else event)
