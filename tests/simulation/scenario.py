"""The story of one run: which dumps arrive, which calls fail, and what people do about it at the end."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from random import Random

from liberator.instances import InstanceStatus
from tests.simulation.judge import Dump, Judge
from tests.simulation.rds import Durations, Ending, Period, Tables
from tests.simulation.system import Knobs, System, template
from tests.simulation.world import Call, Fault, World, faults_by_chance

HOUR = 3600
SERVICES = ("s3", "rds", "sqs", "sns", "glue")
DAILY, BACKDATED = 0, 400  # days before the upload
TABLES = (("permits", 5), ("archive", 0), ("tickets", 3), ("log", 1))
_ROUNDS = 3  # an export that takes longer than MAX_WAIT_HOURS is redriven, and so is the one of what was loaded again
LOUD = [fault for fault in Fault if fault is not Fault.SLOW]


@dataclass(frozen=True)
class Upload:
    """A dump of `days_ago`, uploaded at `at` seconds."""

    at: float
    days_ago: int
    tables: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Scenario:
    """A night and its uploads. People need not hear of a `harmless` one; it begins at the full `hour`."""

    uploads: tuple[Upload, ...]
    knobs: Callable[[Random], Knobs]
    faults: Callable[[Random], Callable[[Call], Fault | None]]
    latency: Callable[[Random, str], float]
    seed: int = 0
    harmless: bool = False
    hour: int = 3


@dataclass(frozen=True)
class Outcome:
    """`violations` is empty where everything was as it must be."""

    violations: list[str]
    story: list[str]
    calls: list[Call]
    system: System


@cache
def _zip(mark: str, tables: tuple[tuple[str, int], ...]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("dump.sql"), json.dumps({"mark": mark, "tables": dict(tables)}))
    return packed.getvalue()


def play(scenario: Scenario) -> Outcome:
    """One run, from the first upload until everything is mended."""
    chance = Random(scenario.seed)  # noqa: S311  no secret
    began = datetime(2026, 3, 2, scenario.hour, 0, tzinfo=UTC)
    world = World(chance, scenario.faults(chance), lambda operation: scenario.latency(chance, operation), began)
    system = System(world, scenario.knobs(chance))
    judge = Judge(system)
    for number, upload in enumerate(scenario.uploads, 1):
        world.after(upload.at, lambda number=number, upload=upload: _upload(judge, number, upload))
    try:
        _live(judge, max(upload.at for upload in scenario.uploads))
        if scenario.harmless and system.told:
            world.violate(f"people hear of what is no harm: {system.told[0]}")
    finally:
        world.close()
    return Outcome(world.violations, world.story, world.calls, system)


def _upload(judge: Judge, number: int, upload: Upload) -> None:
    world, system = judge.world, judge.system
    tables: Tables = dict(upload.tables)
    version = f"v{1 + max((int(v[1:]) for _, _, v in system.s3.versions), default=0)}"
    day = world.now.date() - timedelta(days=upload.days_ago)
    dump = Dump(day, f"dump-{number}", tables, version, world.now.date(), f"{world.now:%Y-%m-%dT%H:%M:%SZ}")
    judge.dumps[version] = dump
    system.upload(dump.key, _zip(dump.mark, upload.tables))
    assert system.s3.buckets[system.data][dump.key].version == version


def _live(judge: Judge, last: float) -> None:
    """MAX_WAIT_HOURS for each of the two messages, twelve hours for the loader's lock, a day for loads and retries."""
    world = judge.world
    budget = (2 * float(template().parameters["MaxWaitHours"]) + 12 + 24) * HOUR
    if not _settle(judge, last + budget, "after the last dump"):
        return
    judge.quiet()
    if world.violations:
        return
    world.tell("people", "mend everything")
    world.faults = lambda _: None
    mended = judge.system.knobs.durations
    mended.fails, mended.ends, mended.lock_lost = (lambda: False), (lambda: Ending.FINE), (lambda: False)
    for _ in range(_ROUNDS):
        _redrive(judge)
        if not _settle(judge, world.seconds + budget, "after the redrive"):
            return
        for dump in judge.to_load_again():
            judge.system.load_again(dump.version, dump.key, dump.at)
            if not _settle(judge, world.seconds + budget, "after the load"):
                return
        judge.quiet()
        left = list(judge.unmended())
        if not left:
            break
    for what in left:
        world.violate(what)


def _settle(judge: Judge, until: float, when: str) -> bool:
    world = judge.world
    if not world.run(until):
        if not world.violations:
            world.violate(
                f"something still goes on, long {when}: {[q.name for q in judge.system.sqs.queues.values() if q.letters]}"
            )
        return False
    return True


def _redrive(judge: Judge) -> None:
    judge.redrives += 1
    for queue in judge.system.sqs.queues.values():
        if queue.dead:
            dead = judge.system.sqs.queues[queue.dead]
            letters, dead.letters = dead.letters, []
            for letter in letters:
                judge.system.sqs.put(queue, letter.body)


# ── the runs ──


