"""Many faults in one run, several dumps at once; and that the seeds would notice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.simulation import isolation, mutation
from tests.simulation.mutants import MUTANTS
from tests.simulation.mutation import ROOT, Mutant
from tests.simulation.plays import Seed

_PER_TEST = 50


@pytest.fixture(scope="module", autouse=True)
def _isolated() -> Iterator[None]:
    with isolation.isolated():
        yield


@pytest.mark.parametrize("first", range(0, 150, _PER_TEST))
def test_seeds(first: int) -> None:
    for number in range(first, first + _PER_TEST):
        outcome = Seed(number).play()
        assert not outcome.violations, "\n".join([f"python -m tests.simulation --seed {number}", *outcome.story])


def test_a_seed_tells_the_same_story_in_every_process() -> None:
    """Sets of strings have an order of their own in each process."""

    def story(hash_seed: str) -> bytes:
        command = [sys.executable, "-m", "tests.simulation", "--seed", "105"]
        path = os.pathsep.join(map(str, (ROOT, ROOT / "services", ROOT / "ecs/dump_loader", ROOT / "glue")))
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
        return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True).stdout

    assert story("1") == story("2") != b""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_the_mutants_are_of_this_code(mutant: Mutant) -> None:
    for edit in mutant.edits:
        assert mutation.edited(edit, ROOT)
