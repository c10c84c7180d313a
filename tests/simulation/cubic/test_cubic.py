"""A share of what `make simulate` plays of Cubic: faults at calls, odd runs, and seeds; and that they would notice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation import isolation, mutation
from tests.simulation.cubic.mutants import MUTANTS
from tests.simulation.cubic.plays import RUNS, Seed, Single, calls
from tests.simulation.mutation import ROOT, Mutant
from tests.simulation.world import Fault

SHARE = 193  # so that neighbours meet other faults
SEEDS = 8


@pytest.fixture(scope="module", autouse=True)
def _isolated() -> Iterator[None]:
    with isolation.isolated():
        yield


@pytest.mark.parametrize("run", RUNS)
def test_case_20_an_odd_run_ends_as_a_plain_one(run: str) -> None:
    outcome = Single(run).play()
    assert not outcome.violations, "\n".join(outcome.story)


def test_case_20_one_fault_anywhere_loses_nothing() -> None:
    every = [(number, fault) for number in range(1, calls("restart") + 1) for fault in Fault]
    for number, fault in every[7::SHARE]:
        outcome = Single("restart", number, fault).play()
        assert not outcome.violations, "\n".join([f"call {number}: {fault}", *outcome.story])


def test_case_20_many_faults_lose_nothing() -> None:
    for number in range(SEEDS):
        outcome = Seed(number).play()
        assert not outcome.violations, "\n".join(
            [f"python -m tests.simulation --source cubic --seed {number}", *outcome.story]
        )


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_the_mutants_are_of_this_code(mutant: Mutant) -> None:
    for edit in mutant.edits:
        assert mutation.edited(edit, ROOT)
