"""How far each DMAP feed is fetched, and which datasets are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from cubic.store.database import Database

# Longer than an invocation lives, which uploads in the meantime: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LEASE = timedelta(minutes=16)
# S3's clock and ours agree better; its times are in whole seconds.
CLOCKS_DIFFER = timedelta(seconds=10)


class Publication(NamedTuple):
    """A dataset as it was published once, within its feed. Published again, it has a later time."""

    dataset_id: str
    last_updated: datetime


@dataclass(frozen=True, slots=True)
class Fetch:
    """An upload that is about to appear, or has. `s3_version` is null until it is known to have."""

    s3_key: str
    sha256: str
    s3_size: int
    begun_at: datetime
    s3_version: str | None


def fetches(db: Database, feed: int, publications: Iterable[Publication]) -> dict[Publication, Fetch]:
    """The uploads of these publications that have begun, as far as they have. Only reads."""
    wanted = list(publications)
    with db.transaction() as cursor:
        cursor.execute(
            """SELECT wanted.at, s3_key, sha256, s3_size, begun_at, s3_version
            FROM unnest(%s::text[], %s::timestamptz[]) WITH ORDINALITY AS wanted (dataset_id, last_updated, at)
            JOIN cubic_dmap_datasets USING (dataset_id, last_updated) WHERE feed_id = %s""",
            ([it.dataset_id for it in wanted], [it.last_updated for it in wanted], feed),
        )
        return {wanted[row.pop("at") - 1]: Fetch(**row) for row in cursor}


def begin(db: Database, feed: int, publication: Publication, fetch: Fetch, now: datetime) -> bool:
    """Record that the upload of a publication is about to appear. False: another has done so, and its lease is not over.

    If two fetch it at the same time, only one gets true.
    """
    with db.transaction() as cursor:
        cursor.execute(
            """INSERT INTO cubic_dmap_datasets (feed_id, dataset_id, last_updated, s3_key, sha256, s3_size, begun_at)
            VALUES (%(feed)s, %(dataset_id)s, %(last_updated)s, %(s3_key)s, %(sha256)s, %(s3_size)s, %(begun_at)s)
            ON CONFLICT (feed_id, dataset_id, last_updated) DO UPDATE
            SET s3_key = excluded.s3_key, sha256 = excluded.sha256, s3_size = excluded.s3_size, begun_at = excluded.begun_at
            WHERE cubic_dmap_datasets.s3_version IS NULL AND cubic_dmap_datasets.begun_at <= %(now)s - %(lease)s
            RETURNING id""",
            {
                "feed": feed,
                "dataset_id": publication.dataset_id,
                "last_updated": publication.last_updated,
                "s3_key": fetch.s3_key,
                "sha256": fetch.sha256,
                "s3_size": fetch.s3_size,
                "begun_at": fetch.begun_at,
                "now": now,
                "lease": LEASE,
            },
        )
        return cursor.fetchone() is not None


def appeared(db: Database, feed: int, publication: Publication, s3_version: str, now: datetime) -> None:
    """Record the version as which a publication's upload has appeared. Repeating it changes nothing."""
    with db.transaction() as cursor:
        cursor.execute(
            """UPDATE cubic_dmap_datasets SET s3_version = %s, fetched_at = %s
            WHERE feed_id = %s AND dataset_id = %s AND last_updated = %s AND s3_version IS NULL""",
            (s3_version, now, feed, publication.dataset_id, publication.last_updated),
        )


def registered(db: Database, fetch: Fetch) -> str | None:
    """The version of the load that an upload has become, which may have left Incoming by now. Only reads."""
    with db.transaction() as cursor:
        cursor.execute(
            """SELECT s3_version FROM cubic_loads WHERE s3_key = %s AND s3_size = %s AND s3_modified >= %s
            ORDER BY s3_modified, id LIMIT 1""",
            (fetch.s3_key, fetch.s3_size, fetch.begun_at - CLOCKS_DIFFER),
        )
        row = cursor.fetchone()
        return str(row["s3_version"]) if row else None


def advance(db: Database, feed: int, last_updated: date) -> None:
    """Move a feed's watermark, never back."""
    with db.transaction() as cursor:
        cursor.execute(
            "UPDATE cubic_dmap_feeds SET last_updated = %s WHERE id = %s AND coalesce(last_updated < %s, true)",
            (last_updated, feed, last_updated),
        )
