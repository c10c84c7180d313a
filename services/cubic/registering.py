"""A version of an object of Incoming becomes a load, or the description of one, or is left where it is."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from pydantic_core import from_json

from cubic import doorbells, keys
from cubic.errors import BadDescription, UnknownFile
from cubic.keys import Description
from cubic.loads import Found, LoadStatus
from cubic.objects import head
from cubic.store import registering
from ingestion.aws_errors import explained

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_s3 import S3Client

    from cubic.alerts import Alerts
    from cubic.messages import RegisterLoad
    from cubic.store.database import Database
    from ingestion.messages import Command

logger = Logger(child=True)

DESCRIPTION_LIMIT = 4 * 1024**2  # bytes; ours: one of a thousand columns has a tenth of that


def register_load(
    command: RegisterLoad, db: Database, s3: S3Client, bucket: str, alerts: Alerts, now: datetime
) -> list[Command]:
    """Registers the version as S3 has it, and says what to do next. Safe to repeat: a version is registered once.

    A version that is gone needs nobody: it was moved, or somebody took it back. A file that is not ours, or of no
    configured table, stays where it is, and a person hears of it once.
    """
    key = command.s3_key
    file = keys.parse(key)
    if file is None:
        alerts.tell_once(db, *unknown(bucket, key), about=command)
        return []
    found = _found(command, s3, bucket)
    if found is None:
        logger.info("Gone before it was registered", extra={"key": key, "version": command.s3_version})
        return []
    if isinstance(file, Description):
        return _describe(file, found, command, db, s3, bucket, alerts)
    load = registering.register(db, found, now)
    if load is None:
        alerts.tell_once(db, *unconfigured(bucket, file.table_prefix), about=command)
        return []
    logger.info("Registered", extra={"load": load.load_id, "new": load.new, "status": load.status, "waiting": load.waiting})
    match load.status:
        case LoadStatus.READY if not load.waiting:
            return [doorbells.start(load.table, now)]
        case LoadStatus.READY_FOR_ERRORING:
            return [doorbells.move(load.load_id, now)]
    return []


def unknown(bucket: str, key: str) -> tuple[str, UnknownFile]:
    """The alert of a name that is none of ours, and its subject.

    Names that differ in their numbers only are one subject, lest a thousand files of a new kind be a thousand alerts.
    """
    return "unknown " + re.sub("[0-9]+", "0", key), UnknownFile(
        f"s3://{bucket}/{key} has a name that no file of Cubic has. It stays untouched. Take it away, or rename it: a copy "
        "with another key is registered by itself. Names that differ from it in their numbers only are not told again."
    )


def unconfigured(bucket: str, table_prefix: str) -> tuple[str, UnknownFile]:
    """The alert of a table that is not configured, and its subject."""
    return "unconfigured " + table_prefix, UnknownFile(
        f"There are files under s3://{bucket}/{table_prefix}, which no table is configured for. They stay untouched. "
        "Configure it: they are taken with the next sweep."
    )


def _found(command: RegisterLoad, s3: S3Client, bucket: str) -> Found | None:
    """The version by S3's own word: an event's time is that of the event."""
    answer = head(s3, bucket, command.s3_key, command.s3_version)
    if answer is None:
        return None
    return Found(
        command.s3_key, command.s3_version, answer["LastModified"], answer["ContentLength"], answer["ETag"].strip('"')
    )


def _describe(
    file: Description, found: Found, command: RegisterLoad, db: Database, s3: S3Client, bucket: str, alerts: Alerts
) -> list[Command]:
    key = found.s3_key
    try:
        document = _document(found, s3, bucket)
    except ValueError as error:
        bad = BadDescription(
            f"s3://{bucket}/{key} (version {found.s3_version}) is not the JSON of a description: {error}. It stays "
            "untouched, and its file is read without it, by its header. Upload it again, corrected, or delete it."
        )
        alerts.tell_once(db, f"description {key} {found.s3_version}", bad, about=command)
        return []
    if not registering.describe(db, found, document):
        alerts.tell_once(db, *unconfigured(bucket, file.table_prefix), about=command)
    return []


def _document(found: Found, s3: S3Client, bucket: str) -> dict[str, Any]:
    """Raises ValueError where it is no JSON object, or one that PostgreSQL can't hold."""
    if found.s3_size > DESCRIPTION_LIMIT:
        raise ValueError(f"it has {found.s3_size} bytes, more than {DESCRIPTION_LIMIT}")
    with explained(f"reading s3://{bucket}/{found.s3_key} {found.s3_version}"):
        body = s3.get_object(Bucket=bucket, Key=found.s3_key, VersionId=found.s3_version)["Body"].read()
    document = from_json(body.decode("utf-8-sig"), allow_inf_nan=False)
    if not isinstance(document, dict):
        raise ValueError("it is JSON, but not an object")
    # https://www.postgresql.org/docs/current/datatype-json.html
    if "\\u0000" in json.dumps(document, ensure_ascii=False).encode().decode():
        raise ValueError("it has a text with the character U+0000")
    return document
