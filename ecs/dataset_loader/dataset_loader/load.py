"""The way of one data set: read the spec, pin the source, find the types, record the attempt, write, verify, announce.

A version's uuid follows from the upload of the source and the spec, so whoever asks twice means one folder. Each step may
fail before or after it took effect, and is safe to repeat, from the first:

- reading changes nothing, in the source's bucket never anything;
- the attempt is recorded before its object can be there, and says by a null for `rows` that it is not whole: see
  data_commons.manifest.TableManifest. Recorded again, it is as before;
- the object appears whole or not at all, and the first one under its key stays: a second run verifies that one;
- the attempt is recorded as staged, then announced. Announced twice, it is published once.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from data_commons.manifest import PinnedSource, TableManifest, schema_prefix, version_id
from data_commons.messages import PublishTable
from data_commons.spec import read_spec
from dataset_loader import plan, staging
from dataset_loader.first_pass import first_pass
from dataset_loader.metadata import schema_of
from dataset_loader.sources import Pinned, pin
from ingestion.aws_errors import explained
from ingestion.errors import Replaced
from ingestion.landing_zone import attempts, manifest
from ingestion.landing_zone.manifest import LandedObject, LandedTable
from ingestion.messages import Run
from ingestion.s3_file import S3File
from ingestion.s3_uri import correlation_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor
    from datetime import datetime
    from typing import BinaryIO

    from aws_lambda_powertools import Logger
    from mypy_boto3_s3 import S3Client

    from data_commons.spec import Catalog, DatasetSpec, Source
    from ingestion.clock import Clock
    from ingestion.landing_zone.zone import LandingZone

_TRIES = 3  # of a source that is replaced while it is read


@dataclass(frozen=True)
class Document:
    """A spec as it was uploaded. `uri` is for messages."""

    content: bytes
    uri: str
    modified_at: datetime


@dataclass(frozen=True)
class Given:
    """The load's dependencies. `executor` has threads for reading S3; a compressed source may unpack to `max_bytes`."""

    reader: Callable[[Source], S3Client]
    zone: Callable[[Catalog], LandingZone[TableManifest]]
    announce: Callable[[PublishTable], None]
    executor: Executor
    clock: Clock
    max_bytes: int
    logger: Logger


def load(document: Document, given: Given) -> TableManifest | None:
    """Stage the version that a spec asks for, and announce it; None where a later one is published already.

    Raises SpecRefused, SourceRefused, and the errors of S3. The table stays as it is until the new version is published.
    """
    spec = read_spec(document.content, document.uri)
    for _ in range(_TRIES - 1):
        try:
            return _load(spec, document, given)
        except Replaced as replaced:
            given.logger.warning("Begun again: %s", replaced)
    return _load(spec, document, given)


def _load(spec: DatasetSpec, document: Document, given: Given) -> TableManifest | None:
    s3 = given.reader(spec.source)
    pinned = pin(s3, spec.source)
    zone = given.zone(spec.catalog)
    begun = _attempt(spec, document, pinned, given.clock.now())
    given.logger.append_keys(correlation_id=begun.correlation_id, uuid=str(begun.uuid))
    before = manifest.read(begun.key, zone)
    if before and before.manifest.uuid != begun.uuid and before.wins_over(begun):
        given.logger.warning("Superseded: a later version is published", uuid_published=str(before.manifest.uuid))
        return None
    staged = before.manifest if before and before.manifest.uuid == begun.uuid else _staged(begun, zone)
    if staged is None:
        staged = _stage(spec, begun, partial(_open, s3, pinned, given), zone, given)
        attempts.begin(staged, zone)
    given.announce(_command(staged))
    given.logger.info("Staged", key=next(iter(staged.keys)), rows=staged.rows)
    return staged


def _attempt(spec: DatasetSpec, document: Document, pinned: Pinned, now: datetime) -> TableManifest:
    """The attempt as it is recorded before anything is written."""
    digest = sha256(document.content).hexdigest()
    uuid = version_id(pinned.uri, pinned.version_id or pinned.etag, digest)
    prefix = schema_prefix(spec.schema_name)
    key = f"{prefix}{spec.table}/{uuid}/{spec.table}.parquet"
    return TableManifest(
        prefix=prefix,
        run=Run(import_date=pinned.modified_at.date(), backdated=False, origin=pinned.uri),
        correlation_id=correlation_id(pinned.uri, pinned.version_id),
        tables=(LandedTable(name=spec.table, rows=None, objects=(LandedObject(key=key, size=0),)),),
        catalog=spec.catalog,
        schema_name=spec.schema_name,
        table=spec.table,
        uuid=uuid,
        source=PinnedSource(
            uri=pinned.uri,
            version=pinned.version_id,
            etag=pinned.etag,
            size=pinned.size,
            modified_at=pinned.modified_at,
        ),
        spec_digest=digest,
        spec_modified_at=document.modified_at,
        staged_at=now,
        columns=(),
        metadata=spec.metadata,
        view=spec.view,
    )


def _staged(begun: TableManifest, zone: LandingZone[TableManifest]) -> TableManifest | None:
    """The attempt that an earlier run has staged, if its object is there."""
    found = manifest.read(begun.attempt_key, zone)
    if not found or not found.manifest.staged:
        return None
    (wanted,) = found.manifest.tables[0].objects
    answer = zone.s3.list_objects_v2(Bucket=zone.bucket, Prefix=wanted.key, MaxKeys=1).get("Contents", [])
    there = any(o["Key"] == wanted.key and o["Size"] == wanted.size for o in answer)
    return found.manifest if there else None


def _stage(
    spec: DatasetSpec,
    begun: TableManifest,
    open_source: Callable[[], BinaryIO],
    zone: LandingZone[TableManifest],
    given: Given,
) -> TableManifest:
    source, planned = first_pass(spec, open_source, begun.source.uri, max_bytes=given.max_bytes)
    schema = schema_of(planned, spec.metadata, source.metadata)
    (wanted,) = begun.tables[0].objects
    attempts.begin(begun, zone)
    with staging.whole_object(zone.s3, zone.bucket, wanted.key) as sink:
        rows = staging.write((plan.converted(batch, planned) for batch in source.batches()), schema, sink)
    with explained(f"reading s3://{zone.bucket}/{wanted.key} back"):
        head = zone.s3.head_object(Bucket=zone.bucket, Key=wanted.key)
    written = Pinned(zone.bucket, wanted.key, None, head["ETag"], head["ContentLength"], head["LastModified"])
    with _open(zone.s3, written, given) as file:
        staging.verify(file, written.uri, schema, rows)
    table = LandedTable(name=spec.table, rows=rows, objects=(LandedObject(key=wanted.key, size=written.size),))
    columns = tuple(column.column for column in planned)
    return begun.model_copy(update={"tables": (table,), "columns": columns, "staged_at": given.clock.now()})


def _open(s3: S3Client, pinned: Pinned, given: Given) -> BinaryIO:
    return io.BufferedReader(S3File(s3, pinned, given.executor, given.clock))


def _command(staged: TableManifest) -> PublishTable:
    return PublishTable(
        run=staged.run,
        correlation_id=staged.correlation_id,
        catalog=staged.catalog,
        schema_name=staged.schema_name,
        table=staged.table,
        uuid=staged.uuid,
    )
