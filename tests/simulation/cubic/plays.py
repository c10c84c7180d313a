"""Cubic's plays, in whatever process: a seed, or a run of which one call fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from tests.simulation import isolation
from tests.simulation.cubic import scenario
from tests.simulation.cubic.scenario import Outcome, Scenario
from tests.simulation.plays import play
from tests.simulation.world import Fault

_isolated = isolation.isolated()


@dataclass(frozen=True)
class Seed:
    """`python -m tests.simulation --source cubic --seed` tells its story."""

    number: int

    def play(self) -> Outcome:
        return scenario.play(scenario.seeded(self.number))

    def __str__(self) -> str:
        return f"seed {self.number}"


@dataclass(frozen=True)
class Single:
    """The run of this name, of which the call of this number fails; none if it is None."""

    run: str
    number: int | None = None
    fault: Fault | None = None

    def play(self) -> Outcome:
        return scenario.play(RUNS[self.run](self.number, self.fault))

    def __str__(self) -> str:
        return f"{self.run}, call {self.number}: {self.fault}"


RUNS: dict[str, Callable[[int | None, Fault | None], Scenario]] = {
    "plain": partial(scenario.single, scenario.PLAIN, harmless=True),
    "restart": partial(scenario.single, scenario.RESTART, harmless=True),
    "bad": partial(scenario.single, scenario.BAD),
    "no events": scenario.no_events,
    "late beginning": scenario.late_beginning,
    "dead runs": scenario.dead_runs,
    "slow runs": scenario.slow_runs,
}


def every_fault() -> Iterator[Single]:
    """Every call of three runs until all of their files are where they belong, with every fault."""
    for run in ("restart", "bad", "late beginning"):
        for number in range(1, calls(run) + 1):
            yield from (Single(run, number, fault) for fault in Fault)


def every_race() -> Iterator[Single]:
    """Runs with something odd."""
    yield from (Single(run) for run in RUNS)


def calls(run: str) -> int:
    """How many calls of a run come before all is quiet; after those only sweeps look that all is well."""
    with isolation.isolated():
        return Single(run).play().system.calls_until_quiet


def install() -> None:
    """For the life of a worker process."""
    _isolated.__enter__()


__all__ = ["RUNS", "Seed", "Single", "calls", "every_fault", "every_race", "install", "play"]
