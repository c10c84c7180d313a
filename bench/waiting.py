"""Measures how long a complete export waits for its copy, and what the waiting costs: polling, events, and both.

    python -m bench.waiting [--runs 300] [--event-late 5] [--json FILE]

The real functions and the real loader over the simulation's model of AWS (tests/simulation), on its virtual clock. Run N
of every way has the same export, of 20 minutes to 3 hours, and nothing else goes on. A wait is from RDS's calling the
export COMPLETE to the first CopyObject; "after delivery" is from the arrival of the event of that on the copier's queue,
where it arrives. The cost is the mean of one dump: all invocations of snapshot_to_s3 and s3_to_s3_copier, with the copy
itself (40 objects, here one after another), at the memory of template.yaml.

- events alone: RDS's events start each step; nothing is sent or put back with a delay. What never begins is counted.
- both: the product. The loader and snapshot_to_s3 send their messages, each is put back every 15 minutes, and events
  come sooner. With all events lost this is polling alone.

Assumed, not measured: the seconds below. AWS says of RDS's events only "near-real time" and "best effort", so that
`--event-late` is the most that one takes (uniform from 0); what the product adds is "after delivery".
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/working-with-events.html
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from ingestion import queues
from liberator import naming
from local.emulator.rds.events import RdsEvent
from tests.simulation import patches, s3
from tests.simulation.rds import Durations, Ending
from tests.simulation.system import Knobs, System, name_of, template
from tests.simulation.world import Actor, World

EXPORT_SECONDS = (20 * 60, 3 * 3600)
# Plausible, no more: a load, a snapshot, one call of an AWS API, the import and the clients of a function (each of its
# invocations begins so here, as 15 minutes are often enough for Lambda to drop it), SQS's delivery to Lambda.
LOAD_SECONDS, SNAPSHOT_SECONDS, WORKFLOW_SECONDS = (600, 3600), (120, 900), (600, 1800)
CALL_SECONDS, COLD_START_SECONDS, DELIVERY_SECONDS = (0.05, 0.2), 2.0, (0.0, 1.0)
COMPLETED = "RDS-EVENT-0161"
TABLES = {f"table{n}": 4 for n in range(10)}  # 40 objects
FUNCTIONS = ("snapshot_to_s3", "s3_to_s3_copier")
LONGEST = 2 * 24 * 3600

HEADER = (
    f"{'':14} {'events':>6} {'':5} {'wait in minutes':^23} {'after delivery, s':^17} {'Lambda, per dump':^20}\n"
    f"{'way':14} {'lost':>6} {'never':>5} {'median':>7} {'p99':>7} {'max':>7} "
    f"{'median':>8} {'max':>8} {'invocations':>11} {'GB-s':>8}\n"
)


@dataclass(frozen=True)
class Way:
    """`lost` is the share of RDS's events that do not arrive; without `requeue` no message is sent with a delay."""

    name: str
    lost: float
    requeue: bool = True


WAYS = (
    Way("events alone", 0.0, requeue=False),
    Way("events alone", 0.1, requeue=False),
    Way("events alone", 1.0, requeue=False),
    Way("both", 0.0),
    Way("both", 0.1),
    Way("polling alone", 1.0),
)


@dataclass
class Seen:
    """One run, in seconds of the world: None for what did not happen. `invocations` are (function, seconds)."""

    complete: float | None = None
    delivered: float | None = None
    copying: float | None = None
    invocations: list[tuple[str, float]] = field(default_factory=list)

    @property
    def gb_seconds(self) -> float:
        return sum(_memory_gb(function) * seconds for function, seconds in self.invocations)


@dataclass
class TimedWorld(World):
    """Functions start cold; `seen` hears of calls and invocations."""

    seen: Seen = field(default_factory=Seen)

    def start(self, actor: Actor, do: Callable[[], object], ended: Callable[[object], None]) -> None:
        if actor.name not in FUNCTIONS:
            super().start(actor, do, ended)
            return
        began = self.seconds

        def cold() -> object:
            self.sleep(COLD_START_SECONDS)
            return do()

        def timed(result: object) -> None:
            self.seen.invocations.append((actor.name, self.seconds - began))
            ended(result)

        super().start(actor, cold, timed)

    def call[R](self, operation: str, effect: Callable[[], R]) -> R:
        if self.seen.copying is None and self.actor and self.actor.name == "s3_to_s3_copier" and "copy_object" in operation:
            self.seen.copying = self.seconds
        return super().call(operation, effect)


