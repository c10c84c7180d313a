"""A bucket that many requests at once are made of, and the landing zone as one source sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Bucket:
    """The bucket, and threads for many requests at once: an executor for each step."""

    s3: S3Client
    bucket: str
    threads: Callable[[], Executor]


@dataclass(frozen=True)
class LandingZone[M](Bucket):
    """Has the source's own kind of manifest, too."""

    manifest: type[M]
