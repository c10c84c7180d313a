"""One fault: every call of the run, with a sixth of all that can become of a call; and two copies of one day that race.

`make simulate` plays all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from tests.simulation import isolation, scenario
from tests.simulation.plays import Single
from tests.simulation.world import Fault

SHARE = 6


@pytest.fixture(scope="module", autouse=True)
def _isolated() -> Iterator[None]:
    with isolation.isolated():
        yield


@pytest.mark.parametrize(("run", "fault"), [*product(("daily", "backdated"), Fault), ("twice", Fault.SLOW)])
def test_one_fault_anywhere_loses_nothing(run: str, fault: Fault) -> None:
    calls = Single(run).play().calls
    assert len({call.operation.split()[0] for call in calls}) >= 15, "the run makes calls of every kind"
    first = list(Fault).index(fault) % SHARE  # so that each call meets other faults than its neighbour
    for call in calls[first::SHARE]:
        outcome = Single(run, call.number, fault).play()
        assert not outcome.violations, "\n".join([f"{call}: {fault}", *outcome.story])


def test_two_loads_that_ask_for_one_name_get_two() -> None:
    outcome = Single("same name").play()
    assert not outcome.violations, "\n".join(outcome.story)
    asked = [
        call.operation for call in outcome.calls if "row-counts.json" in call.operation and "put_object" in call.operation
    ]
    assert len(asked) == len(set(asked)) + 1, "one name was asked for twice"


@pytest.mark.parametrize("run", ["daily", "backdated", *scenario.NIGHTS])
def test_a_night_without_faults_wakes_nobody_but_for_a_reason(run: str) -> None:
    outcome = Single(run).play()
    assert not outcome.violations, "\n".join(outcome.story)
    assert bool(outcome.system.told) == (run in scenario.NIGHTS and run not in scenario.HARMLESS)
