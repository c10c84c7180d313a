"""Copies of buckets in folders of this machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any


def download(s3: Any, bucket: str, folder: Path) -> None:
    """A copy of the whole bucket, over an earlier one."""
    targets = set()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            if found["Key"].endswith("/"):
                continue  # an empty folder, as S3A marks it
            target = folder / found["Key"]
            try:
                answer = s3.get_object(Bucket=bucket, Key=found["Key"])
            except s3.exceptions.NoSuchKey:
                continue  # gone since it was listed, as the attempt of a message that came twice
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                shutil.copyfileobj(answer["Body"], file)
            targets.add(target)
    _forget_others(targets)


def _forget_others(written: set[Path]) -> None:
    """Removes Parquet that an earlier copy has left in the partitions of this one: their rows would be there twice."""
    for folder in {path.parent for path in written}:
        for path in set(folder.glob("*.parquet")) - written:
            path.unlink()
