"""The way of one dump: lock, load, check, rename, count, snapshot, clean up."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from dump_loader import progress, snapshot
from dump_loader.archive import unpacking
from dump_loader.database import tables
from dump_loader.database.connection import describe
from dump_loader.database.exportable import make_exportable
from dump_loader.database.loading import Loaded
from dump_loader.database.lock import locked
from dump_loader.database.server_errors import server_errors_explained
from dump_loader.settings import LossyLoads
from dump_loader.sql.signature import Signature
from ingestion import telemetry
from ingestion.aws_errors import error_code, explained
from ingestion.s3_file import S3File
from ingestion.s3_uri import split_s3_uri
from liberator.errors import DumpRejected
from liberator.messages import ExportSnapshot, LoadedWithRemarks
from liberator.row_counts import Remark, RemarkKind, RowCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Executor
    from datetime import timedelta

    from aws_lambda_powertools import Logger
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client

    from dump_loader.database.connection import Connect
    from dump_loader.database.lock import Lock
    from dump_loader.dumps import Dump
    from dump_loader.sql.server import Server
    from ingestion.clock import Clock

_TOLD = 20  # remarks, of some 300 characters each: an alert has room for 8,000


@dataclass(frozen=True, slots=True)
class Limits:
    """Settings of sizes, times and losses."""

    connections: int
    lossy_loads: LossyLoads
    max_dump_bytes: int
    progress_seconds: float
    snapshot_timeout: timedelta
    lock_timeout: timedelta
    max_wait: timedelta


class Load(Protocol):
    """Execute a dump's statements, as dump_loader.database.loading.load does."""

    def __call__(
        self,
        chunks: Iterable[bytes],
        signature: Signature,
        connect: Connect,
        server: Server,
        *,
        database: str,
        connections: int,
        loaded: Loaded,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Target:
    """The dump's destination: a database on an instance, with ways to connect to it and to load into it."""

    instance: str
    database: str
    connect: Connect
    load: Load


@dataclass(frozen=True, slots=True)
class Dependencies:
    """All but the database: AWS, time, threads for reading S3, whom to tell. `load_id` is this load's alone."""

    s3: S3Client
    rds: RDSClient
    clock: Clock
    executor: Executor
    load_id: str
    announce: Callable[[ExportSnapshot], None]
    tell: Callable[[LoadedWithRemarks], None]
    logger: Logger


def ingest(dump: Dump, target: Target, limits: Limits, given: Dependencies) -> None:
    """Load the dump, take the snapshot and announce it. Raises IngestionError.

    Loads do not begin in the order of their uploads. The row counts have the upload's time, by which the copier lets the
    latest upload win.

    RDS's own events announce the snapshot too, and sooner. They are best effort: `announce` is what makes the waiting
    begin when every one of them is lost.

    Remarks are told before the snapshot begins, which goes on without the loader. So a load may fail whose remarks were
    told, but none lands whose remarks were not.

    Safe to repeat from the beginning at any point: the database is made anew, the snapshot has its own name, and the row
    counts have the snapshot's. Until the snapshot there is nothing for anyone else to see.
    """
    logger, clock = given.logger, given.clock
    file = S3File(given.s3, dump, given.executor, clock)
    with closing(file), unpacking.opened(file, dump.size, dump.uri) as opened:
        # everything that can be known without the database is found out before the last load is dropped
        sql = unpacking.member(opened, dump.uri, max_bytes=limits.max_dump_bytes)
        logger.info("Found the dump", dump=dump.uri, member=sql.name, bytes=dump.size, expands_to=sql.info.file_size)
        lock = locked(
            target.connect,
            target.database,
            timeout=limits.lock_timeout,
            every=limits.progress_seconds,
            clock=clock,
            logger=logger,
        )
        waiting = snapshot.Waiting(clock, limits.snapshot_timeout, every=min(5.0, limits.progress_seconds))
        with server_errors_explained(target.database), lock as held:
            # A load that died has released its lock, but what RDS reads for its snapshot is about to be dropped here.
            snapshot.await_none_creating(given.rds, target.instance, waiting=waiting, logger=logger)
            chunks, loaded = unpacking.chunks(opened, sql, max_bytes=limits.max_dump_bytes), Loaded()
            with progress.logged(
                loaded, lambda: sql.percent(file.tell()), every=limits.progress_seconds, clock=clock, logger=logger
            ):
                counts = _load(chunks, dump, target, limits, loaded, given)
            if told := [r for r in loaded.remarks.all if r.kind is not RemarkKind.TABLE_CONVERTED]:
                with explained("telling people of the load's remarks"):
                    given.tell(_remarks_on(dump, told))
            # The lock is kept until the snapshot is whole: the next load begins by dropping the database, and when within
            # "creating" RDS has read the volume can't be seen from outside.
            identifier = _snapshot(dump, target, held, counts, loaded, waiting, given)
            snapshot.await_end(given.rds, identifier, waiting=waiting, every=limits.progress_seconds, logger=logger)
            logger.info("Snapshot available", snapshot=identifier)
    snapshot.delete_earlier(given.rds, target.instance, identifier, max_wait=limits.max_wait, clock=clock, logger=logger)


def _load(
    chunks: Iterable[bytes], dump: Dump, target: Target, limits: Limits, loaded: Loaded, given: Dependencies
) -> dict[str, int]:
    """Load the dump, and return the rows of each table, by the names that the tables have then."""
    logger, began = given.logger, given.clock.monotonic()
    with closing(target.connect(None)) as connection:
        server = describe(connection)
        logger.info("Loading into the database", database=target.database, server=f"{server.flavour} {server.version}")
        tables.recreate(connection, target.database)
        signature = Signature()
        target.load(
            chunks,
            signature,
            target.connect,
            server,
            database=target.database,
            connections=limits.connections,
            loaded=loaded,
        )
        signature.refuse_unfinished(dump.uri)
        loaded.originals = make_exportable(connection, target.database, logger)
        counts = tables.count_rows(connection, target.database)
    if not any(counts.values()):
        missing = "has no row in any of its tables" if counts else "defines no table"
        raise DumpRejected(f"{dump.uri} {missing}. Ask for the dump again, and upload it under the same name.")
    loaded.remarks.add(Remark(kind=RemarkKind.NO_SIGN_OF_END, text=text) for text in signature.remarks())
    _log_or_refuse(loaded.remarks.all, dump, limits.lossy_loads, logger)
    seconds = given.clock.monotonic() - began
    telemetry.count("RowsLoaded", sum(counts.values()))
    telemetry.size("BytesLoaded", loaded.bytes)
    telemetry.seconds("LoadSeconds", seconds)
    telemetry.flush()
    logger.info(
        "Loaded",
        tables=len(counts),
        rows=sum(counts.values()),
        statements=loaded.statements,
        megabytes=round(loaded.bytes / 1e6, 1),
        seconds=round(seconds, 1),
        megabytes_per_second=round(loaded.bytes / 1e6 / seconds, 1),
    )
    return counts


def _log_or_refuse(remarks: Sequence[Remark], dump: Dump, lossy_loads: LossyLoads, logger: Logger) -> None:
    for remark in remarks:
        logger.warning(str(remark), kind=remark.kind)
    changed = [remark for remark in remarks if remark.kind is RemarkKind.VALUES_CHANGED]
    if changed and lossy_loads is LossyLoads.REJECT:
        raise DumpRejected(
            f"{dump.uri} has what its tables can't hold: {_listed(changed)}. Ask for a dump with the values, or the "
            "columns, corrected, and upload it under the same name; or let such dumps land, with LossyLoads=land."
        )


def _remarks_on(dump: Dump, remarks: Sequence[Remark]) -> LoadedWithRemarks:
    return LoadedWithRemarks(
        run=dump.run,
        correlation_id=dump.correlation_id,
        reason=f"{dump.uri} is loaded, and lands. But see whether this matters to you: {_listed(remarks)}. "
        "The row counts beside the dump have all of it, and so has the day's manifest.",
    )


def _listed(remarks: Sequence[Remark]) -> str:
    """Return as many remarks as a person reads, in one text."""
    more = f"; and {len(remarks) - _TOLD} more" if len(remarks) > _TOLD else ""
    return "; ".join(map(str, remarks[:_TOLD])) + more


def _snapshot(
    dump: Dump,
    target: Target,
    held: Lock,
    counts: dict[str, int],
    loaded: Loaded,
    waiting: snapshot.Waiting,
    given: Dependencies,
) -> str:
    """Write the row counts, begin the snapshot, announce it, and return its identifier."""
    with closing(target.connect(None)) as connection:
        views = tuple(tables.views(connection, target.database))

    def write_row_counts(identifier: str, uri: str) -> bool:
        """Write them before the snapshot, so that readers of the snapshot find them; never over those of another load."""
        body = RowCounts(
            database=target.database,
            dump=dump.uri,
            uploaded_at=dump.uploaded_at,
            snapshot=identifier,
            tables=counts,
            views=views,
            remarks=loaded.remarks.all,
            originals=loaded.originals,
        ).model_dump_json()
        return _written_anew(uri, body, given.s3)

    identifier = snapshot.take(
        given.rds,
        target.instance,
        dump,
        load_id=given.load_id,
        write_row_counts=write_row_counts,
        refuse_lost=held.refuse_lost,
        waiting=waiting,
        logger=given.logger,
    )
    given.logger.info("Snapshot begun", snapshot=identifier)
    given.announce(ExportSnapshot(run=dump.run, correlation_id=dump.correlation_id, snapshot_identifier=identifier))
    return identifier


def _written_anew(uri: str, body: str, s3: S3Client) -> bool:
    """Write the object; False if there is one already."""
    bucket, key = split_s3_uri(uri)
    with explained(f"writing the row counts {uri}"):
        try:
            s3.put_object(Bucket=bucket, Key=key, Body=body.encode(), ContentType="application/json", IfNoneMatch="*")
        except ClientError as error:
            if error_code(error) in ("PreconditionFailed", "ConditionalRequestConflict"):
                return False
            raise
    return True
