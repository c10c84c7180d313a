"""Time, chance, and who runs when: actors are greenlets, which give way at every AWS call and every sleep."""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from greenlet import getcurrent, greenlet

_CALLS_OF_AN_ACTOR = 5_000  # ours: the longest honest one, a loader that waits for its lock, makes some hundred


class Killed(BaseException):
    """The process is gone. No Exception, as nothing that runs in it can handle it."""


class Fault(StrEnum):
    """What can become of an AWS call, botocore's own repetitions being used up; REPEATED is one of those."""

    ERROR_BEFORE = "an error, without effect"
    ERROR_AFTER = "an error, after its effect"
    TIMEOUT_BEFORE = "no connection"
    TIMEOUT_AFTER = "its answer is lost"
    REPEATED = "repeated by botocore after its effect"
    THROTTLED = "throttled"
    DENIED = "access denied"
    KILLED_BEFORE = "killed before it"
    KILLED_AFTER = "killed after it"
    STOPPED = "told to stop"
    SLOW = "slow"


@dataclass(frozen=True)
class Call:
    """The `number`-th call of the run."""

    number: int
    actor: str
    operation: str


@dataclass(eq=False)
class Actor:
    """A process: a Lambda invocation or a loader task.

    `stopped` is raised in it when it is told to stop. `longest` are the seconds of its longest call. `queue` is the name of
    the queue that it takes `letters` from, by their bodies.
    """

    name: str
    deadline: float | None = None
    stopped: type[BaseException] | None = None
    dead: bool = False
    calls: int = 0
    longest: float = 0.0
    queue: str = ""
    letters: tuple[str, ...] = ()


@dataclass
class World:
    """`faults` chooses what becomes of a call. `latency` gives the seconds that an operation takes."""

    chance: Random
    faults: Callable[[Call], Fault | None]
    latency: Callable[[str], float]
    began: datetime = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
    story: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._agenda: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._hub = getcurrent()
        self._actors: dict[greenlet, Actor] = {}
        self._until = 0.0
        self._closed = False

    # ── time ──

    @property
    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.seconds)

    def after(self, seconds: float, do: Callable[[], object]) -> None:
        """Does it later."""
        heapq.heappush(self._agenda, (self.seconds + seconds, next(self._order), do))

    def run(self, until: float) -> bool:
        """Lets time go on until nothing is left to happen; False if something is at `until`, or something is wrong."""
        self._until = until
        while self._agenda and not self.violations:
            if self._agenda[0][0] > until:
                return False
            self.seconds, _, do = heapq.heappop(self._agenda)
            do()
        return not self.violations

    def sleep(self, seconds: float) -> None:
        """In an actor, lets the others run meanwhile. Raises Killed at the actor's deadline."""
        actor = self.actor
        if actor is None:
            return
        if actor.dead:
            raise Killed
        end = self.seconds + max(0.0, seconds)
        if actor.deadline is not None and end > actor.deadline:
            end, actor.dead = actor.deadline, True
            self.tell(actor.name, "runs out of time")
        if self.violations or end > self._until or (self._agenda and self._agenda[0][0] <= end):
            this = getcurrent()
            self.after(end - self.seconds, lambda: this.switch())
            self._hub.switch()
        else:
            self.seconds = end
        if actor.dead:
            raise Killed

    # ── actors ──

    @property
    def actor(self) -> Actor | None:
        return self._actors.get(getcurrent())

    def start(self, actor: Actor, do: Callable[[], object], ended: Callable[[object], None]) -> None:
        """Runs `do` as an actor; `ended` gets its result, or the Killed or other exception that it ended with."""

        def body() -> None:
            try:
                result: object = do()
            except BaseException as error:  # noqa: BLE001  a process that raised has ended
                result = error
            del self._actors[this]
            if not self._closed:
                ended(result)

        this = greenlet(body, parent=self._hub)
        self._actors[this] = actor
        this.switch()

    def close(self) -> None:
        """Ends what still runs, so that nothing of it is left in this process."""
        self._closed = True
        for suspended, actor in list(self._actors.items()):
            actor.dead = True
            suspended.throw(Killed)

    # ── calls ──

    def call[R](self, operation: str, effect: Callable[[], R], *, instant: bool = False) -> R:
        """One call by whoever runs, with the fault that is chosen for it. During an `instant` one nobody else runs."""
        actor = self.actor
        if actor is None:  # AWS itself, or a person
            return effect()
        if actor.dead:
            raise Killed
        actor.calls += 1
        if actor.calls > _CALLS_OF_AN_ACTOR:
            self.violate(f"{actor.name} makes call after call: the last is {operation}")
            self._end(actor)
        call = Call(len(self.calls) + 1, actor.name, operation)
        self.calls.append(call)
        fault = self.faults(call)
        if not instant:
            takes = self.latency(operation) + (self.chance.uniform(1, 400) if fault is Fault.SLOW else 0)
            actor.longest = max(actor.longest, takes)
            self.sleep(takes)
        if fault:
            self.tell(actor.name, f"{operation} [{call.number}]: {fault}")
        return self._faulty(actor, operation, effect, fault)

    def _faulty[R](self, actor: Actor, operation: str, effect: Callable[[], R], fault: Fault | None) -> R:  # noqa: C901
        match fault:
            case Fault.ERROR_BEFORE:
                raise error("InternalError", operation)
            case Fault.TIMEOUT_BEFORE:
                raise ConnectTimeoutError(endpoint_url=operation)
            case Fault.THROTTLED:
                raise error("SlowDown" if operation.startswith("s3") else "ThrottlingException", operation)
            case Fault.DENIED:
                raise error("AccessDenied", operation)
            case Fault.KILLED_BEFORE:
                self._end(actor)
            case Fault.STOPPED:
                stopped, actor.stopped = actor.stopped, None  # a second SIGTERM is ignored
                if stopped:
                    raise stopped
                if actor.deadline is not None:  # nobody stops a function
                    self._end(actor)
            case Fault.REPEATED:
                try:
                    effect()
                except ClientError as refused:
                    self.tell(actor.name, f"… refused at first: {refused}")
        result = effect()
        match fault:
            case Fault.ERROR_AFTER:
                raise error("InternalError", operation)
            case Fault.TIMEOUT_AFTER:
                raise ReadTimeoutError(endpoint_url=operation)
            case Fault.KILLED_AFTER:
                self._end(actor)
        return result

    def _end(self, actor: Actor) -> None:
        actor.dead = True
        raise Killed

    # ── what is said of it ──

    def tell(self, who: str, what: str) -> None:
        self.story.append(f"{self.now:%d %H:%M:%S.%f}  {who:<22} {what}")

    def violate(self, what: str) -> None:
        """Something that must never be so."""
        self.tell("VIOLATED", what)
        self.violations.append(what)


