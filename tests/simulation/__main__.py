"""`--seeds N` plays N seeds by two processes; `--seed S` one, with its story; `--every` every call with every fault."""

from __future__ import annotations

import argparse
import sys
import time
from multiprocessing import get_context

from tests.simulation import patches, scenario


def _play(seed: int) -> tuple[int, list[str]]:
    try:
        return seed, scenario.play(scenario.seeded(seed)).violations
    except Exception as error:  # noqa: BLE001  a model's or a test's own bug must not hide its seed
        return seed, [f"{type(error).__name__}: {error}"]


def _install() -> None:
    _installed.__enter__()


_installed = patches.installed()


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    arguments.add_argument("--seeds", type=int, default=10_000)
    arguments.add_argument("--first", type=int, default=0)
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument("--seed", type=int)
    asked = arguments.parse_args()
    if asked.seed is not None:
        with patches.installed():
            outcome = scenario.play(scenario.seeded(asked.seed))
        print(*outcome.story, sep="\n")  # noqa: T201
        return bool(outcome.violations)
    began, failed = time.monotonic(), 0
    seeds = range(asked.first, asked.first + asked.seeds)
    with get_context("spawn").Pool(asked.processes, _install) as pool:
        for seed, violations in pool.imap_unordered(_play, seeds, chunksize=20):
            if violations:
                failed += 1
                print(f"seed {seed}: {violations[0]}", flush=True)  # noqa: T201
    print(f"{asked.seeds} seeds, {failed} failed, {time.monotonic() - began:.0f} s")  # noqa: T201
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