@dataclass
class TimedSystem(System):
    """No snapshots of others; `seen` hears when the export is complete, and when its event is on the copier's queue."""

    seen: Seen = field(default_factory=Seen)

    def _others(self) -> None:
        pass

    def _rds_event(self, event: RdsEvent) -> None:
        if event.event_id == COMPLETED:
            self.seen.complete = self.world.seconds
        super()._rds_event(event)

    def _to_queue(self, target: dict[str, Any], body: Any) -> None:
        if target["Arn"].endswith(name_of("S3ToS3CopierQueue")) and self.seen.delivered is None:
            self.seen.delivered = self.world.seconds
        super()._to_queue(target, body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--event-late", type=float, default=5.0, help="seconds that an RDS event takes at most")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    out = sys.stdout  # which the simulation takes away
    out.write(HEADER)
    rows = []
    with patches.installed(), patch.object(s3, "PAGE", 1000):
        for way in WAYS:
            rows.append(_row(way, [_play(way, number, options.event_late) for number in range(options.runs)]))
            out.write(_line(rows[-1]))
    if options.json:
        command = f"python -m bench.waiting --runs {options.runs} --event-late {options.event_late:g}"
        options.json.write_text(json.dumps({"name": "waiting", "command": command, "rows": rows}, indent=1) + "\n")


def _play(way: Way, number: int, event_late: float) -> Seen:
    """One dump, from its upload until nothing is left to happen."""
    chance, export = Random(f"{way} {number}"), Random(number).uniform(*EXPORT_SECONDS)  # noqa: S311  no secret
    seen = Seen()
    world = TimedWorld(chance, lambda _: None, lambda _: chance.uniform(*CALL_SECONDS), seen=seen)

    def drawn(between: tuple[float, float]) -> Callable[[], float]:
        return lambda: chance.uniform(*between)

    knobs = Knobs(
        durations=Durations(
            drawn(LOAD_SECONDS), drawn(SNAPSHOT_SECONDS), lambda: export, lambda: False, lambda: Ending.FINE
        ),
        workflow=drawn(WORKFLOW_SECONDS),
        workflow_stopping=lambda: 0.0,
        message_late=drawn(DELIVERY_SECONDS),
        message_copies=lambda: 1,
        event_late=drawn((0, event_late)),
        event_copies=lambda: int(chance.random() >= way.lost),
        upload_late=lambda: 30.0,
        upload_copies=lambda: 1,
        deletion_lost=lambda: False,
    )
    system = TimedSystem(world, knobs, seen=seen)
    with nullcontext() if way.requeue else _nothing_is_sent():
        system.upload(naming.dump_keys(world.now.date())[0], _zip())
        ended = world.run(LONGEST)
    world.close()
    if not ended or system.told:
        raise RuntimeError(f"{way}, run {number}, did not go as it should: {world.violations or system.told or world.story}")
    return seen


@contextmanager
def _nothing_is_sent() -> Iterator[None]:
    """Neither by the loader, nor by snapshot_to_s3, nor what would be put back."""
    with patch.object(queues, "send", lambda *_, **__: None):
        yield


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("dump.sql", json.dumps({"mark": "dump", "tables": TABLES}))
    return packed.getvalue()


def _memory_gb(function: str) -> float:
    [found] = [f for f in template().of_type("AWS::Lambda::Function") if f.properties["Handler"].startswith(f"{function}.")]
    return int(found.properties["MemorySize"]) / 1024


def _row(way: Way, runs: list[Seen]) -> dict[str, Any]:
    waits = [(run.copying - run.complete) / 60 for run in runs if run.copying is not None and run.complete is not None]
    delivered = [run.copying - run.delivered for run in runs if run.copying is not None and run.delivered is not None]
    return {
        "way": way.name,
        "lost": way.lost,
        "runs": len(runs),
        "never": sum(run.copying is None for run in runs),
        "wait_minutes": _spread(waits),
        "after_delivery_seconds": _spread(delivered),
        "invocations": statistics.mean(len(run.invocations) for run in runs),
        "gb_seconds": statistics.mean(run.gb_seconds for run in runs),
    }


def _line(row: dict[str, Any]) -> str:
    wait = " ".join(_number(row["wait_minutes"], name, 7, 2) for name in ("median", "p99", "max"))
    delivered = " ".join(_number(row["after_delivery_seconds"], name, 8, 1) for name in ("median", "max"))
    cost = f"{row['invocations']:11.1f} {row['gb_seconds']:8.1f}"
    return f"{row['way']:14} {row['lost']:6.0%} {row['never']:5} {wait} {delivered} {cost}\n"


def _spread(values: list[float]) -> dict[str, float] | None:
    if len(values) < 2:
        return None
    return {
        "median": statistics.median(values),
        "p99": statistics.quantiles(values, n=100, method="inclusive")[98],
        "max": max(values),
    }


def _number(spread: dict[str, float] | None, name: str, width: int, digits: int) -> str:
    return f"{spread[name]:{width}.{digits}f}" if spread else f"{'-':>{width}}"


if __name__ == "__main__":
    main()
