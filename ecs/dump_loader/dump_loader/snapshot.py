"""Take the snapshot that the export starts from, and remove earlier ones of ours that nobody needs any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ingestion.aws_errors import error_code, explained
from ingestion.errors import Terminal
from liberator import exports, snapshots
from liberator.errors import SnapshotUnusable
from liberator.instances import LOST, SNAPSHOT_CAN_BE_TAKEN
from liberator.naming import row_counts_uri, snapshot_identifier
from liberator.snapshots import SnapshotStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from aws_lambda_powertools import Logger
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import ExportTaskTypeDef, TagTypeDef

    from dump_loader.dumps import Dump
    from ingestion.clock import Clock
    from liberator.snapshots import Snapshot

# Writes the row counts for (snapshot identifier, URI); False if there are some already: the name is another load's.
WriteRowCounts = Callable[[str, str], bool]
LOAD_ID = "load-id"
_LOOKS_AT_TAGS = 5  # RDS doesn't say how soon a new snapshot shows its tags, and the load that hangs on them took hours
_STATE_ERRORS = ("InvalidDBInstanceState", "InvalidDBInstanceStateFault")
_BUSY = "See in RDS what the instance is doing; then load the dump again."
_GOES_ON = (
    "It goes on without this task, and is exported when it is available (within MaxWaitHours): don't load the dump again "
    "unless RDS says that it failed, and no other one before it is available."
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The seconds between two questions to RDS, and the longest wait for an answer."""

    clock: Clock
    timeout: timedelta
    every: float = 5.0

    def deadline(self) -> float:
        return self.clock.monotonic() + self.timeout.total_seconds()

    def sleep_or_give_up(self, deadline: float, waiting_for: str, *, then: str) -> None:
        """Sleep before RDS is asked again. Raises Terminal when the time is over; `then` tells a person what to do."""
        if self.clock.monotonic() >= deadline:
            raise Terminal(f"Still waiting after {self.timeout} (SNAPSHOT_TIMEOUT_MINUTES) for {waiting_for}. {then}")
        self.clock.sleep(self.every)


def await_none_creating(rds: RDSClient, instance: str, *, waiting: Waiting, logger: Logger) -> None:
    """Wait while any of our snapshots is still being created. Raises Terminal when the time is over.

    If a load dies, RDS still finishes its snapshot, but the lock is released.
    """
    deadline = waiting.deadline()
    while creating := [s.identifier for s in snapshots.ours(rds, instance) if s.status == SnapshotStatus.CREATING]:
        logger.info("Waiting for the snapshot of an earlier load", snapshot=creating[0])
        waiting.sleep_or_give_up(deadline, f"snapshot {creating[0]} of an earlier load", then=_BUSY)


def take(
    rds: RDSClient,
    instance: str,
    dump: Dump,
    *,
    load_id: str,
    write_row_counts: WriteRowCounts,
    refuse_lost: Callable[[], None],
    waiting: Waiting,
    logger: Logger,
) -> str:
    """Create the snapshot, and return its identifier.

    `refuse_lost` raises where the database's lock is lost. It is called at the last moment: another load may have begun
    while the instance was waited for.

    Safe to repeat: the snapshot has `load_id`, of this load alone, as a tag. botocore repeats a call by itself, even one
    that took effect: the tag tells that the snapshot of this name is our own. Any other one of that name is left alone.
    """
    deadline = waiting.deadline()
    for loaded_at in _seconds_from(waiting.clock.now()):
        identifier = snapshot_identifier(dump.run, loaded_at)
        counts = row_counts_uri(dump.uri, identifier)
        if not write_row_counts(identifier, counts):
            continue
        tags = snapshots.tags_of(dump.run, correlation_id=dump.correlation_id, row_counts_uri=counts)
        while True:
            _await_instance(rds, instance, deadline, waiting, logger)
            refuse_lost()
            try:
                created = _create(rds, instance, identifier, [*tags, {"Key": LOAD_ID, "Value": load_id}])
            except ClientError as error:
                if error_code(error) not in _STATE_ERRORS:
                    raise
                # the instance's state has changed since we looked: a backup window, a modification
                waiting.sleep_or_give_up(
                    deadline, f"instance {instance} to take a snapshot ({error_code(error)})", then=_BUSY
                )
            else:
                break
        if _load_id(rds, identifier, waiting) == load_id:
            return identifier
        if created:
            # whoever exports it would not know it as ours either, nor would another name be any better
            raise Terminal(
                f"Snapshot {identifier} was created, but its tag {LOAD_ID} can't be read back. Let the task's role do "
                "rds:ListTagsForResource, delete the snapshot, then load the dump again."
            )
    raise AssertionError("there is always a later second")


def _seconds_from(start: datetime) -> Iterator[datetime]:
    """Yield times to name a snapshot by. A name has no date of the load: another day's load may have the same."""
    return (start + timedelta(seconds=s) for s in count())


def _create(rds: RDSClient, instance: str, identifier: str, tags: Sequence[TagTypeDef]) -> bool:
    """Create the snapshot. False if there is one of that name: the caller sees whose it is."""
    with explained(f"creating snapshot {identifier} of instance {instance}"):
        try:
            rds.create_db_snapshot(DBSnapshotIdentifier=identifier, DBInstanceIdentifier=instance, Tags=tags)
        except ClientError as error:
            if error_code(error) != "DBSnapshotAlreadyExists":
                raise
            return False
    return True


