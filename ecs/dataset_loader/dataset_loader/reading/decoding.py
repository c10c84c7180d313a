"""A text file's bytes as strict UTF-8: unpacked, decoded, and refused with the place of the first byte that is wrong."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from typing import TYPE_CHECKING

from data_commons.errors import SourceRefused, SpecRefused

if TYPE_CHECKING:
    from typing import BinaryIO

GZIP = b"\x1f\x8b"  # https://www.rfc-editor.org/rfc/rfc1952; no text in UTF-8 begins so
_READ = 1024 * 1024
_UTF_8 = codecs.lookup("utf-8")


class Decoded(io.RawIOBase):
    """The text of `file`, which is read to its end, in UTF-8, without a byte order mark and followed by `end`.

    `uri` is for messages. Raises SourceRefused where the text is not in the encoding, has a NUL, or is longer than
    `max_bytes`, and SpecRefused where there is no such encoding.
    """

    def __init__(self, file: BinaryIO, encoding: str, end: bytes, *, uri: str, max_bytes: int) -> None:
        super().__init__()
        try:
            b"a".decode(encoding, "ignore")  # refuses codecs that are not of text
            codec = codecs.lookup(encoding)
            self._decoder = codec.incrementaldecoder("strict")
        except LookupError as error:
            raise SpecRefused(
                f"There is no encoding {encoding!r}. Give the format's encoding as Python names it."
            ) from error
        head = file.read(2)
        file.seek(0)
        self._file = gzip.GzipFile(fileobj=file) if head == GZIP else file
        self._encoding = encoding
        self._plain = codec == _UTF_8
        self._pending = b""
        self._end = end
        self._uri = uri
        self._max_bytes = max_bytes
        self._offset = 0
        self._last = b""
        self._first = True
        self._ended = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        wanted = size if size >= 0 else 1 << 62
        parts = [self._pending]
        got = len(self._pending)
        while got < wanted and (part := self._next()):
            parts.append(part)
            got += len(part)
        content = b"".join(parts)
        content, self._pending = content[:wanted], content[wanted:]
        return content

    def _next(self) -> bytes:
        """The next part; none after the end."""
        while not self._ended:
            raw = self._raw()
            text = self._decoded(raw)
            if not raw:
                self._ended = True
                return text + (b"" if (text or self._last)[-1:] in b"\r\n" else b"\n") + self._end
            if text:
                self._last = text[-1:]
                return text
        return b""

    def _raw(self) -> bytes:
        try:
            raw = self._file.read(_READ)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise SourceRefused(f"{self._uri} is damaged: {error}. Compress it again and upload it.") from error
        if self._offset + len(raw) > self._max_bytes:
            raise SourceRefused(
                f"{self._uri} unpacks to more than {self._max_bytes} bytes: MAX_UNPACKED_BYTES allows no more."
            )
        return raw

    def _decoded(self, raw: bytes) -> bytes:
        waiting = len(self._decoder.getstate()[0])  # bytes of a character that has not ended
        try:
            text = self._decoder.decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            raise self._refused(self._offset - waiting + error.start, error) from error
        if "\0" in text:
            place = f" at byte {self._offset + raw.index(0)}" if self._plain else ""
            raise SourceRefused(
                f"{self._uri} has a NUL{place}, which no text has. If it is UTF-16, add to the spec's format: "
                '"encoding": "utf-16-le". Else mend the file.'
            )
        self._offset += len(raw)
        if self._first and text:
            self._first = False
            text = text.removeprefix("\ufeff")
        return text.encode()

    def _refused(self, place: int, error: UnicodeDecodeError) -> SourceRefused:
        byte = error.object[error.start]
        marked = place == 0 and byte in (0xFE, 0xFF)
        likely = "utf-16" if marked else "cp1252" if self._plain else "utf-8"
        return SourceRefused(
            f"{self._uri} is not {self._encoding}: byte {place} is 0x{byte:02x} ({error.reason}). If it is {likely}, add to "
            f'the spec\'s format: "encoding": "{likely}".'
        )
