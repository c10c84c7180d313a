"""What is played, in whatever process: a seed, or one dump of which one call fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.simulation import patches, scenario
from tests.simulation.scenario import BACKDATED, DAILY, Outcome
from tests.simulation.world import Fault

_installed = patches.installed()


@dataclass(frozen=True)
class Seed:
    """`python -m tests.simulation --seed` tells its story."""

    number: int

    def play(self) -> Outcome:
        return scenario.play(scenario.seeded(self.number))

    def __str__(self) -> str:
        return f"seed {self.number}"


@dataclass(frozen=True)
class Single:
    """One dump of `days_ago`, of whose run the call of this number fails."""

    days_ago: int
    number: int
    fault: Fault

    def play(self) -> Outcome:
        return scenario.play(scenario.single(self.days_ago, self.number, self.fault))

    def __str__(self) -> str:
        return f"{'backdated' if self.days_ago else 'daily'}, call {self.number}: {self.fault}"


def every_fault() -> Iterator[tuple[int, int, Fault]]:
    """Every call of the daily and the backdated run, with every fault."""
    with patches.installed():
        calls = {days_ago: len(scenario.play(scenario.single(days_ago)).calls) for days_ago in (DAILY, BACKDATED)}
    for days_ago, most in calls.items():
        for number in range(1, most + 1):
            for fault in Fault:
                yield days_ago, number, fault


def install() -> None:
    """For the life of a worker process."""
    _installed.__enter__()


def play(what: Seed | Single) -> tuple[str, list[str]]:
    """Its name and its violations. A bug of the simulation itself must not hide which it was either."""
    try:
        return str(what), what.play().violations
    except Exception as error:  # noqa: BLE001
        return str(what), [f"{type(error).__name__}: {error}"]
