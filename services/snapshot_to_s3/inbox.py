"""Turns each thing that arrives on the queue rds-snapshot-to-s3 into an ExportSnapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from ingestion import inbox
from ingestion.errors import NotFound
from ingestion.inbox import Notice
from liberator import naming, rds_events, snapshots
from liberator.messages import ExportSnapshot
from liberator.rds_events import RdsEvent, RdsEventId, SourceType

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient

    from liberator.snapshots import Snapshot

logger = Logger(child=True)


def to_command(body: str, rds: RDSClient, instance: str) -> ExportSnapshot | None:
    """The command that a message body asks for; None where there is nothing to do. Raises UnreadableMessage.

    RDS events carry no date: the snapshot's tags do.
    """
    match inbox.read(body, ExportSnapshot, rds_events.event_in):
        case ExportSnapshot() as command:
            return command
        case Notice(text=text):
            logger.info("Ignored a notice from SNS", extra={"text": text})
        case RdsEvent(event_id=RdsEventId.SNAPSHOT_DELETED, source_identifier=identifier):
            logger.info("Ignored the deletion of a snapshot", extra={"snapshot": identifier})
        case RdsEvent() as event:
            snapshot = _snapshot_of(event, rds, instance)
            if snapshot:
                return ExportSnapshot(
                    run=snapshot.run, correlation_id=snapshot.correlation_id, snapshot_identifier=snapshot.identifier
                )
            logger.info("Ignored event: not one of our snapshots, or already deleted", extra={"event": event.model_dump()})
    return None


def _snapshot_of(event: RdsEvent, rds: RDSClient, instance: str) -> Snapshot | None:
    """The snapshot that the event names, or an instance's latest; None where it is not ours, or was exported and is gone."""
    if event.source_type != SourceType.SNAPSHOT:
        found = snapshots.ours(rds, instance) if event.source_identifier == instance else []
        return found[-1] if found else None
    try:
        return snapshots.find(rds, event.source_identifier, instance)
    except NotFound:
        # Gone, so its tags are too. By its name it may have been ours: then a person must hear of it.
        identifier = event.source_identifier
        if naming.is_snapshot_identifier(identifier) and not snapshots.was_exported(rds, identifier):
            raise
        return None
