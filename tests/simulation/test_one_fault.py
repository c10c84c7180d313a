"""One dump, one fault: every call of the run, with everything that can become of a call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation import patches, scenario
from tests.simulation.plays import Single
from tests.simulation.scenario import BACKDATED, DAILY
from tests.simulation.world import Fault


@pytest.fixture(scope="module", autouse=True)
def _installed() -> Iterator[None]:
    with patches.installed():
        yield


@pytest.mark.parametrize("days_ago", [DAILY, BACKDATED], ids=["daily", "backdated"])
@pytest.mark.parametrize("fault", Fault)
def test_one_fault_anywhere_loses_nothing(days_ago: int, fault: Fault) -> None:
    calls = scenario.play(scenario.single(days_ago)).calls
    assert len({call.operation.split()[0] for call in calls}) >= 15, "the run makes calls of every kind"
    for call in calls:
        outcome = Single(days_ago, call.number, fault).play()
        assert not outcome.violations, "\n".join([f"{call}: {fault}", *outcome.story])


def test_a_run_without_faults_wakes_nobody() -> None:
    for days_ago in (DAILY, BACKDATED):
        outcome = scenario.play(scenario.single(days_ago))
        assert (outcome.violations, outcome.system.told) == ([], [])
        assert len(outcome.system.glue.runs) == 1
