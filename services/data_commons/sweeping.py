"""Finds what publishers and tasks that died have left of a table, and deletes or mends it. The manifest is the truth."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from aws_lambda_powertools import Logger

from data_commons import catalog
from data_commons.errors import AttemptAbandoned
from data_commons.manifest import schema_prefix
from data_commons.messages import SweepTable
from data_commons.sql import Name
from ingestion.aws_errors import explained
from ingestion.landing_zone import attempts, manifest
from ingestion.landing_zone.copying import delete_all, sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from data_commons.manifest import TableManifest
    from data_commons.publishing import Commons
    from data_commons.spec import Catalog
    from ingestion.errors import Terminal

logger = Logger(child=True)

STAGING = timedelta(days=3)  # no task takes so long
# A message that ended waits on its dead-letter queue for 14 days at most, and may be redriven until then.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
REDRIVEN = timedelta(days=15)
_MANIFESTS = re.compile(r"_manifests/trino/([^/]+)/(?:([^/]+)\.json|attempts/([^/]+)/[^/]+\.json)")


def to_sweep(of: Catalog, at: Commons) -> list[SweepTable]:
    """List the tables that there is a manifest of, or an attempt at one."""
    found = filter(None, map(_MANIFESTS.fullmatch, sizes(["_manifests/trino/"], at.zone)))
    return [
        SweepTable(catalog=of, schema_name=schema, table=table)
        for schema, table in sorted({(it[1], it[2] or it[3]) for it in found})
    ]


def sweep_table(command: SweepTable, at: Commons, now: datetime, tell: Callable[[Terminal], None]) -> None:
    """Mend a table, end the attempts that can't win any more, and delete what nothing names.

    Raises NotYet while Trino is down, and what `agree` raises. Safe to repeat, and while publishers and tasks are at work:
    an attempt is recorded before its object is there, and a manifest committed before its attempt ends, so that what is
    listed first and named by neither later was left behind.
    """
    folder = f"{schema_prefix(command.schema_name)}{command.table}/"
    there = sizes([folder], at.zone)
    names = at.tables.names(command.schema_name)
    attempted = _end_attempts(command, at, now, tell)
    if at.committed(command.schema_name, command.table) is None:
        return
    shown = at.agree(command.schema_name, command.table)
    _drop_tables(names, shown, attempted, at)
    unnamed = [key for key in there if (uuid := _version_of(key, folder)) and uuid not in shown.uuids | attempted]
    if unnamed:
        used = [location for name in at.tables.names(command.schema_name) if (location := _folder(name, command, at))]
        unnamed = [key for key in unnamed if not any(key.startswith(location) for location in used)]
        logger.info("Deletes what nothing names", extra={"bucket": at.zone.bucket, "keys": unnamed})
        delete_all(unnamed, at.zone)


def _end_attempts(command: SweepTable, at: Commons, now: datetime, tell: Callable[[Terminal], None]) -> set[UUID]:
    """End the attempts that can't win, or that nobody goes on with; return the others' versions."""
    prefix = manifest.attempts_prefix(schema_prefix(command.schema_name), command.table)
    recorded = [(found.manifest, age) for key, age in _ages(prefix, at, now) if (found := manifest.read(key, at.zone))]
    committed = at.committed(command.schema_name, command.table)  # after the attempts: one that has been committed is in it
    named = committed.named if committed else set()
    live: set[UUID] = set()
    for attempt, age in recorded:
        if committed is None or attempt.order > committed.order:
            if age < (REDRIVEN if attempt.staged else STAGING):
                live.add(attempt.uuid)
                continue
            tell(_abandoned(attempt, age, at))  # before it ends: twice rather than never
        attempts.end([attempt], attempt.keys - named, at.zone)
    return live


def _abandoned(attempt: TableManifest, age: timedelta, at: Commons) -> AttemptAbandoned:
    happened = "was staged and never published" if attempt.staged else "was never staged to its end"
    return AttemptAbandoned(
        f"Version {attempt.uuid} of {attempt.schema_name}.{attempt.table}, from {attempt.source.uri}, {happened}, {age.days}"
        f" days ago. It is deleted from s3://{at.zone.bucket}. Run the loader again if it is still wanted."
    )


def _ages(prefix: str, at: Commons, now: datetime) -> Iterator[tuple[str, timedelta]]:
    with explained(f"listing s3://{at.zone.bucket}/{prefix}"):
        for page in at.zone.s3.get_paginator("list_objects_v2").paginate(Bucket=at.zone.bucket, Prefix=prefix):
            yield from ((it["Key"], now - it["LastModified"]) for it in page.get("Contents", []))


def _drop_tables(names: list[str], shown: TableManifest, attempted: set[UUID], at: Commons) -> None:
    """Drop the tables that publishers made beside the one that readers know, and that no version needs any more."""
    kept = {catalog.checked_name(shown.table, uuid) for uuid in attempted}
    kept |= {catalog.behind_name(shown.table, uuid) for uuid in shown.uuids | attempted}
    ours = re.compile(rf"{re.escape(shown.table)}__(check_)?[0-9a-f]{{8}}")
    for name in names:
        if ours.fullmatch(name) and name not in kept:
            at.tables.drop(at.wanted(shown).name.beside(name))


def _folder(name: str, command: SweepTable, at: Commons) -> str | None:
    """The prefix in our bucket that a table's files are under."""
    location = at.tables.location(Name(at.tables.catalog, command.schema_name, name))
    found = re.fullmatch(rf"s3[an]?://{re.escape(at.zone.bucket)}/(.*?)/*", location or "")
    return f"{found[1]}/" if found else None


def _version_of(key: str, folder: str) -> UUID | None:
    """The version whose folder the key is in; null where no loader of ours can have named it."""
    try:
        uuid = UUID(key.removeprefix(folder).split("/")[0])
    except ValueError:
        return None
    return uuid if uuid.version == 5 else None