def faults_by_chance(chance: Random, services: Sequence[str]) -> Callable[[Call], Fault | None]:
    """Faults of every call alike; in some runs an outage of some hours too, of one service."""
    rate = chance.choice([0.0, 0.002, 0.01, 0.05])
    kinds = chance.sample(list(Fault), chance.randint(1, len(Fault)))
    service = chance.choice(services)
    first = chance.randint(0, 400)
    outage = range(first, first + chance.choice([0, 0, 20, 100]))

    def choose(call: Call) -> Fault | None:
        if call.number in outage and call.operation.startswith(service):
            return chance.choice(kinds)
        return chance.choice(kinds) if chance.random() < rate else None

    return choose


@dataclass(frozen=True)
class WorldClock:
    """The world's time, as the functions and the loader ask for it."""

    world: World

    def now(self) -> datetime:
        return self.world.now

    def monotonic(self) -> float:
        return self.world.seconds

    def sleep(self, seconds: float) -> None:
        self.world.sleep(seconds)


def brief(body: str) -> str:
    """What a message is about, in a few words."""
    said = json.loads(body)
    if not isinstance(said, dict):
        return body[:120]
    if "Message" in said:
        return f"SNS [{brief(said['Message'])}]"
    if "detail" in said:
        return f"{said['source']} {said['detail'].get('EventID') or said['detail-type']}"
    if "kind" not in said:
        return body[:120]
    about = next((said[k] for k in ("export_task_identifier", "snapshot_identifier", "snapshot") if said.get(k)), "")
    return f"{said['kind']} {said.get('error', '')} {about or said.get('message') or said.get('correlation_id', '')}"[:400]


def error(code: str, operation: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message or f"{code} happened"}}, operation)
