"""The states of an RDS export task."""

from enum import StrEnum


class ExportStatus(StrEnum):
    """https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ExportTask.html"""

    STARTING = "STARTING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETE = "COMPLETE"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"
    FAILED = "FAILED"


ENDED = frozenset({ExportStatus.COMPLETE, ExportStatus.CANCELED, ExportStatus.FAILED})
