"""`--seeds N` plays N seeds by two processes; `--seed S` one, with its story."""

from __future__ import annotations

import argparse
import sys
import time
from multiprocessing import get_context

from tests.simulation import patches, scenario, seeds


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
    numbers = range(asked.first, asked.first + asked.seeds)
    with get_context("spawn").Pool(asked.processes, seeds.install) as pool:
        for seed, violations in pool.imap_unordered(seeds.play, numbers, chunksize=20):
            if violations:
                failed += 1
                print(f"seed {seed}: {violations[0]}", flush=True)  # noqa: T201
    print(f"{asked.seeds} seeds, {failed} failed, {time.monotonic() - began:.0f} s")  # noqa: T201
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
