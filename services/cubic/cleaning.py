"""Deletes what ended batches have left: their copies at once, and some days later folders that no partition names.

A folder of the raw zone loses its name where a run dies, where a newer version of the file takes its place, and where its
load moves to another snapshot. Each has a batch, or a note like one, whose document names the file. So the cost grows with
the loads of some days, not with all that is in the zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from aws_lambda_powertools import Logger

from cubic import keys, raw_zone, work
from cubic.store import claiming
from ingestion.aws_errors import explained
from ingestion.landing_zone.copying import delete_all
from ingestion.s3_uri import split_s3_uri

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from cubic.raw_zone import RawZone
    from cubic.store.database import Database
    from cubic.work import BatchLoad
    from ingestion.consumer import SecondsLeft
    from ingestion.landing_zone.zone import Bucket

logger = Logger(child=True)

KEPT = timedelta(days=3)  # longer than any query or run of the job takes


@dataclass(frozen=True)
class Listed:
    """An object of a listing."""

    key: str
    modified: datetime


def clean(
    db: Database, springboard: Bucket, zone: RawZone, now: datetime, seconds_left: SecondsLeft, reserve: float
) -> None:
    """Goes through the folders of batches while there is time; the next sweep goes on. Safe to repeat."""
    by_batch: dict[str, list[Listed]] = {}
    for found in _listed(springboard, work.ROOT):
        by_batch.setdefault(found.key.removeprefix(work.ROOT).split("/", 1)[0], []).append(found)
    for name, objects in by_batch.items():
        if seconds_left() < reserve:
            return
        batch = UUID(name)
        old = all(it.modified < now - KEPT for it in objects)
        copies = {it.key for it in objects if not it.key.endswith(".json")}
        if (old or copies) and claiming.open_batch(db, batch) is None:
            document = work.read_document(springboard.s3, springboard.bucket, batch) if old else None
            done = [_delete_unnamed(load, zone, now) for load in (document.loads if document else ())]
            delete_all(copies, springboard)
            if old and all(done):  # the document last: it names what is to be looked at
                delete_all({it.key for it in objects}, springboard)


def _delete_unnamed(load: BatchLoad, zone: RawZone, now: datetime) -> bool:
    """Deletes the folders of runs that the file's partition doesn't name; false where it is to look again.

    That is so while any of them is young: it may be of a run that is yet to name it, or has named it just now, with readers
    still at the one before. Nothing is deleted where the table is gone: then nothing says what was named.
    """
    file = keys.data_file(load.s3_key)
    objects = list(_listed(zone.bucket, raw_zone.folder(file, load.snapshot)))
    if any(it.modified >= now - KEPT for it in objects):
        return False
    if not objects or not zone.has_table(file.glue_table):
        return True
    partition = zone.partition(file.glue_table, raw_zone.values(file, load.snapshot))
    named = split_s3_uri(partition["StorageDescriptor"]["Location"].rstrip("/") + "/")[1] if partition else None
    unnamed = [it.key for it in objects if named is None or not it.key.startswith(named)]
    if unnamed:
        logger.info(
            "Deleting what no partition names", extra={"folder": raw_zone.folder(file, load.snapshot), "named": named}
        )
        delete_all(unnamed, zone.bucket)
    return True


def _listed(bucket: Bucket, prefix: str) -> Iterator[Listed]:
    with explained(f"listing s3://{bucket.bucket}/{prefix}"):
        for page in bucket.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket.bucket, Prefix=prefix):
            yield from (Listed(it["Key"], it["LastModified"]) for it in page.get("Contents", []))