def _steady(_: Random) -> Knobs:
    """Nothing is lost, late or doubled."""
    return Knobs(
        durations=Durations(lambda: 60.0, lambda: 20.0, lambda: 600.0, lambda: False, lambda: Ending.FINE),
        workflow=lambda: 600.0,
        workflow_stopping=lambda: 0,
        message_late=lambda: 0.2,
        message_copies=lambda: 1,
        event_late=lambda: 5.0,
        event_copies=lambda: 1,
        upload_late=lambda: 30.0,
        upload_copies=lambda: 1,
        deletion_lost=lambda: False,
    )


def single(days_ago: int, number: int | None = None, fault: Fault | None = None) -> Scenario:
    """One dump; the call of this number fails."""
    return Scenario(
        (Upload(0, days_ago, TABLES),),
        _steady,
        lambda _: lambda call: fault if call.number == number else None,
        lambda *_: 0.05,
        harmless=fault is None,
    )


def twice(number: int | None = None, fault: Fault | None = None) -> Scenario:
    """Two uploads of one day, whose exports end at the same moment; the copy of the first one is the shorter one."""

    def together(chance: Random) -> Knobs:
        knobs = _steady(chance)
        knobs.durations.together = 2 * HOUR
        return knobs

    uploads = (Upload(0, DAILY, (("permits", 1),)), Upload(60, DAILY, TABLES))
    return replace(single(DAILY, number, fault), uploads=uploads, knobs=together)


_RACE = "of two copies of a day the later one commits slowly"


def _odd(what: str, knobs: Knobs) -> Knobs:
    durations, once = knobs.durations, iter([True])
    match what:
        case "storage is optimised":
            durations.periods = (Period(0, 24 * HOUR, InstanceStatus.STORAGE_OPTIMIZATION),)
        case "the instance is backed up":
            durations.periods = (Period(60, HOUR, InstanceStatus.BACKING_UP),)
        case "others export":
            durations.crowded = 9 * HOUR
        case "a workflow is stopped":
            knobs.workflow_stopping = lambda: 10 * HOUR
        case "a lock is lost":
            durations.lock_lost = lambda: next(once, False)
        case "loaded twice over midnight":
            durations.load = lambda: HOUR / 2
            knobs.upload_copies = lambda: 2 if next(once, False) else 1
        case what if what == _RACE:
            durations.together = 2 * HOUR
        case "an alert fails":
            durations.ends = lambda: Ending.FAILED if next(once, False) else Ending.FINE
        case ending if ending in Ending:
            durations.ends = lambda: Ending(ending) if next(once, False) else Ending.FINE
    return knobs


def night(what: str) -> Callable[[int | None, Fault | None], Scenario]:
    """Two dumps, and something that comes in between; `HARMLESS` says of what nobody need hear."""

    def faults(_: Random) -> Callable[[Call], Fault | None]:
        operation, times, kind = {
            "snapshots cannot be deleted": ("rds.delete_db_snapshot", 9, Fault.DENIED),
            "an alert fails": ("sns.publish IngestionFailed", 1, Fault.DENIED),
            _RACE: ("s3.put_object _manifests/parking/liberator/import_date", 1, Fault.SLOW),
        }.get(what, ("none", 0, Fault.SLOW))
        left = iter(range(times))
        return lambda call: kind if call.operation.startswith(operation) and next(left, None) is not None else None

    def scenario(number: int | None = None, fault: Fault | None = None) -> Scenario:
        gap = 300 if what == Ending.CANCELED else 8 * HOUR  # while the first one's export is being canceled
        slow = 95 if what == "copies are slow" else 0
        tables = tuple((name, 4) for name, _ in TABLES) if slow else TABLES  # more than one invocation can copy
        uploads = (Upload(0, DAILY + 1, tables), Upload(gap, DAILY, tables))
        if what == _RACE:
            uploads = (Upload(0, DAILY, TABLES), Upload(60, DAILY, (("permits", 1),)))
        return replace(
            single(DAILY, number, fault),
            uploads=uploads,
            knobs=lambda chance: _odd(what, _steady(chance)),
            faults=faults,
            latency=lambda _, operation: slow if operation.startswith("s3.copy_object") else 0.05,
            harmless=what in HARMLESS,
            hour=23 if what == "loaded twice over midnight" else 3,
        )

    return scenario


HARMLESS = (
    "storage is optimised", "the instance is backed up", "others export", "a workflow is stopped", "copies are slow",
    "loaded twice over midnight", _RACE, "snapshots cannot be deleted", Ending.CONVERTED, Ending.NO_TABLES,
)  # fmt: skip
NIGHTS = (
    *HARMLESS,
    "a lock is lost",
    "an alert fails",
    *(ending for ending in Ending if ending not in (*HARMLESS, Ending.FINE)),
)


def same_name(number: int | None = None, fault: Fault | None = None) -> Scenario:
    """Two uploads of one past day, the second one a day later to the second: their snapshots would be called the same."""
    uploads = (Upload(0, BACKDATED, TABLES), Upload(24 * HOUR, BACKDATED + 1, TABLES))
    return replace(single(BACKDATED, number, fault), uploads=uploads, latency=lambda *_: 0.0)


