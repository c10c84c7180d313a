"""Every call with every fault once, races, then `--seeds N`, by two processes; `--seed S` tells the story of one."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from itertools import chain, count, islice, zip_longest
from multiprocessing import get_context
from typing import Any

from tests.simulation import isolation, plays
from tests.simulation.cubic import plays as cubic_plays

_EVERY_SECONDS = 10
_SOURCES: dict[str, Any] = {"liberator": plays, "cubic": cubic_plays}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--source", choices=_SOURCES, default="liberator")
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="play this one, and tell its story")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--stop", action="store_true", help="end at the first violation; races and seeds only")
    asked = parser.parse_args()
    of = _SOURCES[asked.source]
    if asked.seed is not None:
        with isolation.isolated():
            outcome = of.Seed(asked.seed).play()
        print(*outcome.story, sep="\n")  # noqa: T201
        return bool(outcome.violations)
    single = [*([] if asked.stop else of.every_fault()), *of.every_race()]
    seeds = [of.Seed(number) for number in range(asked.first, asked.first + asked.seeds)]
    failed = 0
    with get_context("spawn").Pool(asked.processes, of.install) as pool:
        mixed = filter(None, chain.from_iterable(zip_longest(single, seeds)))  # so that --stop need not wait for all of one
        outcomes = pool.imap_unordered(of.play, mixed, chunksize=4)
        for what, violations in _with_progress(outcomes, len(single) + len(seeds)):
            if violations:
                failed += 1
                print(f"{what}: {violations[0]}", flush=True)  # noqa: T201
                if asked.stop:
                    return 1
    print(f"{len(single)} runs with one fault, {len(seeds)} seeds: {failed} failed")  # noqa: T201
    return bool(failed)


def _with_progress[T](outcomes: Iterator[T], total: int) -> Iterator[T]:
    began = spoken = time.monotonic()
    for done in count(1):
        yield from islice(outcomes, 1)
        now = time.monotonic()
        if done >= total or now - spoken > _EVERY_SECONDS:
            spoken = now
            print(f"{done} of {total} after {now - began:.0f} s", file=sys.stderr, flush=True)  # noqa: T201
        if done >= total:
            return


if __name__ == "__main__":
    sys.exit(main())
