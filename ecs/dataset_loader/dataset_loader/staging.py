"""One Parquet object, whole or not there: written by parts while the rows come, and read back."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
from botocore.exceptions import ClientError
from pyarrow import parquet

from ingestion.aws_errors import error_code, explained
from ingestion.errors import CopyMismatch

if TYPE_CHECKING:
    from collections.abc import Buffer, Iterable, Iterator, Sequence
    from typing import BinaryIO

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART = (
    16 * 1024 * 1024
)  # S3 takes 10,000 of at least 5 MiB: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
ROW_GROUP = 32 * 1024 * 1024  # bytes in Arrow's memory: with 64 MB, the task needs 50 MB more
_MOST_ROWS = 1024 * 1024


class Sink(io.RawIOBase):
    """A file that is written into parts of an upload."""

    def __init__(self, s3: S3Client, bucket: str, key: str, upload_id: str) -> None:
        super().__init__()
        self._s3 = s3
        self._bucket = bucket
        self._key = key
        self._upload_id = upload_id
        self._buffer = bytearray()
        self._parts: list[CompletedPartTypeDef] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, content: Buffer, /) -> int:
        with memoryview(content) as view:
            self._buffer += view
            self._size += view.nbytes
            written = view.nbytes
        while len(self._buffer) >= PART:
            self._send(PART)
        return written

    def complete(self) -> None:
        """Send the rest and make the object. Of two that complete under one key, the first one stays."""
        self._send(len(self._buffer))
        try:
            self._s3.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload_id,
                MultipartUpload={"Parts": self._parts},
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error_code(error) not in ("PreconditionFailed", "412"):
                raise
            self._s3.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._upload_id)

    def _send(self, size: int) -> None:
        number = len(self._parts) + 1
        part = bytes(self._buffer[:size])
        del self._buffer[:size]
        answer = self._s3.upload_part(
            Bucket=self._bucket, Key=self._key, UploadId=self._upload_id, PartNumber=number, Body=part
        )
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})


@contextmanager
def whole_object(s3: S3Client, bucket: str, key: str) -> Iterator[Sink]:
    """Make an object of what is written within, unless that fails. An object that is there already stays as it is.

    Safe to repeat. The parts of a task that was killed are seen by nobody, and the bucket's lifecycle rule removes them:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpu-abort-incomplete-mpu-lifecycle-config.html
    """
    with explained(f"writing s3://{bucket}/{key}"):
        upload_id = s3.create_multipart_upload(Bucket=bucket, Key=key, ContentType="application/vnd.apache.parquet")[
            "UploadId"
        ]
        try:
            sink = Sink(s3, bucket, key, upload_id)
            yield sink
            sink.complete()
        except BaseException:
            s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
            raise


def write(rows: Iterable[Sequence[pa.Array]], schema: pa.Schema, sink: BinaryIO | Sink) -> int:
    """Write batches of arrays as Parquet, and return how many rows they had. Holds about two row groups in memory."""
    count = 0
    with parquet.ParquetWriter(sink, schema, compression="zstd", version="2.6") as writer:
        for group in _groups(rows, schema):
            writer.write_table(group, row_group_size=group.num_rows)
            count += group.num_rows
    return count


def _groups(rows: Iterable[Sequence[pa.Array]], schema: pa.Schema) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    size = count = 0
    for arrays in rows:
        batch = pa.RecordBatch.from_arrays(list(arrays), schema=schema)
        waiting.append(batch)
        size, count = size + batch.nbytes, count + batch.num_rows
        if size >= ROW_GROUP or count >= _MOST_ROWS:
            yield pa.Table.from_batches(waiting, schema)
            waiting, size, count = [], 0, 0
    if waiting:
        yield pa.Table.from_batches(waiting, schema)


def verify(file: BinaryIO, uri: str, schema: pa.Schema, rows: int) -> None:
    """Read the footer back. Raises CopyMismatch where it has other columns, or another count of rows."""
    found = parquet.ParquetFile(file)
    if found.metadata.num_rows != rows or not found.schema_arrow.equals(schema):
        raise CopyMismatch(
            f"{uri} has {found.metadata.num_rows} rows, not {rows}, or other columns than were written. An earlier release "
            "of the loader may have written it: delete it if no manifest names it, or change the spec, and load again."
        )