def dead_copy(number: int | None = None, fault: Fault | None = None) -> Scenario:
    """The same, but every copy of the first upload dies half-way, and nobody redrives its messages before the second."""

    def denied(_: Random) -> Callable[[Call], Fault | None]:
        second = False

        def choose(call: Call) -> Fault | None:
            nonlocal second
            second = second or call.actor == "dump_loader 2"
            if (
                not second
                and call.actor == "s3_to_s3_copier"
                and "s3.copy_object parking/liberator/liberator.tickets" in call.operation
            ):
                return Fault.DENIED
            return fault if call.number == number else None

        return choose

    return replace(same_name(), faults=denied, harmless=False)


def seeded(seed: int) -> Scenario:
    """Everything by chance."""
    chance = Random(f"scenario {seed}")  # noqa: S311  no secret
    days = [chance.choice([0, 0, 1, 2, 300, 301]) for _ in range(chance.choice([1, 2, 2, 3, 4]))]
    if chance.random() < 0.4:
        days = [days[0]] * len(days)
    gaps = [chance.choice([0, 60, 2 * HOUR, 13 * HOUR, 24 * HOUR]) * chance.choice([1, chance.random()]) for _ in days]
    uploads, at = [], 0.0
    for ago, gap in zip(days, gaps, strict=True):
        shift = round(at // (24 * HOUR)) if ago >= 300 else 0  # the same past day, whenever it is uploaded
        rows = (chance.randint(int(name == "permits"), 9) for name, _ in TABLES)  # a dump without a row is refused
        uploads.append(Upload(at, ago + shift, tuple(zip((name for name, _ in TABLES), rows, strict=True))))
        at += gap + 2  # S3 knows the time of an upload to the second
    latency, hour = _latency_by_chance(chance), chance.choice([3, 22])  # the one so that loads go on over midnight
    return Scenario(tuple(uploads), _by_chance, partial(faults_by_chance, services=SERVICES), latency, seed, hour=hour)


def _latency_by_chance(scenario: Random) -> Callable[[Random, str], float]:
    longest = scenario.choice([0.0, 0.1, 2.0])  # 0: exact to the second, so that two loads ask for the same name
    copy = scenario.choice([0, 0, 0, 95])  # so long that the copier needs more than one invocation
    return lambda chance, operation: chance.random() * (longest + copy * operation.startswith("s3.copy_object"))


def _by_chance(chance: Random) -> Knobs:
    trouble = chance.choice([0.0, 0.05, 0.3])
    lost = chance.choice([0.0, 0.3, 1.0])
    slow = chance.choice([1, 1, 1, 10])
    steady = chance.random() < 0.2
    together = chance.choice([0, 0, 2 * HOUR])

    def takes(seconds: float) -> Callable[[], float]:
        return (lambda: seconds) if steady else lambda: seconds * chance.uniform(0.2, 2) * slow

    def maybe(probability: float) -> bool:
        return chance.random() < probability

    left = (
        8  # a message that is put back 48 times, and each time doubled, would fill the queue: AWS doubles one in a million
    )

    def rarely() -> bool:
        nonlocal left
        left -= (now := left > 0 and maybe(trouble / 3))
        return now

    return Knobs(
        durations=Durations(
            takes(600),
            takes(240),
            takes(2700),
            fails=lambda: maybe(trouble / 3),
            ends=lambda: chance.choice(list(Ending)) if maybe(trouble / 2) else Ending.FINE,
            together=together,
            crowded=chance.choice([0, 0, 0, 10 * HOUR]),
            periods=tuple(_period(chance) for _ in range(chance.choice([0, 0, 1, 2]))),
            lock_lost=lambda: maybe(trouble / 3),
        ),
        workflow=takes(1800),
        workflow_stopping=lambda: chance.uniform(0, 2 * HOUR) if maybe(trouble) else 0,
        message_late=lambda: chance.random() * 3,
        message_copies=lambda: 2 if rarely() else 1,
        event_late=lambda: chance.random() * (4 * HOUR if maybe(trouble) else 10),
        event_copies=lambda: 0 if maybe(lost) else 2 if maybe(trouble) else 1,
        upload_late=lambda: 30 + chance.random() * (2 * HOUR if maybe(trouble) else 60),
        upload_copies=lambda: 2 if maybe(trouble / 3) else 1,
        deletion_lost=rarely,
    )


def _period(chance: Random) -> Period:
    """RDS does something to the instance by itself."""
    status, longest = chance.choice(
        [
            (InstanceStatus.BACKING_UP, HOUR),
            (InstanceStatus.MODIFYING, HOUR),
            (InstanceStatus.STORAGE_OPTIMIZATION, 8 * HOUR),
        ]
    )
    begin = chance.uniform(0, 12 * HOUR)
    return Period(begin, begin + chance.uniform(0, longest), status)
