"""Carries one finished export into the landing zone: check, record, copy, verify, commit, clear away, start the workflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from pydantic import ValidationError

from ingestion import telemetry
from ingestion.aws_errors import explained
from ingestion.errors import CopyMismatch, NotYet, Terminal, UnreadableObject
from ingestion.messages import problems
from ingestion.s3_uri import split_s3_uri
from liberator import naming
from liberator.errors import ExportUnusable
from liberator.messages import CopyExport, LandingZoneUpdated
from liberator.row_counts import OriginalNames, RowCounts
from s3_to_s3_copier import attempts, workflow
from s3_to_s3_copier import manifest as manifests
from s3_to_s3_copier.copying import copy_all, delete_all
from s3_to_s3_copier.export import Export, finished_export, snapshot_time
from s3_to_s3_copier.manifest import Committed, LandedColumn, LandedObject, Manifest, ManifestTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_glue import GlueClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client

    from ingestion.consumer import SecondsLeft
    from s3_to_s3_copier.export import ColumnType

logger = Logger(child=True)


@dataclass(frozen=True)
class Aws:
    """The clients that the copier works with."""

    rds: RDSClient
    s3: S3Client
    glue: GlueClient


@dataclass(frozen=True)
class Places:
    """Buckets, the database that lands, and the two workflows, by name."""

    export_bucket: str
    landing_bucket: str
    database: str
    daily_workflow: str
    backdated_workflow: str


def copy_export(
    command: CopyExport, aws: Aws, places: Places, announce: Callable[[LandingZoneUpdated], None], seconds_left: SecondsLeft
) -> None:
    """Lands a finished export, announces it, and starts its workflow; or ends as superseded by a later one of the day.

    An export that cannot land ends as superseded, too, once its day has landed from a later one: nothing is lost with it,
    and its messages, redriven, need nobody. Raises NotYet while the export runs, when time runs short, or while the
    workflow is busy. Every step is safe to repeat, and is repeated from the first when the message comes again: reading
    changes nothing, a copy that is there is skipped, a manifest that is ours is kept, deleting twice is deleting. A workflow
    run says that the day was announced before it; without one it is announced, perhaps again.
    """
    try:
        export = finished_export(command.export_task_identifier, aws.rds, aws.s3, places.export_bucket)
        counts = _counts(command, aws.s3)
        tables = _tables(export, counts, places.database)
    except ExportUnusable as unusable:
        if _has_landed_since(command, aws, places):
            logger.warning("Superseded: the day has been landed from a later load", extra={"reason": str(unusable)})
            return
        telemetry.count("ExportsFailed")
        raise
    plan = naming.landing_keys((f for files in tables.values() for f in files), command.run.import_date)
    committed = _land(_manifest(command, export, tables, plan, counts), plan, aws.s3, places, seconds_left)
    if committed is None:
        return
    name = places.backdated_workflow if command.run.backdated else places.daily_workflow
    if workflow.has_run(aws.glue, name, command.export_task_identifier):
        return
    event = _landing_zone_updated(command, committed, places.landing_bucket)
    announce(event)
    workflow.start(
        aws.glue,
        name,
        {
            "import_date": command.run.import_date.isoformat(),
            "backdated": str(command.run.backdated).lower(),
            workflow.TASK: command.export_task_identifier,
            "landing_prefix": event.landing_prefix,
            "manifest": event.manifest,
            "correlation_id": command.correlation_id,
        },
    )


def _counts(command: CopyExport, s3: S3Client) -> RowCounts | None:
    """What the loader counted; None where the command names no dump: then nobody counted."""
    if command.run.origin is None:
        logger.warning("No dump is named, so no row counts: the tables are landed unchecked")
        return None
    uri = naming.row_counts_uri(command.run.origin, command.export_task_identifier)
    bucket, key = split_s3_uri(uri)
    with explained(f"reading the loader's row counts {uri}"):
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        return RowCounts.model_validate_json(body)
    except ValidationError as error:
        raise UnreadableObject(
            f"The row counts {uri} are not as the loader writes them: {problems(error)}. Load the dump again."
        ) from error


def _has_landed_since(command: CopyExport, aws: Aws, places: Places) -> bool:
    """Whether the day is committed from a later upload than the export's, or from a later snapshot of the same upload."""
    committed = manifests.read(aws.s3, places.landing_bucket, places.database, command.run.import_date)
    if committed is None:
        return False
    taken = snapshot_time(command.export_task_identifier, aws.rds)
    try:
        counts = _counts(command, aws.s3)
    except Terminal:  # then nobody can say, and a person hears of the export itself
        return False
    return committed.manifest.order > (counts.uploaded_at if counts else taken, taken, command.export_task_identifier)


def _tables(export: Export, counts: RowCounts | None, database: str) -> dict[str, list[naming.ExportedFile]]:
    """Choose the tables that land: exactly those that were loaded, with data where rows are. Raises ExportUnusable.

    A view has no rows of its own and was not counted: if RDS exports it, it does not land. A warning is of no consequence
    where every counted table is complete; where nobody counted, it is all that tells of a loss.
    """
    if export.database != database:
        raise ExportUnusable(
            f"Export {export.task_identifier} holds database {export.database}; only {database} is landed. "
            "If DatabaseName has been changed since, load the dump again."
        )
    if export.warnings:
        some = {"export_task": export.task_identifier, "count": len(export.warnings), "first": export.warnings[:20]}
        logger.warning("RDS completed the export with warnings", extra=some)
    expected = counts.tables if counts else dict.fromkeys(export.tables, 0)
    views = counts.views if counts else ()
    tables = {name: files for name, files in export.tables.items() if name not in views}
    problems = {
        "tables not exported": expected.keys() - tables.keys(),
        "skipped or not complete": expected.keys() & export.skipped if counts else export.warnings,
        "not counted": tables.keys() - expected.keys(),
        "with rows but no file": {name for name, files in tables.items() if expected.get(name) and not files},
    }
    if any(problems.values()):
        said = f" RDS says: {'; '.join(export.warnings[:20])}." if export.warnings else ""
        raise ExportUnusable(
            f"Export {export.task_identifier} does not match the loaded database: "
            f"{', '.join(f'{problem} {sorted(names)}' for problem, names in problems.items() if names)}.{said} "
            "Load the dump again."
        )
    return tables


