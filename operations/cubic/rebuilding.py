"""Makes partitions of the raw zone anew from the archive, by the Glue job that made them.

A rebuild is a batch of its table (cubic/store/rebuilding.py): as long as it is open, no other batch of the table is, and
no load moves to another snapshot. So of two at once the one that is open first goes first, and the other waits. Loads keep
their statuses. The newest of several versions of a file in one snapshot is its partition, so that one is rebuilt.

Safe to repeat: each time all is written anew, into folders of the runs' own. Safe to interrupt: before a run is started,
the batch is forgotten; afterwards the functions end it, as any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from botocore.exceptions import BotoCoreError

from cubic import snapshots, work
from cubic.errors import BadConfiguration
from cubic.finishing import ENDED, run_state
from cubic.loads import Batch, Ingested, Load, LoadStatus, Refused
from cubic.objects import head
from cubic.starting import run_of, start_run
from cubic.store.claiming import LEASE, MOST_BYTES, MOST_FILES
from ingestion.errors import NotYet, Transient
from ingestion.landing_zone.copying import Original, copy_all
from operations.cubic import listing
from operations.cubic.listing import ListedLoad
from operations.output import table as as_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mypy_boto3_glue import GlueClient

    from cubic.starting import Job
    from ingestion.clock import Clock
    from ingestion.landing_zone.zone import Bucket
    from operations.cubic.metadata import Ask

LOOKS_EVERY = 15  # seconds
_REFUSED = {LoadStatus.READY_FOR_ERRORING, LoadStatus.ERRORING, LoadStatus.ERRORED}


@dataclass(frozen=True)
class Rebuilder:
    """All that a rebuild takes. `glue` may repeat requests, that of `job` not. `say` tells a person how far it is."""

    ask: Ask
    springboard: Bucket
    archive: str
    job: Job
    glue: GlueClient
    clock: Clock
    say: Callable[[str], object]


@dataclass(frozen=True)
class Rebuilt:
    """A load and the rows that it has now, null where it is not rebuilt. `remark`: in what it differs, and what to do."""

    load: ListedLoad
    rows: int | None
    remark: str | None

    def shown(self) -> dict[str, Any]:
        of = self.load
        return {
            "load_id": of.load_id,
            "snapshot": of.snapshot_text,
            "s3_key": of.s3_key,
            "rows": self.rows,
            "rows_before": of.rows,
            "remark": self.remark,
        }


def snapshot(text: str | None) -> datetime | None:
    """Raises BadConfiguration for a text that is no snapshot."""
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadConfiguration(
            f"{text!r} is no snapshot, which is written as 20220304T134556Z. The command `snapshots` lists them."
        ) from error


def report(rebuilt: Iterable[Rebuilt]) -> str:
    """The loads, each on a line."""
    headings = ("LOAD", "SNAPSHOT", "FILE", "ROWS", "ROWS BEFORE", "REMARK")
    return as_table(headings, [tuple(one.shown().values()) for one in rebuilt])


def rebuild(table: str, at: datetime | None, by: Rebuilder) -> list[Rebuilt]:
    """Rebuilds a snapshot, or all of the table, in as many batches as it takes; each load, the oldest first.

    Raises BadConfiguration where there is nothing to rebuild.
    """
    todo = _plan(table, at, by)
    return [one for chunk in _chunks(todo) for one in _rebuild(table, chunk, by)]


def _plan(table: str, at: datetime | None, by: Rebuilder) -> list[ListedLoad]:
    """The loads to rebuild: of each file in each snapshot the newest version, if it is in the archive."""
    newest: dict[tuple[datetime | None, str], ListedLoad] = {}
    for load in map(ListedLoad.model_validate, listing.loads(by.ask, table=table, snapshot=at)):
        there = newest.get((load.snapshot, load.s3_key))
        if load.status not in _REFUSED and (there is None or load.version > there.version):
            newest[load.snapshot, load.s3_key] = load
    todo = [load for load in newest.values() if load.status is LoadStatus.ARCHIVED]
    if not todo:
        of = f" of snapshot {snapshots.text(at)}" if at else ""
        raise BadConfiguration(f"{table} has no archived load{of}. The command `snapshots` lists its snapshots.")
    if len(todo) < len(newest):
        by.say(f"Not archived yet, and left to be ingested in their turn: {len(newest) - len(todo)} of {len(newest)} files")
    return sorted(todo, key=lambda load: (load.version, load.load_id))


def _chunks(todo: Iterable[ListedLoad]) -> Iterator[list[ListedLoad]]:
    """As a claim makes batches: the first whatever its size, and more while they fit."""
    chunk: list[ListedLoad] = []
    for load in todo:
        if chunk and (len(chunk) == MOST_FILES or sum(one.s3_size for one in chunk) + load.s3_size > MOST_BYTES):
            yield chunk
            chunk = []
        chunk.append(load)
    yield chunk


def _rebuild(table: str, chunk: list[ListedLoad], by: Rebuilder) -> list[Rebuilt]:
    batch = _begin(table, by)
    try:
        remarks = _prepare(table, batch, chunk, by)
    except BaseException:
        by.ask({"command": "end_rebuild", "batch": str(batch)})  # it has no run
        raise
    outcomes: dict[int, Ingested | Refused] = {}
    otherwise = ""
    if len(remarks) < len(chunk):
        run = _started(table, batch, by)
        by.ask({"command": "started_rebuild", "batch": str(batch), "run": run})
        state = _ended(run, len(chunk) - len(remarks), by)
        outcomes = work.read_result(by.springboard.s3, by.springboard.bucket, batch) or {}
        otherwise = f"not rebuilt: run {run} ended {state} without it. Read its log, then run the command again."
    by.ask({"command": "end_rebuild", "batch": str(batch)})
    return [_rebuilt(load, outcomes.get(load.load_id), remarks.get(load.load_id, otherwise)) for load in chunk]


def _begin(table: str, by: Rebuilder) -> UUID:
    """A batch of ours, once no other is open.

    An earlier rebuild whose end nobody has seen is ended first: there may be a run of it.
    """
    ours, told = uuid4(), False
    while (given := _asked_for(table, ours, by)) != ours:
        if given and (run := run_of(given, by.job)):
            by.ask({"command": "started_rebuild", "batch": str(given), "run": run})
        elif given:
            by.ask({"command": "end_rebuild", "batch": str(given)})
            continue
        if not told:
            by.say(f"Another batch of {table} is open. This one waits for its end.")
        told = True
        by.clock.sleep(LOOKS_EVERY)
    return ours


def _asked_for(table: str, batch: UUID, by: Rebuilder) -> UUID | None:
    given = by.ask({"command": "begin_rebuild", "table": table, "batch": str(batch)})["batch"]
    return UUID(given) if given else None


def _renew(table: str, batch: UUID, by: Rebuilder) -> None:
    """The lease, while there is no run yet."""
    if _asked_for(table, batch, by) != batch:
        raise Transient(f"The rebuild {batch} of {table} took too long, and was ended by others. Run the command again.")


def _prepare(table: str, batch: UUID, chunk: list[ListedLoad], by: Rebuilder) -> dict[int, str]:
    """Copies the archived files, then writes the batch's document. Returns, for each load that is left out, why."""
    ids = [load.load_id for load in chunk]
    planned = {load.load_id: load.snapshot for load in chunk}
    remarks: dict[int, str] = {}
    plan: dict[str, Original] = {}
    loads: list[Load] = []
    for now in map(ListedLoad.model_validate, listing.loads(by.ask, table=table, ids=ids, described=True)):
        if now.misfiled or now.snapshot != planned[now.load_id]:
            remarks[now.load_id] = "on its way to another snapshot: wait for the next sweep, then rebuild that one"
        elif now.kept_key is None or head(by.springboard.s3, by.archive, now.kept_key, now.kept_version) is None:
            remarks[now.load_id] = f"gone from the archive: s3://{by.archive}/{now.kept_key}, version {now.kept_version}"
        else:
            original = Original(by.archive, now.kept_key, now.s3_size, now.kept_version)
            plan[work.copy_key(batch, now.load_id)] = original
            loads.append(now.as_load())
    by.say(f"Copying {len(plan)} files of {table} from the archive")
    _copy(table, batch, plan, by)
    document = work.document(Batch(batch, table, tuple(loads), None), loads).model_copy(update={"rebuild": True})
    work.write_document(by.springboard.s3, by.springboard.bucket, document)
    return remarks


