"""The states of a database instance, as RDS calls them."""

from enum import StrEnum


class InstanceStatus(StrEnum):
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html (those we act on)."""

    AVAILABLE = "available"
    BACKING_UP = "backing-up"
    DELETING = "deleting"
    FAILED = "failed"
    INCOMPATIBLE_PARAMETERS = "incompatible-parameters"
    INCOMPATIBLE_RESTORE = "incompatible-restore"
    MODIFYING = "modifying"
    STOPPED = "stopped"
    STORAGE_FULL = "storage-full"
    STORAGE_OPTIMIZATION = "storage-optimization"


# Storage that has grown by itself is optimised for hours, in which the instance can be used and snapshots be taken.
# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html
# https://repost.aws/knowledge-center/rds-stuck-in-storage-optimization
SNAPSHOT_CAN_BE_TAKEN = frozenset({InstanceStatus.AVAILABLE, InstanceStatus.STORAGE_OPTIMIZATION})
# No snapshot can be taken until a person has repaired it.
LOST = frozenset(
    {
        InstanceStatus.DELETING, InstanceStatus.FAILED, InstanceStatus.INCOMPATIBLE_PARAMETERS,
        InstanceStatus.INCOMPATIBLE_RESTORE, InstanceStatus.STOPPED, InstanceStatus.STORAGE_FULL,
    }
)  # fmt: skip
