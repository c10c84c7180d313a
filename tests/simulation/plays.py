"""The plays, in whatever process: a seed, or a run of which one call fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from tests.simulation import isolation, scenario
from tests.simulation.scenario import BACKDATED, DAILY, Outcome, Scenario
from tests.simulation.world import Fault

_isolated = isolation.isolated()


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
    """The run of this name, of which the call of this number fails; none if it is None."""

    run: str
    number: int | None = None
    fault: Fault | None = None

    def play(self) -> Outcome:
        return scenario.play(RUNS[self.run](self.number, self.fault))

    def __str__(self) -> str:
        return f"{self.run}, call {self.number}: {self.fault}"


RUNS: dict[str, Callable[[int | None, Fault | None], Scenario]] = {
    "daily": partial(scenario.single, DAILY),
    "backdated": partial(scenario.single, BACKDATED),
    "twice": scenario.twice,
    "same name": scenario.same_name,
    "dead copy": scenario.dead_copy,
    **{what: scenario.night(what) for what in scenario.NIGHTS},
}


def every_fault() -> Iterator[Single]:
    """Every call of the daily and the backdated run, with every fault."""
    for run in ("daily", "backdated"):
        for number in range(1, _calls(run) + 1):
            yield from (Single(run, number, fault) for fault in Fault)


def every_race() -> Iterator[Single]:
    """Nights with something odd; two loads of one name; a copy that died; two copies of a day, each call slow in turn."""
    yield from (Single(run) for run in ("same name", "dead copy", *scenario.NIGHTS))
    yield from (Single("twice", number, Fault.SLOW) for number in range(1, _calls("twice") + 1))


def _calls(run: str) -> int:
    with isolation.isolated():
        return len(Single(run).play().calls)


def install() -> None:
    """For the life of a worker process."""
    _isolated.__enter__()


def play(what: Seed | Single) -> tuple[str, list[str]]:
    """Its name and its violations. A bug of the simulation itself must not hide which it was either."""
    try:
        return str(what), what.play().violations
    except Exception as error:  # noqa: BLE001
        return str(what), [f"{type(error).__name__}: {error}"]
