"""Which copies of a day are under way, each by the manifest that it would commit: a listing cannot tell what they leave.

Decided in docs/adr/0006-a-copy-is-recorded-before-it-begins.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.aws_errors import explained
from liberator import naming
from s3_to_s3_copier import manifest as manifests
from s3_to_s3_copier.copying import delete_all, sizes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_s3 import S3Client

    from s3_to_s3_copier.manifest import Manifest


def begin(mine: Manifest, s3: S3Client, bucket: str) -> None:
    """Records what this copy is about to write. Safe to repeat: the same record again."""
    key = _key(mine)
    with explained(f"writing attempt s3://{bucket}/{key}"):
        s3.put_object(Bucket=bucket, Key=key, Body=mine.model_dump_json(indent=1).encode(), ContentType="application/json")


def overtaken_by(mine: Manifest, s3: S3Client, bucket: str) -> list[Manifest]:
    """The other attempts of the day that, once `mine` is committed, can only end as superseded.

    A later one is still to win: it is under way, or waits to be redriven.
    """
    keys = sizes([naming.attempts_prefix(mine.database, mine.run.import_date)], s3, bucket)
    found = [manifests.read_key(s3, bucket, key) for key in sorted(keys)]
    return [other.manifest for other in found if other and other.manifest.order < mine.order]


def end(attempts: Iterable[Manifest], s3: S3Client, bucket: str) -> None:
    """Forgets attempts of which nothing is left but what the day's manifest names. Safe to repeat."""
    delete_all(map(_key, attempts), s3, bucket)


def _key(attempt: Manifest) -> str:
    return naming.attempt_key(attempt.database, attempt.run.import_date, attempt.export_task_identifier)
