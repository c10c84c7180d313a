"""The stand-in for EventBridge where AWS's own ways decide whether an alert arrives."""

from __future__ import annotations

from typing import Any

import pytest

from local.emulator.eventbridge import transform

EVENT: dict[str, Any] = {"detail": {"plain": "text", "quoted": 'a "b"', "number": 3, "object": {"a": ["b"]}}}
PATHS = {name: f"$.detail.{name}" for name in (*EVENT["detail"], "missing")}


def filled(template: str) -> Any:
    return transform(EVENT, {"InputPathsMap": PATHS, "InputTemplate": template})


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"a": <quoted>}', {"a": 'a "b"'}),
        ('{"a": <number>, "b": <object>}', {"a": 3, "b": {"a": ["b"]}}),
        ('"<plain>, <number>"', "text, 3"),
        ('"<object>"', "{a: [b]}"),
        ('"<missing>!"', "!"),
    ],
)
def test_values_are_put_as_eventbridge_puts_them(template: str, expected: Any) -> None:
    assert filled(template) == expected


@pytest.mark.parametrize("template", ['"<quoted>"', '{"a": "why: <quoted>"}', '{"a": <missing>}'])
def test_what_would_be_no_json_is_not_delivered(template: str) -> None:
    with pytest.raises(ValueError, match=r"line 1 column \d+"):
        filled(template)
