"""The landing zone as one source sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class LandingZone[M]:
    """The bucket, the source's own kind of manifest, and threads for many requests at once: an executor for each step."""

    s3: S3Client
    bucket: str
    manifest: type[M]
    threads: Callable[[], Executor]
