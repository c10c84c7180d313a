"""The schedules of the template on the scaled clock."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from local import ROOT
from local.emulator.cloud import CUBIC, PARAMETERS
from local.emulator.schedules import Schedules, period
from local.emulator.template import Resource, load


def rule(name: str, **properties: Any) -> Resource:
    targets = [{"Arn": f"arn:aws:sqs:eu-west-2:123456789012:{name}", "Input": '{"kind": "Look"}'}]
    return Resource(name, "AWS::Events::Rule", {"Targets": targets} | properties, name, "", name)


@pytest.mark.parametrize(
    ("expression", "every"),
    [
        ("rate(1 minute)", timedelta(minutes=1)),
        ("rate(15 minutes)", timedelta(minutes=15)),
        ("rate(2 hours)", timedelta(hours=2)),
        ("cron(0 6 * * ? *)", timedelta(days=1)),
    ],
)
def test_a_schedule_comes_again_after_its_period(expression: str, every: timedelta) -> None:
    assert period(expression) == every


def test_an_expression_that_is_no_schedule_is_refused() -> None:
    with pytest.raises(ValueError, match="rate"):
        period("rate(often)")


def test_every_schedule_of_the_template_has_a_period_and_a_constant_input() -> None:
    rules = load(ROOT / "template.yaml", PARAMETERS | CUBIC).of_type("AWS::Events::Rule")
    scheduled = [it for it in rules if "ScheduleExpression" in it.properties]
    sent: list[tuple[str, Any]] = []
    for it in scheduled:
        assert period(it.properties["ScheduleExpression"])
        Schedules([], 1.0, lambda target, message: sent.append((target["Arn"].rsplit(":", 1)[-1], message))).fire(it)
    assert sorted(sent) == [
        ("dataplatform-stg-cubic-fetch-dmap", {"kind": "FetchFeeds", "version": 1}),
        ("dataplatform-stg-cubic-sweep-incoming", {"kind": "SweepIncoming", "version": 1}),
        ("dataplatform-stg-cubic-write-kafka-files", {"kind": "WriteKafkaFiles", "version": 1}),
    ]


def test_a_rule_with_a_schedule_sends_at_once_and_again_and_no_other_does() -> None:
    twice, sent = threading.Semaphore(0), []

    def send(target: dict[str, Any], message: Any) -> None:
        sent.append((target["Arn"].rsplit(":", 1)[-1], message))
        twice.release()

    off = rule("off", ScheduleExpression="rate(1 minute)", State="DISABLED")
    schedules = Schedules(
        [rule("on", ScheduleExpression="rate(1 minute)"), off, rule("by-event", EventPattern={})], 1e-9, send
    )
    schedules.start()
    try:
        assert twice.acquire(timeout=30)
        assert twice.acquire(timeout=30)
    finally:
        schedules.stop()
    assert set(map(str, sent)) == {str(("on", {"kind": "Look"}))}
