"""The lines of a delivered file: unzipped if its name ends in .gz, strictly UTF-8, of bounded length."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, cast

from cubic_job.refusals import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 16 * 1024**2  # bytes of a line: above any real one, and small enough for an executor's memory
_BUFFER = 1024**2


def lines(stream: BinaryIO, name: str) -> Iterator[str]:
    """Each line with its end, a line feed or none at the end of the file; a byte order mark is left out.

    Raises Refused for what is wrong with the bytes, and whatever the stream itself raises.
    """
    number = 0
    for number, line in enumerate(_unzipped(stream, name) if name.endswith(".gz") else _split(stream), 1):
        if len(line) >= LONGEST:
            raise Refused(Code.OTHER, f"line {number} of {name} has {LONGEST} bytes or more: have it sent in lines")
        try:
            yield line.removeprefix(codecs.BOM_UTF8).decode() if number == 1 else line.decode()
        except UnicodeDecodeError as error:
            raise Refused(
                Code.BAD_ENCODING,
                f"line {number} of {name} is not UTF-8 (byte {line[error.start]:#04x} at {error.start}): "
                "have it sent again as UTF-8",
            ) from error
    if number == 0:
        raise Refused(Code.EMPTY_FILE, f"{name} has no content, not even a header: have it sent again")


def _split(stream: BinaryIO) -> Iterator[bytes]:
    buffered = io.BufferedReader(cast("io.RawIOBase", stream), _BUFFER)
    return iter(partial(buffered.readline, LONGEST), b"")


def _unzipped(stream: BinaryIO, name: str) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=stream) as unzipped:
            yield from _split(cast("BinaryIO", unzipped))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Refused(Code.CUT_GZIP, f"{name} is no whole gzip file ({error}): have it sent again") from error
