"""Starts the export of a snapshot that is available."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from ingestion import telemetry
from ingestion.aws_errors import error_code, explained
from ingestion.errors import NotFound, NotYet
from liberator import snapshots
from liberator.errors import ExportUnusable, SnapshotUnusable
from liberator.messages import CopyExport, ExportSnapshot
from liberator.snapshots import SnapshotStatus

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient

    from liberator.snapshots import Snapshot

logger = Logger(child=True)


@dataclass(frozen=True)
class ExportTarget:
    """The instance and its database that RDS exports, the bucket that takes it, and the role and key that RDS uses."""

    instance: str
    bucket: str
    role_arn: str
    kms_key_arn: str
    database: str


def export_snapshot(command: ExportSnapshot, rds: RDSClient, target: ExportTarget) -> CopyExport:
    """Starts the export and says what to do next.

    Raises NotYet while the snapshot is being created or five exports are running, NotFound and SnapshotUnusable where
    it will never be exported. Safe to repeat: the export task has the snapshot's name, so there is at most one.
    """
    try:
        snapshot = snapshots.find(rds, command.snapshot_identifier, target.instance)
    except NotFound:
        if not snapshots.was_exported(rds, command.snapshot_identifier):
            raise
        # perhaps by an earlier try of this very message, which ended before it asked for the copy
        return CopyExport(
            run=command.run, correlation_id=command.correlation_id, export_task_identifier=command.snapshot_identifier
        )
    if snapshot is None:
        # Others' events are ignored before this. A command names one that must be ours, so a person has to hear.
        raise SnapshotUnusable(
            f"Snapshot {command.snapshot_identifier} is not of {target.instance} or shows no tags of ours, so it is not "
            "exported. Check its tags and the right rds:ListTagsForResource, then redrive."
        )
    match snapshot.status:
        case SnapshotStatus.AVAILABLE:
            _start(snapshot, rds, target)
        case SnapshotStatus.FAILED | SnapshotStatus.DELETING:
            raise SnapshotUnusable(
                f"Snapshot {snapshot.identifier} is {snapshot.status}: there is nothing to export. Look at the "
                f"instance's RDS events, then load {snapshot.run.origin} again."
            )
        case status:
            raise NotYet(f"snapshot {snapshot.identifier} is {status}")
    # The tags, not the message, are the truth about the run: a message may have been written by hand.
    return CopyExport(run=snapshot.run, correlation_id=snapshot.correlation_id, export_task_identifier=snapshot.identifier)


def _start(snapshot: Snapshot, rds: RDSClient, target: ExportTarget) -> None:
    with explained(f"starting export task {snapshot.identifier} to s3://{target.bucket}"):
        try:
            rds.start_export_task(
                ExportTaskIdentifier=snapshot.identifier,
                SourceArn=snapshot.arn,
                S3BucketName=target.bucket,
                IamRoleArn=target.role_arn,
                KmsKeyId=target.kms_key_arn,
                ExportOnly=[target.database],
            )
        except ClientError as error:
            match error_code(error):
                case "ExportTaskAlreadyExists" | "ExportTaskAlreadyExistsFault":
                    _adopt(snapshot, rds)
                case "InvalidExportSourceState" | "InvalidExportSourceStateFault":
                    raise NotYet(f"snapshot {snapshot.identifier} cannot be exported yet") from error
                case "InvalidS3BucketFault" | "InvalidExportOnly" | "InvalidExportOnlyFault" | "InvalidParameterValue":
                    raise ExportUnusable(
                        f"RDS refuses to export {snapshot.identifier} to s3://{target.bucket}: {error}. "
                        "Correct the function's settings, then redrive the message."
                    ) from error
                case _:
                    raise
        else:
            telemetry.count("ExportsStarted")
            logger.info("Export task started", extra={"export_task": snapshot.identifier})


def _adopt(snapshot: Snapshot, rds: RDSClient) -> None:
    """An earlier try has started the task, or an earlier copy of the message. Goes on with it if it is of this snapshot."""
    [task] = rds.describe_export_tasks(ExportTaskIdentifier=snapshot.identifier)["ExportTasks"]
    if task["SourceArn"] != snapshot.arn:
        raise ExportUnusable(
            f"Export task {snapshot.identifier} exists but exports {task['SourceArn']}, not {snapshot.arn}. "
            "Load the dump again: the new snapshot gets a name of its own."
        )
    logger.info("Export task adopted", extra={"export_task": snapshot.identifier, "status": task["Status"]})
