"""The story of one run: which files arrive, which calls fail, and what people do about it at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from unittest.mock import patch
from uuid import UUID

from cubic.finishing import JobRunState
from cubic.store import configuration
from cubic.tables import TableConfig
from tests.simulation.cubic import postgres
from tests.simulation.cubic.judge import Judge, Upload
from tests.simulation.cubic.system import HOUR, MINUTE, Knobs, System
from tests.simulation.world import Call, Fault, World, faults_by_chance

DAY = 24 * HOUR
TIDY = 8 * DAY  # after which the sweep deletes what nothing names
ODS, OTHER_ODS = "cubic/ods_qlik/EDW.SAMPLE/", "cubic/ods_qlik/EDW.OTHER/"
DMAP, KAFKA = "cubic/dmap/agg_sample/", "cubic/kafka/sample/"
PREFIXES = (ODS, OTHER_ODS, DMAP, KAFKA)
SWEEP = 15 * MINUTE
SERVICES = ("s3", "sql", "sqs", "sns", "glue")

_LIVES = 30 * HOUR  # a file may wait a day for its snapshot, then it is moved
_ENDS_DEAD = (JobRunState.FAILED, JobRunState.TIMEOUT, JobRunState.STOPPED, JobRunState.ERROR, JobRunState.EXPIRED)


@dataclass(frozen=True)
class Delivery:
    """A file that is put into Incoming `at` seconds. Its content is `body` and a mark that makes it unlike any other."""

    at: float
    key: str
    body: str = "3"


@dataclass(frozen=True)
class Scenario:
    """A run. `late` prefixes are configured only by the people who mend; nobody need hear of a `harmless` one."""

    deliveries: tuple[Delivery, ...]
    knobs: Callable[[Random], Knobs]
    faults: Callable[[Random], Callable[[Call], Fault | None]]
    latency: Callable[[Random, str], float]
    seed: int = 0
    late: tuple[str, ...] = ()
    harmless: bool = False


@dataclass(frozen=True)
class Outcome:
    """`violations` is empty where everything was as it must be."""

    violations: list[str]
    story: list[str]
    calls: list[Call]
    system: System


def play(scenario: Scenario) -> Outcome:
    """One run, from the first file until everything is mended, and four days more."""
    chance = Random(scenario.seed)  # noqa: S311  no secret
    world = World(chance, _possible(scenario.faults(chance)), lambda operation: scenario.latency(chance, operation))
    postgres.clear()
    system = System(world, scenario.knobs(chance), postgres.connect)
    judge = Judge(system, set(PREFIXES) - set(scenario.late))
    _configure(system, judge.configured)
    for delivery in scenario.deliveries:
        world.after(delivery.at, lambda delivery=delivery: _deliver(judge, delivery))
    numbers = lambda: UUID(int=chance.getrandbits(128), version=4)  # noqa: E731
    try:
        with patch("cubic.store.claiming.uuid4", numbers):
            _live(judge, scenario)
    finally:
        world.close()
        system.db.close()
    return Outcome(world.violations, world.story, world.calls, system)


def _possible(faults: Callable[[Call], Fault | None]) -> Callable[[Call], Fault | None]:
    """The client that starts runs is told not to repeat a request."""

    def choose(call: Call) -> Fault | None:
        fault = faults(call)
        return None if fault is Fault.REPEATED and call.operation.startswith("glue.start_job_run") else fault

    return choose


def _configure(system: System, prefixes: set[str]) -> None:
    for prefix in sorted(prefixes):
        keys = ("id",) if prefix == ODS else ()
        configuration.put_table(system.db, TableConfig(s3_prefix=prefix, key_columns=keys))


def _deliver(judge: Judge, delivery: Delivery) -> None:
    body = f"{delivery.body}:{len(judge.uploads) + 1}".encode() if delivery.body else b""
    version = judge.system.upload(delivery.key, body if not delivery.key.endswith(".dfm") else delivery.body.encode())
    stored = judge.system.s3.versions[judge.system.names.incoming, delivery.key, version]
    judge.uploads[version] = Upload(delivery.key, version, stored.body, stored.modified.replace(microsecond=0))


def _live(judge: Judge, scenario: Scenario) -> None:
    world, system = judge.world, judge.system
    last = max(delivery.at for delivery in scenario.deliveries)
    world.after(last + HOUR, system.count_calls)
    if scenario.harmless and not _done_within_the_hour(judge, last + HOUR):
        return
    if not _until_quiet(judge, last + _LIVES) or not _mended(judge, scenario.late):
        return
    judge.quiet()
    if dead := system.dead_letters():
        world.violate(f"{dead} messages are dead although all is mended")
    if not world.violations and _until_quiet(judge, world.seconds + TIDY):
        judge.quiet()
        judge.tidy()


def _done_within_the_hour(judge: Judge, until: float) -> bool:
    """All of it, even where no event ever comes, and nobody is woken."""
    if _until_quiet(judge, until):
        judge.quiet()
        if judge.system.told:
            judge.world.violate(f"people hear of what is no harm: {judge.system.told[0]}")
    return not judge.world.violations


def _mended(judge: Judge, late: tuple[str, ...]) -> bool:
    """People look after what they were told of, and nothing fails any more."""
    world, system = judge.world, judge.system
    world.tell("people", "mend everything")
    world.faults = lambda _: None
    system.knobs.job_ends = lambda: JobRunState.SUCCEEDED
    judge.configured |= set(late)
    _configure(system, set(late))
    for _ in range(3):
        for table in configuration.tables(system.db):
            if table.paused_because:
                configuration.resume(system.db, table.name)
        system.redrive()
        if not _until_quiet(judge, world.seconds + _LIVES):
            return False
    return True


def _until_quiet(judge: Judge, until: float) -> bool:
    """Sweeps until then; false if something still goes on a day later, or something is wrong."""
    world, system = judge.world, judge.system
    if not system.sweeping:
        system.resume_sweeps()
    world.run(until)
    system.sweeping = False
    if not world.violations and not world.run(until + DAY):
        busy = [queue.name for queue in system.sqs.queues.values() if queue.letters and not queue.name.endswith("-dlq")]
        world.violate(f"something still goes on: {busy}")
    return not world.violations


# ── the runs ──


def steady(_: Random) -> Knobs:
    """Nothing is lost, late or doubled."""
    return Knobs(
        event_late=lambda: 2.0,
        event_copies=lambda: 1,
        message_late=lambda: 0.2,
        message_copies=lambda: 1,
        message_refused=lambda: False,
        deletion_lost=lambda: False,
        job_starts=lambda: 30.0,
        job_ends=lambda: JobRunState.SUCCEEDED,
        sweeps_every=lambda seconds: SWEEP if seconds < 4 * HOUR else 6 * HOUR,
    )


PLAIN = (
    Delivery(0, f"{ODS}LOAD001.csv.gz"),
    Delivery(20, f"{ODS}LOAD002.csv.gz"),
    Delivery(40, f"{ODS.rstrip('/')}__ct/20220304-134556444.csv.gz"),
    Delivery(60, f"{DMAP}20220304.csv"),
    Delivery(600, f"{DMAP}20220304.csv", "2"),
    Delivery(620, f"{KAFKA}vytxeTZskVKR7C7WgdSP3d.json", "5"),
)
RESTART = (
    *PLAIN,
    Delivery(700, f"{ODS}LOAD001.csv.gz", "4"),
    Delivery(710, f"{ODS}LOAD002.csv.gz", "4"),
    Delivery(720, f"{ODS.rstrip('/')}__ct/20220304-144556444.csv.gz", "1"),
)
BAD = (
    *PLAIN,
    Delivery(30, f"{ODS}LOAD003.csv.gz", "bad:ragged_row"),
    Delivery(50, f"{DMAP}20220305.csv", ""),
    Delivery(55, f"{ODS}readme.txt"),
    Delivery(58, f"{ODS}LOAD002.dfm", '{"dataInfo": {}}'),
)


def single(
    deliveries: tuple[Delivery, ...], number: int | None = None, fault: Fault | None = None, *, harmless: bool = False
) -> Scenario:
    """The call of this number fails."""
    return Scenario(
        deliveries,
        steady,
        lambda _: lambda call: fault if call.number == number else None,
        lambda *_: 0.05,
        harmless=harmless and fault is None,
    )


def no_events(number: int | None = None, fault: Fault | None = None) -> Scenario:
    """Not one event arrives: the sweeps do all of it."""

    def knobs(chance: Random) -> Knobs:
        return replace(steady(chance), event_copies=lambda: 0)

    return replace(single(RESTART, number, fault), knobs=knobs)


def late_beginning(number: int | None = None, fault: Fault | None = None) -> Scenario:
    """The event of a restart comes hours late, and its files of changes are in the lake by then."""

    def knobs(chance: Random) -> Knobs:
        events = iter(range(1000))
        late = {6: 3 * HOUR}
        return replace(steady(chance), event_late=lambda: late.get(next(events), 2.0), sweeps_every=lambda _: 4 * HOUR)

    return replace(single(RESTART, number, fault), knobs=knobs)


def dead_runs(number: int | None = None, fault: Fault | None = None) -> Scenario:
    """The first runs of the job end dead."""

    def knobs(chance: Random) -> Knobs:
        ends = iter(_ENDS_DEAD)
        return replace(steady(chance), job_ends=lambda: next(ends, JobRunState.SUCCEEDED))

    return replace(single(PLAIN, number, fault), knobs=knobs)


def slow_runs(number: int | None = None, fault: Fault | None = None) -> Scenario:
    """Runs of the job wait for two hours before they begin."""

    def knobs(chance: Random) -> Knobs:
        return replace(steady(chance), job_starts=lambda: 2 * HOUR)

    return replace(single(PLAIN, number, fault), knobs=knobs)


def seeded(seed: int) -> Scenario:
    """Everything by chance."""
    chance = Random(f"cubic {seed}")  # noqa: S311  no secret
    deliveries: list[Delivery] = []
    spread = chance.choice([5.0, 60.0, HOUR, 20 * HOUR])

    def at() -> float:
        return chance.choice([round, float])(chance.random() * spread)  # whole seconds, for S3's times to be equal

    def body() -> str:
        return chance.choice(
            ["0", "1", "3", "7", "3", "3", *(["bad:ragged_row", "bad:cut_gzip", ""] * (chance.random() < 0.2))]
        )

    for prefix in chance.choice([(ODS,), (ODS,), (ODS, OTHER_ODS), PREFIXES, (DMAP, KAFKA)]):
        if prefix in (ODS, OTHER_ODS):
            deliveries += _ods(chance, prefix, at, body)
        elif prefix == DMAP:
            days = [chance.randint(1, 3) for _ in range(chance.choice([1, 2, 4]))]
            deliveries += [Delivery(at(), f"{prefix}2022030{day}.csv", body()) for day in days]
        else:
            deliveries += [Delivery(at(), f"{prefix}{chance.getrandbits(40):022}.json", body()) for _ in range(2)]
    if chance.random() < 0.2:
        deliveries.append(Delivery(at(), f"{ODS}readme.txt"))
    late = (chance.choice(PREFIXES),) if chance.random() < 0.15 else ()
    longest = chance.choice([0.0, 0.1, 2.0])
    return Scenario(
        tuple(deliveries) or PLAIN,
        _by_chance,
        partial(faults_by_chance, services=SERVICES),
        lambda chance, _: chance.random() * longest,
        seed,
        late=late,
    )


def _ods(chance: Random, prefix: str, at: Callable[[], float], body: Callable[[], str]) -> Iterator[Delivery]:
    """Some full loads, of which a file may be missing, and files of changes, some of them twice."""
    numbers, extension = chance.choice([1, 2, 3]), chance.choice(["csv", "csv.gz"])
    for _ in range(chance.choice([0, 1, 1, 2, 3])):
        begins = at()
        for number in range(1, numbers + 1):
            if chance.random() < 0.9:
                when = begins + chance.choice([0, 0, 1, chance.random() * 300])
                yield Delivery(when, f"{prefix}LOAD{number:03}.{extension}", body())
                if chance.random() < 0.2:
                    yield Delivery(when, f"{prefix}LOAD{number:03}.dfm", '{"dataInfo": {}}')
    # Their names are times, so that one is written twice only in a row: docs/reliability.md has what would become of others.
    for day in chance.sample(range(1, 5), chance.choice([0, 1, 3])):
        when = at()
        for again in range(chance.choice([1, 1, 2])):
            yield Delivery(when + 0.1 * again, f"{prefix.rstrip('/')}__ct/2022030{day}-1.csv", body())


def _by_chance(chance: Random) -> Knobs:
    trouble = chance.choice([0.0, 0.05, 0.3])
    lost = chance.choice([0.0, 0.3, 1.0])

    def maybe(probability: float) -> bool:
        return chance.random() < probability

    left = 8  # a message that is doubled each time it is put back would fill the queue: AWS doubles one in a million

    def rarely() -> bool:
        nonlocal left
        left -= (now := left > 0 and maybe(trouble / 3))
        return now

    return Knobs(
        event_late=lambda: chance.random() * (4 * HOUR if maybe(trouble) else 10),
        event_copies=lambda: 0 if maybe(lost) else 2 if maybe(trouble) else 1,
        message_late=lambda: chance.random() * (600 if maybe(trouble) else 3),
        message_copies=lambda: 2 if rarely() else 1,
        message_refused=lambda: maybe(trouble / 10),
        deletion_lost=rarely,
        job_starts=lambda: chance.random() * (2 * HOUR if maybe(trouble) else 60),
        job_ends=lambda: chance.choice(_ENDS_DEAD) if maybe(trouble) else JobRunState.SUCCEEDED,
        sweeps_every=lambda seconds: SWEEP if seconds < 2 * HOUR else 5 * HOUR,
    )
