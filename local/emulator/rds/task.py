"""An export task, and what StartExportTask refuses before there is one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.rds.exceptions import RDSClientError

from liberator.exports import ENDED, ExportStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

MAX_IDENTIFIER = 60
MAX_EXPORT_ONLY_BYTES = 200 * 1024
_IDENTIFIER = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9])*")
_IN_PART = re.compile(r"[A-Za-z0-9$_]+")


@dataclass
class ExportTask:
    """What StartExportTask was asked for, and how far it has come."""

    identifier: str
    source_arn: str
    s3_bucket: str
    s3_prefix: str
    iam_role_arn: str
    kms_key_id: str
    export_only: tuple[str, ...]
    snapshot_time: datetime
    status: ExportStatus = ExportStatus.STARTING
    percent: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exported_bytes: int = 0
    failure_cause: str | None = None
    warning_message: str | None = None

    @property
    def active(self) -> bool:
        return self.status not in ENDED

    def described(self) -> dict[str, Any]:
        """The `ExportTask` of the API; AWS leaves out what is not known yet."""
        shape = {
            "ExportTaskIdentifier": self.identifier,
            "SourceArn": self.source_arn,
            "SourceType": "SNAPSHOT",
            "ExportOnly": list(self.export_only) or None,
            "SnapshotTime": self.snapshot_time,
            "TaskStartTime": self.started_at,
            "TaskEndTime": self.ended_at,
            "S3Bucket": self.s3_bucket,
            "S3Prefix": self.s3_prefix,
            "IamRoleArn": self.iam_role_arn,
            "KmsKeyId": self.kms_key_id,
            "Status": self.status.value,
            "PercentProgress": self.percent,
            "TotalExtractedDataInGB": self.exported_bytes // 1024**3,
            "FailureCause": self.failure_cause,
            "WarningMessage": self.warning_message,
        }
        return {name: value for name, value in shape.items() if value is not None}


def check_identifier(identifier: str) -> None:
    """Raises InvalidParameterValue."""
    if len(identifier) > MAX_IDENTIFIER or not _IDENTIFIER.fullmatch(identifier):
        raise RDSClientError(
            "InvalidParameterValue",
            f"The parameter ExportTaskIdentifier is not a valid identifier: {identifier}. Identifiers must begin with a "
            "letter; must contain only ASCII letters, digits, and hyphens; must not end with a hyphen or contain two "
            f"consecutive hyphens; and have at most {MAX_IDENTIFIER} characters.",
        )


def not_in_part(names: Iterable[str]) -> list[str]:
    """Those of the databases and tables that RDS exports with the whole snapshot only.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html, "Limitations": latin letters, digits,
    dollar and underscore are what a name may have.
    """
    return [name for name in names if not _IN_PART.fullmatch(name)]


def check_export_only(export_only: Sequence[str], databases: set[str], tables: set[str]) -> None:
    """Raises InvalidExportOnly for more than 200 KB of it, and for a database or table that the snapshot doesn't hold.

    It does so too for a name that is not exported in part.
    """
    unknown = [name for name in export_only if name not in databases | tables or not_in_part(name.split(".", 1))]
    if unknown or sum(len(name.encode()) for name in export_only) > MAX_EXPORT_ONLY_BYTES:
        raise RDSClientError(
            "InvalidExportOnly", f"The export is invalid: {', '.join(unknown)[:200] or 'ExportOnly is larger than 200 KB'}."
        )
