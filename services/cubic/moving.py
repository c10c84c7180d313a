"""A load that is done with goes from Incoming to the archive or the error bucket, and follows its snapshot there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from cubic import current_view, keys, raw_zone, work
from cubic.errors import FileLost, LoadRefused
from cubic.objects import GONE, head
from cubic.snapshots import SETTLES_AFTER
from cubic.store import configuration, moving, sweeping
from cubic.store.moving import Move, Outcome, Version
from ingestion import telemetry
from ingestion.aws_errors import error_code, explained
from ingestion.errors import CopyMismatch, NotYet, Transient
from ingestion.landing_zone.copying import DATA_ONLY, RESERVE_SECONDS, TRANSFER
from ingestion.s3_conditions import copying_only_if

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef, HeadObjectOutputTypeDef

    from cubic.alerts import Alerts
    from cubic.messages import MoveLoad
    from cubic.raw_zone import RawZone
    from cubic.store.database import Database
    from ingestion.consumer import SecondsLeft

logger = Logger(child=True)

LOAD, SOURCE_VERSION, SOURCE_MODIFIED = "load-id", "source-version", "source-last-modified"


@dataclass(frozen=True)
class Places:
    """Buckets."""

    incoming: str
    archive: str
    error: str
    springboard: str

    def of(self, outcome: Outcome) -> str:
        return self.archive if outcome is Outcome.ARCHIVE else self.error


@dataclass(frozen=True)
class Mover:
    """All that a move needs."""

    db: Database
    s3: S3Client
    places: Places
    zone: RawZone
    alerts: Alerts
    settles_after: timedelta = SETTLES_AFTER


def move_load(command: MoveLoad, by: Mover, now: datetime, seconds_left: SecondsLeft) -> None:
    """Copies the version, deletes it once the copy is there and known to be right, and last says that it is moved.

    Goes on where the load's snapshot has changed since it was ingested: its partition and its archived file follow.

    Safe to repeat from each step: the copy carries the load and the version that it is of, the key was reserved for it, and
    deleting a version twice deletes it once. People are told that a load was refused before its status says so.
    """
    while move := moving.begin(by.db, command.load):
        if seconds_left() < RESERVE_SECONDS:
            raise NotYet(f"load {move.load} still to be moved", delay_seconds=0)
        bucket = by.places.of(move.outcome)
        logger.info("Moving", extra={"load": move.load, "to": f"s3://{bucket}/{move.kept_key}", "refile": move.refile})
        if not (_refiled(move, by, bucket, seconds_left) if move.refile else _moved(move, by, bucket, command, now)):
            lost = FileLost(
                f"Load {move.load}: version {move.source.version} of s3://{by.places.incoming}/{move.source.key} is gone, "
                f"and its copy s3://{bucket}/{move.kept_key} is not there. Somebody has deleted it. Upload the file again."
            )
            by.alerts.tell_once(by.db, f"lost {move.load}", lost, command)
            return


def _moved(move: Move, by: Mover, bucket: str, command: MoveLoad, now: datetime) -> bool:
    """From Incoming; false where the file is lost."""
    version = _kept(by.s3, move, by.places.incoming, move.source, bucket)
    if version is None:
        return False
    moving.kept(by.db, move, version)
    for done in (move.source, *move.descriptions):
        _delete(by.s3, by.places.incoming, done)
    if move.outcome is Outcome.ERROR:
        telemetry.count("LoadsErrored")
        by.alerts.tell(
            LoadRefused(
                f"s3://{by.places.incoming}/{move.source.key} of {move.table} was refused: "
                f"{(move.reason or '').rstrip('.')}. "
                f"It is kept as s3://{bucket}/{move.kept_key}; put it into Incoming again, corrected, as a new load."
            ),
            command,
        )
    else:
        telemetry.count("LoadsArchived")
    if table := moving.ended(by.db, move, now, by.settles_after):
        config, snapshot = configuration.table(by.db, table).config, sweeping.current(by.db, table)
        current_view.refresh(by.zone.glue, by.zone.database, config, snapshot)
    return True


def _refiled(move: Move, by: Mover, bucket: str, seconds_left: SecondsLeft) -> bool:
    """From one snapshot to another; false where the archived file is lost."""
    assert move.kept is not None  # noqa: S101  it is archived
    file = keys.data_file(move.source.key)
    if move.raw_snapshot and move.snapshot and move.raw_snapshot != move.snapshot:
        # The old folder is looked at again, as that of a batch is: the sweep then deletes it.
        work.write_note(by.s3, by.places.springboard, move, file)
        raw_zone.refile(by.zone, file, move.load, move.s3_modified, move.raw_snapshot, move.snapshot, seconds_left)
    version = _kept(by.s3, move, bucket, move.kept, bucket)
    if version is None:
        return False
    if move.kept.key != move.kept_key:
        _delete(by.s3, bucket, move.kept)
    moving.refiled(by.db, move, version)
    return True


def _kept(s3: S3Client, move: Move, bucket: str, source: Version, to: str) -> str | None:
    """The version of the copy, which is made if it isn't there; None where neither it nor its source is.

    Raises CopyMismatch where the key that was reserved for it has another object.
    """
    there = head(s3, to, move.kept_key)
    if not _is_of(move, there):
        original = head(s3, bucket, source.key, source.version)
        if original:
            _copy(s3, move, bucket, source, original, to)
        there = head(s3, to, move.kept_key)
        if there is None and original:
            raise Transient(f"s3://{to}/{move.kept_key} is not there although it was copied. It is tried again.")
    if there is None:
        return None
    if not _is_of(move, there):
        raise CopyMismatch(
            f"s3://{to}/{move.kept_key} is not the copy of load {move.load} (s3://{bucket}/{source.key}, version "
            f"{source.version}): something else writes there. Take it away, then redrive the message."
        )
    return there.get("VersionId", "null")


def _copy(s3: S3Client, move: Move, bucket: str, source: Version, original: HeadObjectOutputTypeDef, to: str) -> None:
    """Never onto another object. If the same move, done twice at once, was faster, the next look at the copy shows it."""
    # With metadata of its own, a copy has nothing else of its source either.
    content: dict[str, Any] = {name: original[name] for name in ("ContentType", "ContentEncoding") if name in original}
    extra = {
        **DATA_ONLY,
        **content,
        "MetadataDirective": "REPLACE",
        "Metadata": {
            LOAD: str(move.load),
            SOURCE_VERSION: move.source.version,
            SOURCE_MODIFIED: move.s3_modified.isoformat(),
        },
    }
    where: CopySourceTypeDef = {"Bucket": bucket, "Key": source.key, "VersionId": source.version}
    with (
        explained(f"copying s3://{bucket}/{source.key} to s3://{to}/{move.kept_key}"),
        copying_only_if(s3, {"IfNoneMatch": "*"}),
    ):
        try:
            s3.copy(where, to, move.kept_key, ExtraArgs=extra, Config=TRANSFER)
        except ClientError as error:
            if error_code(error) not in GONE | {"PreconditionFailed"}:
                raise


def _is_of(move: Move, copy: HeadObjectOutputTypeDef | None) -> bool:
    """Whether it is the whole copy of this load's version."""
    if copy is None:
        return False
    marks = copy["Metadata"].get(LOAD), copy["Metadata"].get(SOURCE_VERSION)
    return marks == (str(move.load), move.source.version) and copy["ContentLength"] == move.s3_size


def _delete(s3: S3Client, bucket: str, it: Version) -> None:
    with explained(f"deleting s3://{bucket}/{it.key} {it.version}"):
        s3.delete_object(Bucket=bucket, Key=it.key, VersionId=it.version)
