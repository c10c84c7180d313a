"""One seed, in whatever process."""

from __future__ import annotations

from tests.simulation import patches, scenario

_installed = patches.installed()


def install() -> None:
    """For the life of a worker process."""
    _installed.__enter__()


def play(seed: int) -> tuple[int, list[str]]:
    """The seed and its violations. A bug of the simulation itself must not hide its seed either."""
    try:
        return seed, scenario.play(scenario.seeded(seed)).violations
    except Exception as error:  # noqa: BLE001
        return seed, [f"{type(error).__name__}: {error}"]
