"""An S3 object as a seekable file, read by ranges: no download, no temporary file.

Read sequentially, it fetches the next blocks over several connections while the present one is used. One S3 connection
gives about 90 MB/s at best. The network must not wait for the parser, nor the parser for the network.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-guidelines.html
"""

from __future__ import annotations

import errno
import io
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as BotoConnectionError

from ingestion.aws_errors import error_code, explained
from ingestion.errors import Replaced

if TYPE_CHECKING:
    from collections.abc import Buffer
    from concurrent.futures import Executor, Future

    from mypy_boto3_s3 import S3Client

    from ingestion.clock import Clock

BLOCK = 2 * 1024 * 1024
AHEAD = 3
_ATTEMPTS = 6
_READ = 256 * 1024
_BROKEN = (BotoConnectionError, HTTPClientError, IncompleteReadError, OSError)


class Upload(Protocol):
    """One upload of an object: its version or, where the bucket has none, its ETag. `size` is in bytes."""

    @property
    def bucket(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def version_id(self) -> str | None: ...
    @property
    def etag(self) -> str: ...
    @property
    def size(self) -> int: ...


class S3File(io.RawIOBase):
    """The file. It holds at most `ahead` + 2 blocks, which `executor` fetches. Only one thread may use it at a time.

    Reading raises Replaced where the upload is there no more.
    """

    def __init__(
        self, s3: S3Client, upload: Upload, executor: Executor, clock: Clock, *, block: int = BLOCK, ahead: int = AHEAD
    ) -> None:
        super().__init__()
        self._s3 = s3
        self._upload = upload
        self._executor = executor
        self._clock = clock
        self._block = block
        self._ahead = ahead
        self._position = 0
        self._blocks: dict[int, Future[bytearray]] = {}
        self._last = -2

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._upload.size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "the position is before the beginning")  # as of a file: zipfile relies on it
        self._position = base + offset
        return self._position

    def readinto(self, target: Buffer, /) -> int:
        with memoryview(target).cast("B") as view:
            index, offset = divmod(self._position, self._block)
            if self._position >= self._upload.size or not view:
                return 0
            with memoryview(self._content(index)) as content:
                part = content[offset : offset + len(view)]
                view[: len(part)] = part
                self._position += len(part)
                return len(part)

    def close(self) -> None:
        for block in self._blocks.values():
            block.cancel()
        self._blocks.clear()
        super().close()

    def _content(self, index: int) -> bytearray:
        sequential = index in (self._last, self._last + 1)
        ahead = self._ahead if sequential else 0
        wanted = [i for i in range(index, index + 1 + ahead) if i * self._block < self._upload.size]
        kept = {self._last, *wanted}
        for i in self._blocks.keys() - kept:
            self._blocks.pop(i).cancel()
        for i in wanted:
            if i not in self._blocks:
                self._blocks[i] = self._executor.submit(self._fetch, i)
        self._last = index
        return self._blocks[index].result()

    def _fetch(self, index: int) -> bytearray:
        """Return a block. If a connection breaks, the rest is asked for again, as botocore repeats only requests."""
        start = index * self._block
        end = min(start + self._block, self._upload.size)
        got = bytearray()
        failures = 0
        while len(got) < end - start:
            before = len(got)
            try:
                self._get(start + before, end - 1, got)
            except _BROKEN:
                failures = 1 if len(got) > before else failures + 1
                if failures == _ATTEMPTS or self.closed:
                    raise
                self._clock.sleep(min(0.1 * 2**failures, 5))
        return got

    def _get(self, first: int, last: int, got: bytearray) -> None:
        """Append to `got` as much as arrives. Raises the error that breaks the connection."""
        pinned: dict[str, Any] = {"IfMatch": self._upload.etag}
        if self._upload.version_id:
            pinned = {"VersionId": self._upload.version_id}
        uri = f"s3://{self._upload.bucket}/{self._upload.key}"
        with explained(f"reading {uri}"):
            try:
                part = f"bytes={first}-{last}"
                answer = self._s3.get_object(Bucket=self._upload.bucket, Key=self._upload.key, Range=part, **pinned)
            except ClientError as error:
                if error_code(error) in ("PreconditionFailed", "412"):
                    raise Replaced(
                        f"{uri} was replaced while it was being loaded. Its own upload starts another load; if none does, "
                        "load it again."
                    ) from error
                raise
        wanted = len(got) + last + 1 - first
        with answer["Body"] as body:
            while len(got) < wanted:
                arrived = body.read(_READ)
                if not arrived:
                    raise IncompleteReadError(actual_bytes=len(got), expected_bytes=wanted)
                got += arrived
