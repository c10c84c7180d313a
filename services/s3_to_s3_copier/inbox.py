"""Turns each thing that arrives on the queue s3-to-s3-copier into a CopyExport."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from ingestion import inbox
from ingestion.errors import BadName, NotFound
from ingestion.inbox import Notice
from liberator import naming, rds_events, snapshots
from liberator.messages import CopyExport
from liberator.rds_events import RdsEvent, SourceType

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient

logger = Logger(child=True)


def to_command(body: str, rds: RDSClient, instance: str) -> CopyExport | None:
    """The command that a message body asks for; None where there is nothing to do. Raises UnreadableMessage, BadName.

    The event of an export names its snapshot, which has the export task's name; the run is in the snapshot's tags.
    """
    match inbox.read(body, CopyExport, rds_events.event_in):
        case CopyExport() as command:
            # The message says as which day it lands. The tags of its snapshot would be the better word, but a redrive may
            # find the snapshot gone. Its name, which is the export's too, has the day in it and can't go.
            if not naming.is_named_for(command.export_task_identifier, command.run):
                raise BadName(
                    f"Export {command.export_task_identifier} is named for a different day than the message says "
                    f"({command.run.import_date}, backdated: {str(command.run.backdated).lower()}). "
                    "Correct it and send it again."
                )
            return command
        case Notice(text=text):
            logger.info("Ignored a notice from SNS", extra={"text": text})
        case RdsEvent(source_type=SourceType.SNAPSHOT, source_identifier=identifier) if naming.is_snapshot_identifier(
            identifier
        ):
            try:
                snapshot = snapshots.find(rds, identifier, instance)
            except NotFound:
                if not snapshots.was_exported(rds, identifier):
                    raise
                # the CopyExport of whoever started the export knows the run: the tags are gone
                logger.info("Ignored the event of an export whose snapshot is gone", extra={"snapshot": identifier})
                return None
            if snapshot:
                return CopyExport(
                    run=snapshot.run, correlation_id=snapshot.correlation_id, export_task_identifier=identifier
                )
            logger.info("Ignored the event of a snapshot that is not ours", extra={"snapshot": identifier})
        case RdsEvent() as event:
            logger.info("Ignored an event of no export of ours", extra={"event": event.model_dump()})
    return None