def _copy(table: str, batch: UUID, plan: dict[str, Original], by: Rebuilder) -> None:
    differing = None
    while differing is None:
        _renew(table, batch, by)
        until = by.clock.monotonic() + LEASE.total_seconds()
        try:
            differing = copy_all(plan, by.springboard, lambda: until - by.clock.monotonic())  # noqa: B023  called here
        except NotYet as waiting:
            by.say(str(waiting))
            by.clock.sleep(LOOKS_EVERY)
    if differing:
        raise Transient(f"Copies in s3://{by.springboard.bucket} differ from the archive: {differing[0]}. Run it again.")


def _started(table: str, batch: UUID, by: Rebuilder) -> str:
    """The run of the batch; where the answer to its start was lost, it is found by its argument."""
    while True:
        try:
            return start_run(batch, by.job)
        except (NotYet, BotoCoreError) as error:
            by.say(f"Not started yet: {error}")
        by.clock.sleep(LOOKS_EVERY)
        _renew(table, batch, by)
        if run := run_of(batch, by.job):
            return run


def _ended(run: str, loads: int, by: Rebuilder) -> str | None:
    """The state in which it ended."""
    said = None
    while (state := run_state(by.glue, by.job.name, run)) is not None and state not in ENDED:
        if state != said:
            by.say(f"{run}, {loads} files: {state}")
        said = state
        by.clock.sleep(LOOKS_EVERY)
    by.say(f"{run}: {state}")
    return state


def _rebuilt(load: ListedLoad, outcome: Ingested | Refused | None, otherwise: str) -> Rebuilt:
    match outcome:
        case Ingested(rows=rows):
            return Rebuilt(load, rows, None if rows == load.rows else f"it had {load.rows} rows before")
        case Refused(reason=reason):
            return Rebuilt(load, None, f"refused, its partition stays as it was: {reason}")
        case None:
            return Rebuilt(load, None, otherwise)
