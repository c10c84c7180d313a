"""One load, in an executor: its file is read once, strictly, and is Parquet of string columns in the raw zone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, BinaryIO, cast

import boto3

from cubic_job import parquet
from cubic_job.batch import Load, Written
from cubic_job.csv_rows import csv_rows
from cubic_job.json_rows import json_rows
from cubic_job.lines import lines
from cubic_job.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

    from cubic_job.rows import Rows

# The characters that Hive escapes in a folder's name, as Spark and Athena read it.
# https://github.com/apache/hive/blob/rel/release-3.1.3/common/src/java/org/apache/hadoop/hive/common/FileUtils.java
_ESCAPED = frozenset("\"#%'*/:=?\\{[]^\x7f") | {chr(code) for code in range(1, 32)}


@dataclass(frozen=True)
class Places:
    """The places that an executor works in: the buckets, the run's id, and the region that it need not know by itself."""

    springboard: str
    raw: str
    run_id: str
    region: str


def write_load(load: Load, places: Places) -> Written | Refused:
    """Returns what was written, or why the file is not taken. Safe to repeat: a run has a folder of its own per load.

    Raises whatever S3 raises, so that Spark tries the task again.
    """
    s3 = client(places)
    folder = f"{load.folder}/{path(load.partition | {'run': places.run_id})}"
    try:
        rows = _rows(load, s3, places)
        count = parquet.write(rows, s3, places.raw, folder)
    except Refused as refused:
        return refused
    return Written(rows.columns, count, f"s3://{places.raw}/{folder}")


def path(partition: dict[str, str]) -> str:
    """The folders of a partition."""
    return "/".join(
        f"{key}={''.join(f'%{ord(c):02X}' if c in _ESCAPED else c for c in value)}" for key, value in partition.items()
    )


@cache
def client(places: Places) -> S3Client:
    return boto3.client("s3", region_name=places.region)


def _rows(load: Load, s3: S3Client, places: Places) -> Rows:
    def read() -> Iterator[str]:
        answer = s3.get_object(Bucket=places.springboard, Key=load.key)
        if answer["ContentLength"] != load.s3_size:
            raise OSError(f"s3://{places.springboard}/{load.key} has {answer['ContentLength']} bytes, not {load.s3_size}")
        return lines(cast("BinaryIO", answer["Body"]), load.identifier)

    if load.identifier.endswith((".json", ".json.gz")):
        return json_rows(read, load.identifier)
    return csv_rows(read(), load.identifier, load.description)
