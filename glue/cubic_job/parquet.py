"""Rows as Parquet files in S3: one file of bounded size after the other, at least one."""

from __future__ import annotations

import tempfile
from itertools import islice
from typing import IO, TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_s3 import S3Client

    from cubic_job.rows import Rows

FILE_BYTES = 256 * 1024**2  # so that a file has at most little more
ROW_GROUP_BYTES = 64 * 1024**2  # in memory, before they are encoded
_ROWS_AT_ONCE = 100  # of the longest values and lines these stay below the 2 GB that a column of a batch can have


def write(rows: Rows, s3: S3Client, bucket: str, folder: str) -> int:
    """Writes `folder/part-00000.parquet` and so on; returns the number of rows. Without rows it writes an empty file.

    Safe to repeat: the same rows make the same files. Raises Refused, and then leaves files that nothing names.
    """
    schema = pa.schema([(name, pa.string()) for name in rows.columns])
    groups = _row_groups(rows, schema)
    count = part = 0
    group: pa.Table | None = next(groups, schema.empty_table())
    while group is not None:
        with tempfile.TemporaryFile() as file:
            with pq.ParquetWriter(file, schema, compression="zstd", store_schema=False) as writer:
                while group is not None and file.tell() < FILE_BYTES:
                    writer.write_table(group)
                    count += group.num_rows
                    group = next(groups, None)
            _upload(file, s3, bucket, f"{folder}/part-{part:05d}.parquet")
        part += 1
    return count


def _row_groups(rows: Rows, schema: pa.Schema) -> Iterator[pa.Table]:
    batches: list[pa.RecordBatch] = []
    size = 0
    while chunk := list(islice(rows.values, _ROWS_AT_ONCE)):
        batches.append(_batch(chunk, schema))
        size += batches[-1].nbytes
        if size >= ROW_GROUP_BYTES:
            yield pa.Table.from_batches(batches)
            batches, size = [], 0
    if batches:
        yield pa.Table.from_batches(batches)


def _batch(chunk: list[Sequence[str | None]], schema: pa.Schema) -> pa.RecordBatch:
    return pa.record_batch([pa.array(column, pa.string()) for column in zip(*chunk, strict=True)], schema=schema)


def _upload(file: IO[bytes], s3: S3Client, bucket: str, key: str) -> None:
    """By parts, each tried again by itself; what is there appears with the last."""
    file.seek(0)
    s3.upload_fileobj(file, bucket, key)
