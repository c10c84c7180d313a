"""Snapshots of ours: of our instance, with our tags. Any other is not ours and is never touched."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from ingestion.aws_errors import explained
from ingestion.errors import NotFound
from ingestion.messages import Frozen, Run

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import DBSnapshotTypeDef, TagTypeDef

logger = Logger(child=True)


class SnapshotStatus(StrEnum):
    """https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBSnapshot.html (free text; those we act on)."""

    CREATING = "creating"
    AVAILABLE = "available"
    DELETING = "deleting"
    FAILED = "failed"


class Snapshot(Frozen):
    """A snapshot that our loader took. `created_at` is null while RDS has not begun it; `status` is RDS's own word."""

    identifier: str
    arn: str
    status: str
    created_at: datetime | None
    run: Run
    correlation_id: str


def tags_of(run: Run, *, correlation_id: str, row_counts_uri: str) -> list[TagTypeDef]:
    """The tags that make a snapshot ours. RDS allows letters, digits, space and `_.:/=+-@` in a value."""
    return [
        {"Key": "import-date", "Value": run.import_date.isoformat()},
        {"Key": "backdated", "Value": str(run.backdated).lower()},
        {"Key": "dump-uri", "Value": run.origin or ""},
        {"Key": "row-counts-uri", "Value": row_counts_uri},
        {"Key": "correlation-id", "Value": correlation_id},
    ]


OUR_TAGS = {"import-date", "backdated", "dump-uri", "row-counts-uri"}


def from_description(described: DBSnapshotTypeDef, instance: str) -> Snapshot | None:
    """Read one snapshot of DescribeDBSnapshots; None where it is not ours, or its tags were changed by others."""
    if described["DBInstanceIdentifier"] != instance or described.get("SnapshotType") != "manual":
        return None
    tags = {tag["Key"]: tag["Value"] for tag in described.get("TagList", [])}
    if not tags.keys() >= OUR_TAGS:
        return None
    try:
        run = Run(
            import_date=date.fromisoformat(tags["import-date"]),
            backdated=tags["backdated"] == "true",
            origin=tags["dump-uri"] or None,
        )
    except ValueError as error:
        unreadable = {"snapshot": described["DBSnapshotIdentifier"], "reason": str(error)}
        logger.warning("Ignored a snapshot whose tags are not as we write them", extra=unreadable)
        return None
    return Snapshot(
        identifier=described["DBSnapshotIdentifier"],
        arn=described["DBSnapshotArn"],
        status=described["Status"],
        created_at=described.get("SnapshotCreateTime"),
        run=run,
        correlation_id=tags.get("correlation-id") or tags["dump-uri"] or described["DBSnapshotIdentifier"],
    )


def find(rds: RDSClient, identifier: str, instance: str) -> Snapshot | None:
    """The snapshot of that name; None where it is not ours. Raises NotFound where there is none."""
    with explained(f"describing snapshot {identifier}"):
        found = rds.describe_db_snapshots(DBSnapshotIdentifier=identifier)["DBSnapshots"]
    if not found:
        raise NotFound(f"There is no snapshot {identifier}. Check the name, or load the dump again.")
    return from_description(found[0], instance)


def was_exported(rds: RDSClient, identifier: str) -> bool:
    """Whether there is an export of the snapshot. Then its copy has been asked for, or is by whoever repeats that message.

    The next load removes a snapshot as soon as its export has ended: late messages of it find it gone, and nothing is lost.
    """
    try:
        with explained(f"describing export task {identifier}"):
            tasks = rds.describe_export_tasks(ExportTaskIdentifier=identifier)["ExportTasks"]
    except NotFound:
        return False
    return any(task["SourceArn"].endswith(f":snapshot:{identifier}") for task in tasks)


def ours(rds: RDSClient, instance: str) -> list[Snapshot]:
    """All our snapshots of an instance, oldest first."""
    with explained(f"listing the snapshots of instance {instance}"):
        pages = list(
            rds.get_paginator("describe_db_snapshots").paginate(DBInstanceIdentifier=instance, SnapshotType="manual")
        )
    return sorted((s for page in pages for d in page["DBSnapshots"] if (s := from_description(d, instance))), key=age_order)


def age_order(snapshot: Snapshot) -> tuple[datetime, str]:
    """Sorts the oldest first; one that RDS has not begun yet counts as the newest."""
    return (snapshot.created_at or datetime.max.replace(tzinfo=UTC), snapshot.identifier)