def _manifest(
    command: CopyExport,
    export: Export,
    tables: Mapping[str, list[naming.ExportedFile]],
    plan: Mapping[str, naming.ExportedFile],
    counts: RowCounts | None,
) -> Manifest:
    rows, originals = (counts.tables, counts.originals) if counts else ({}, {})
    objects: dict[str, list[LandedObject]] = {name: [] for name in tables}
    for key, file in sorted(plan.items()):
        objects[file.table.removeprefix(f"{file.database}.")].append(LandedObject(key=key, size=file.size))
    return Manifest(
        database=export.database,
        run=command.run,
        correlation_id=command.correlation_id,
        export_task_identifier=export.task_identifier,
        uploaded_at=counts.uploaded_at if counts else None,
        snapshot_time=export.snapshot_time,
        tables=tuple(
            _manifest_table(name, rows.get(name), found, export.columns[name], originals.get(name, OriginalNames()))
            for name, found in sorted(objects.items())
        ),
        remarks=counts.remarks if counts else (),
        warnings=export.warnings,
    )


def _manifest_table(
    name: str, rows: int | None, objects: list[LandedObject], columns: list[ColumnType], original: OriginalNames
) -> ManifestTable:
    return ManifestTable(
        name=name,
        original_name=original.table,
        rows=rows,
        objects=tuple(objects),
        columns=tuple(
            LandedColumn(**column.model_dump(), original_name=original.columns.get(column.name)) for column in columns
        ),
    )


def _land(
    mine: Manifest, plan: dict[str, naming.ExportedFile], s3: S3Client, places: Places, seconds_left: SecondsLeft
) -> Manifest | None:
    """Copies, commits, and clears away what the day has no more use for; None where a later one of the day has won."""
    bucket = places.landing_bucket
    if _superseded(mine, manifests.read(s3, bucket, mine.database, mine.run.import_date), s3, bucket):
        return None
    attempts.begin(mine, s3, bucket)
    try:
        copy_all(plan, s3, source=places.export_bucket, landing=bucket, seconds_left=seconds_left)
    except CopyMismatch:
        # A later one that has been committed meanwhile has cleared away what was copied here.
        if _superseded(mine, manifests.read(s3, bucket, mine.database, mine.run.import_date), s3, bucket):
            return None
        raise
    overtaken = attempts.overtaken_by(mine, s3, bucket)
    committed = _commit(mine, overtaken, s3, bucket)
    if committed:
        # Readers follow the new manifest by now; only earlier manifests and attempts of the day named these.
        delete_all(committed.stale, s3, bucket)
        attempts.end([mine, *overtaken], s3, bucket)
    return committed


def _superseded(mine: Manifest, committed: Committed | None, s3: S3Client, bucket: str) -> bool:
    """Whether a later one of the day is committed. If so, what this copy left is removed, and only that."""
    if committed is None or committed.manifest.order <= mine.order:
        return False
    delete_all(mine.keys - committed.manifest.keys, s3, bucket)
    attempts.end([mine], s3, bucket)
    logger.warning(
        "Superseded: a later upload or snapshot of the day has been landed",
        extra={"export_task": mine.export_task_identifier, "committed": committed.manifest.export_task_identifier},
    )
    return True


def _commit(mine: Manifest, overtaken: list[Manifest], s3: S3Client, bucket: str) -> Manifest | None:
    """Commits the day; None where a later one won. The answer is what is committed, with what it made stale."""
    before = manifests.read(s3, bucket, mine.database, mine.run.import_date)
    if _superseded(mine, before, s3, bucket):
        return None
    # What was stale before stays listed, in case the earlier run died before it had deleted that.
    earlier = before.manifest.keys.union(before.manifest.stale) if before else set()
    stale = earlier.union(*(attempt.keys for attempt in overtaken)) - mine.keys
    mine = mine.model_copy(update={"stale": tuple(sorted(stale))})
    if before and before.manifest == mine:
        return mine
    if not manifests.commit(s3, bucket, mine, over=before):
        raise NotYet(f"another copy of {mine.run.import_date} committed at the same time", delay_seconds=0)
    logger.info("Committed", extra={"manifest": naming.manifest_key(mine.database, mine.run.import_date)})
    return mine


def _landing_zone_updated(command: CopyExport, landed: Manifest, bucket: str) -> LandingZoneUpdated:
    rows = [table.rows for table in landed.tables if table.rows is not None]
    objects = [found for table in landed.tables for found in table.objects]
    return LandingZoneUpdated(
        run=command.run,
        correlation_id=command.correlation_id,
        export_task_identifier=landed.export_task_identifier,
        landing_prefix=f"s3://{bucket}/{naming.landing_prefix(landed.database)}",
        manifest=f"s3://{bucket}/{naming.manifest_key(landed.database, landed.run.import_date)}",
        tables=len(landed.tables),
        objects=len(objects),
        bytes=sum(found.size for found in objects),
        rows=sum(rows) if len(rows) == len(landed.tables) else None,
        warnings=len(landed.warnings),
    )
