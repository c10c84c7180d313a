"""Reads a file off an answer, unzipped and checked, a part at a time."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from base64 import b64encode
from typing import TYPE_CHECKING

from cubic.dmap.errors import Refused, TryAgain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer

    from cubic.dmap.https import Answer

PART = 8 * 1024**2  # above the least that S3 takes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
GZIP = b"\x1f\x8b"


def parts(answer: Answer, limit: int) -> Iterator[bytes]:
    """The file in parts of one size, the last one shorter. Raises TryAgain where it is broken, Refused where too large.

    Zipped or not is seen from its first bytes: the link's name and the content type of blob storage say nothing reliable.
    `limit` is in bytes, of the body as well as of what it unzips to, so that a small body cannot grow without end.
    """
    body = _Body(answer, limit)
    buffered = io.BufferedReader(body, 64 * 1024)
    zipped = buffered.peek(len(GZIP)).startswith(GZIP)
    file = gzip.GzipFile(fileobj=buffered) if zipped else buffered
    size = 0
    try:
        while part := file.read(PART):
            size += len(part)
            if size > limit:
                raise _too_large(answer.host, limit)
            yield part
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TryAgain(f"The file of {answer.host} is not whole gzip ({error})") from error
    body.check()


class _Body(io.RawIOBase):
    """The body as it came. How much of it came is checked by the HTTP library."""

    def __init__(self, answer: Answer, limit: int) -> None:
        self.answer, self.limit, self.size = answer, limit, 0
        self.md5 = hashlib.md5(usedforsecurity=False)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        data = self.answer.read(len(view))
        self.size += len(data)
        if self.size > self.limit:
            raise _too_large(self.answer.host, self.limit)
        self.md5.update(data)
        view[: len(data)] = data
        return len(data)

    def check(self) -> None:
        """Compares with the sum that the server gives, if it does; blob storage does for what was uploaded with one."""
        given = self.answer.headers.get("Content-MD5")
        if given and given != b64encode(self.md5.digest()).decode():
            raise TryAgain(f"The file of {self.answer.host} does not have the MD5 sum that comes with it")


def _too_large(host: str, limit: int) -> Refused:
    return Refused(f"The file of {host} has more than {limit} bytes. If it is right, raise SIZE_LIMIT.")
