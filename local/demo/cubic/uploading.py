"""Uploads files in the order in which they were written, so that S3's times, which have seconds, say the same."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cubic import keys
from cubic.keys import DataFile, Description

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


@dataclass(frozen=True)
class Upload:
    """A file, and the version that S3 has made of it."""

    path: Path
    key: str
    version: str
    modified: datetime

    @property
    def file(self) -> DataFile | Description | None:
        return keys.parse(self.key)


def in_order(folder: Path) -> list[tuple[Path, str, int]]:
    """Files with key and modification time, by time, then name. Within a second there is no order, in S3 as here."""
    found = [
        (path, path.relative_to(folder).as_posix(), int(path.stat().st_mtime))
        for path in folder.rglob("*")
        if path.is_file()
    ]
    return sorted(found, key=lambda it: (it[2], it[1]))


def upload(s3: Any, bucket: str, files: Iterable[tuple[Path, str, int]], tell: Callable[[], None]) -> list[Upload]:
    """One after the other. Waits for another second only where a file begins a snapshot that an older one must not be in."""
    uploads: list[Upload] = []
    last: dict[str, tuple[int, int]] = {}  # table prefix → the second of its last upload, and that file's own time
    for path, key, written in files:
        file = keys.parse(key)
        if isinstance(file, DataFile) and file.begins_snapshot and file.table_prefix in last:
            second, before = last[file.table_prefix]
            if before < written:
                _wait_beyond(second)
        s3.upload_file(str(path), bucket, key)
        head = s3.head_object(Bucket=bucket, Key=key)
        uploads.append(Upload(path, key, head["VersionId"], head["LastModified"]))
        if file:
            last[file.table_prefix] = int(head["LastModified"].timestamp()), written
        tell()
    return uploads


def _wait_beyond(second: int) -> None:
    while time.time() < second + 1:
        time.sleep(second + 1 - time.time() + 0.001)