def _load_id(rds: RDSClient, identifier: str, waiting: Waiting) -> str | None:
    """Return the id of the load that took the snapshot; None if RDS does not show it in any look."""
    for look in range(_LOOKS_AT_TAGS):
        if look:
            waiting.clock.sleep(waiting.every)
        with explained(f"describing snapshot {identifier}"):
            (described,) = rds.describe_db_snapshots(DBSnapshotIdentifier=identifier)["DBSnapshots"]
        for tag in described.get("TagList", []):
            if tag["Key"] == LOAD_ID:
                return tag["Value"]
    return None


def _await_instance(rds: RDSClient, instance: str, deadline: float, waiting: Waiting, logger: Logger) -> None:
    """Wait until a snapshot of the instance can be taken. Raises Terminal where it never can, or the time is over."""
    while True:
        with explained(f"describing instance {instance}"):
            status = rds.describe_db_instances(DBInstanceIdentifier=instance)["DBInstances"][0]["DBInstanceStatus"]
        if status in SNAPSHOT_CAN_BE_TAKEN:
            return
        if status in LOST:
            raise Terminal(
                f"Instance {instance} is {status}, so no snapshot can be taken. Repair it, then load the dump again."
            )
        logger.info("Waiting for the instance", instance=instance, status=status)
        waiting.sleep_or_give_up(deadline, f"instance {instance} to be available (it is {status})", then=_BUSY)


def await_end(rds: RDSClient, identifier: str, *, waiting: Waiting, every: float, logger: Logger) -> None:
    """Wait until the snapshot is available. Raises SnapshotUnusable if it will never be."""
    deadline, spoken = waiting.deadline(), waiting.clock.monotonic()
    while True:
        with explained(f"describing snapshot {identifier}"):
            described = rds.describe_db_snapshots(DBSnapshotIdentifier=identifier)["DBSnapshots"][0]
        status = described["Status"]
        if status == SnapshotStatus.AVAILABLE:
            return
        if status != SnapshotStatus.CREATING:
            raise SnapshotUnusable(
                f"Snapshot {identifier} is {status} instead of available. See RDS's events; then load the dump again."
            )
        if waiting.clock.monotonic() - spoken >= every:
            spoken = waiting.clock.monotonic()
            logger.info("Waiting for the snapshot", snapshot=identifier, percent=described.get("PercentProgress"))
        waiting.sleep_or_give_up(deadline, f"snapshot {identifier} to be available", then=_GOES_ON)


def delete_earlier(rds: RDSClient, instance: str, keep: str, *, max_wait: timedelta, clock: Clock, logger: Logger) -> None:
    """Delete our snapshots from before `keep` whose export has ended, or was never begun while it could have been.

    A snapshot that is being exported is kept, for the export would fail. So is a young one without an export task: its
    message may still be on its way (five exports already running, a function throttled), for at most `max_wait`. Failures
    are logged and left for the next load: this one is complete.
    """
    try:
        everything = snapshots.ours(rds, instance)
        kept = next((s for s in everything if s.identifier == keep), None)
        for snapshot in everything:
            if snapshot.identifier == keep or kept is None or not _older(snapshot, kept):
                continue
            if reason := _still_needed(rds, snapshot, max_wait, clock):
                logger.info("Keeping an earlier snapshot", snapshot=snapshot.identifier, reason=reason)
                continue
            with explained(f"deleting snapshot {snapshot.identifier}"):
                rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot.identifier)
            logger.info("Deleted an earlier snapshot", snapshot=snapshot.identifier)
    except Exception as error:  # noqa: BLE001  the load is complete: cleaning up must not make it fail
        logger.warning("Earlier snapshots were not all deleted", reason=f"{type(error).__name__}: {error}")


def _older(snapshot: Snapshot, kept: Snapshot) -> bool:
    if snapshot.created_at is None or kept.created_at is None:
        return False
    return snapshot.created_at < kept.created_at


def _still_needed(rds: RDSClient, snapshot: Snapshot, max_wait: timedelta, clock: Clock) -> str:
    """Return why the snapshot has to stay, or nothing."""
    if snapshot.status not in (SnapshotStatus.AVAILABLE, SnapshotStatus.FAILED):
        return f"it is {snapshot.status}"
    statuses = {task.get("Status", "").upper() for task in _exports(rds, snapshot)}
    if going_on := statuses - exports.ENDED:
        return f"its export is {', '.join(sorted(going_on))}"
    if not statuses and snapshot.created_at and clock.now() - snapshot.created_at < max_wait:
        return "its export has not been started yet"
    return ""


def _exports(rds: RDSClient, snapshot: Snapshot) -> list[ExportTaskTypeDef]:
    with explained(f"listing the export tasks of snapshot {snapshot.identifier}"):
        pages = list(rds.get_paginator("describe_export_tasks").paginate(SourceArn=snapshot.arn))
    # asked for by SourceArn, and compared again: deleting the wrong one could not be undone
    return [task for page in pages for task in page["ExportTasks"] if task.get("SourceArn") == snapshot.arn]
