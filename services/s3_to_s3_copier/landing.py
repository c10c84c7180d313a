"""Carries one finished export into the landing zone, announces its day, and starts the day's workflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from ingestion import partition, telemetry
from ingestion.landing_zone import manifest
from ingestion.landing_zone.commit import land
from ingestion.landing_zone.zone import LandingZone
from liberator import naming
from liberator.errors import ExportUnusable
from liberator.manifest import ExportManifest
from liberator.messages import CopyExport, LandingZoneUpdated
from s3_to_s3_copier import workflow
from s3_to_s3_copier.finished_export import finished_export, order_of_unusable
from s3_to_s3_copier.plan import planned

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from mypy_boto3_glue import GlueClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client

    from ingestion.consumer import SecondsLeft

logger = Logger(child=True)


@dataclass(frozen=True)
class Aws:
    """The clients that the copier works with, and threads for many requests at once."""

    rds: RDSClient
    s3: S3Client
    glue: GlueClient
    threads: Callable[[], Executor]


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
    changes nothing, landing says of itself why. A workflow run says that the day was announced before it; without one it is
    announced, perhaps again.
    """
    zone = LandingZone(aws.s3, places.landing_bucket, aws.threads, ExportManifest)
    try:
        export = finished_export(command, aws.rds, aws.s3, places.export_bucket, places.database)
    except ExportUnusable as unusable:
        if _has_landed_since(command, aws, places.database, zone):
            logger.warning("Superseded: the day has been landed from a later load", extra={"reason": str(unusable)})
            return
        telemetry.count("ExportsFailed")
        raise
    mine, plan = planned(command, export, places.export_bucket)
    landed = land(mine, plan, zone, seconds_left)
    if landed is None:
        return
    name = places.backdated_workflow if command.run.backdated else places.daily_workflow
    if workflow.has_run(aws.glue, name, command.export_task_identifier):
        return
    event = _landing_zone_updated(command, landed, places.landing_bucket)
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


def _has_landed_since(command: CopyExport, aws: Aws, database: str, zone: LandingZone[ExportManifest]) -> bool:
    """Whether the day is committed from a later upload than the export's, or from a later snapshot of the same upload."""
    committed = manifest.read(
        manifest.key_of(naming.landing_prefix(database), partition.name(command.run.import_date)), zone
    )
    if committed is None:
        return False
    order = order_of_unusable(command, aws.rds, aws.s3)
    return order is not None and committed.manifest.order > order


def _landing_zone_updated(command: CopyExport, landed: ExportManifest, bucket: str) -> LandingZoneUpdated:
    rows = [table.rows for table in landed.tables if table.rows is not None]
    objects = [found for table in landed.tables for found in table.objects]
    return LandingZoneUpdated(
        run=command.run,
        correlation_id=command.correlation_id,
        export_task_identifier=landed.export_task_identifier,
        landing_prefix=f"s3://{bucket}/{landed.prefix}",
        manifest=f"s3://{bucket}/{landed.key}",
        tables=len(landed.tables),
        objects=len(objects),
        bytes=sum(found.size for found in objects),
        rows=sum(rows) if len(rows) == len(landed.tables) else None,
        warnings=len(landed.warnings),
    )
