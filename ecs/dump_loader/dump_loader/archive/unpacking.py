"""Open the zip, and give out the one SQL file in it as chunks. Faults of a zip are found and told here."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from liberator.errors import DumpRejected

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 512 * 1024
_BUFFER = 64 * 1024
_AGAIN = "Ask for the dump again, and upload it under the same name."
_RUBBISH = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$|Thumbs\.db$)")
_ENCRYPTED = 0x1
_GZIP = 31  # zlib's wbits: a gzip header is expected
# What zipfile raises for bytes that nobody zipped so: names that are no text, sizes that are no numbers, unknown flags.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, OverflowError, RuntimeError, ValueError
)  # fmt: skip
_LARGEST_READ = 1024 * 1024
# Deflate manages 1030-fold, for one letter again and again; dumps that are all alike manage a tenth of that.
_BOMB_FOLD = 500
_BOMB_BYTES = 256 * 1024 * 1024
_NAME_SHOWN = 200
# macOS's Archive Utility writes no zip64: sizes and offsets are modulo 4 GiB. A file that is larger only when it is unpacked
# can be read all the same, as deflate says itself where it ends. In a larger archive nothing is where the directory says.
# https://github.com/thejoshwolfe/yauzl/issues/69 https://github.com/ZipArchive/ZipArchive/issues/417
_FOUR_GIB = 2**32
# A file of 4 GiB is believed to be packed so small, and no smaller: dumps manage 5- to 30-fold. A smaller one that expands
# beyond its claim is a bomb or damaged, and is refused where the claim ends.
_LARGE_FOLD = 50


@dataclass(frozen=True, slots=True)
class Member:
    """The SQL file in the zip: its name, and the bytes of the zip that it takes up."""

    info: zipfile.ZipInfo
    uri: str

    @property
    def name(self) -> str:
        return _shown(self.info)

    @property
    def gzipped(self) -> bool:
        return self.info.filename.lower().endswith(".gz")

    def percent(self, position: int) -> float:
        """Return how much of it has been read, when the zip has been read up to `position`."""
        return min(100.0, max(0.0, 100 * (position - self.info.header_offset) / max(1, self.info.compress_size)))


class _Buffered(io.BufferedReader):
    """Refuse to read a directory of gigabytes, which zipfile would hold in memory several times over."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not -1 <= size <= _LARGEST_READ:
            raise zipfile.BadZipFile(f"a directory of more than {_LARGEST_READ:,} bytes")
        return super().read(size)


def _shown(info: zipfile.ZipInfo) -> str:
    """Return the name for a message of one line."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in info.filename[:_NAME_SHOWN])


@contextmanager
def opened(file: io.RawIOBase, size: int, uri: str) -> Iterator[zipfile.ZipFile]:
    """Open the zip of `size` bytes. Raises DumpRejected where there is none."""
    try:
        archive = zipfile.ZipFile(_Buffered(file, _BUFFER))
    except _DAMAGED as error:
        file.seek(0)
        beginning = file.read(4) or b""
        if size == 0:
            problem = "is empty: it has 0 bytes"
        elif beginning == b"PK\x03\x04":
            problem = f"is a truncated zip: its directory, at the end, is missing or damaged ({error})"
        else:
            problem = "is not a zip"
        raise DumpRejected(f"{uri} {problem}. {_AGAIN}") from error
    with archive:
        yield archive


def member(archive: zipfile.ZipFile, uri: str, *, max_bytes: int) -> Member:
    """Return the one SQL file. Raises DumpRejected if there is none, or several, or one that must not be unpacked."""
    files = [i for i in archive.infolist() if not i.is_dir() and not _RUBBISH.search(i.filename)]
    for info in files:
        _refuse_unsafe_name(info, uri)
    found = [i for i in files if i.filename.lower().endswith((".sql", ".sql.gz"))]
    names = ", ".join(sorted(_shown(i) for i in files)[:5])
    if not files:
        raise DumpRejected(f"{uri} is an empty zip: it holds no file. {_AGAIN}")
    if not found:
        raise DumpRejected(f"{uri} holds no SQL file (*.sql or *.sql.gz), but {names}. {_AGAIN}")
    if len(found) > 1:
        raise DumpRejected(
            f"{uri} holds {len(found)} SQL files: {', '.join(sorted(_shown(i) for i in found)[:5])}. "
            "Which of them is the dump can't be known: upload a zip with that one alone."
        )
    _refuse_unreadable(found[0], uri, max_bytes)
    return Member(found[0], uri)


def _refuse_unsafe_name(info: zipfile.ZipInfo, uri: str) -> None:
    name = info.orig_filename
    parts = re.split(r"[/\\]", name)
    if ".." in parts or name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        raise DumpRejected(
            f"{uri} holds {name[:_NAME_SHOWN]!r}, a name that points out of the zip. "
            "Find out who made it; upload one with plain names."
        )


def _refuse_unreadable(info: zipfile.ZipInfo, uri: str, max_bytes: int) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise DumpRejected(
            f"{_shown(info)} in {uri} is encrypted. Ask for the dump without a password, and upload it again."
        )
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = zipfile.compressor_names.get(info.compress_type, str(info.compress_type))  # type: ignore[attr-defined]
        raise DumpRejected(
            f"{_shown(info)} in {uri} is compressed by {method}. Zip it by deflate (the usual way), and upload it again."
        )
    if info.file_size > max_bytes:
        raise _too_large(info, uri, max_bytes)
    if info.file_size > _bomb(info):
        raise _no_dump(info, uri)


def _bomb(info: zipfile.ZipInfo) -> int:
    """Return from how many bytes on it is no dump but a bomb, of which unpacking everything would take hours."""
    return max(_BOMB_BYTES, _BOMB_FOLD * info.compress_size)


def _no_dump(info: zipfile.ZipInfo, uri: str) -> DumpRejected:
    return DumpRejected(
        f"{_shown(info)} in {uri} expands more than {_BOMB_FOLD}-fold, to more than {_bomb(info):,} bytes: "
        "no dump does. Find out who made it, and ask for the dump again."
    )


def _too_large(info: zipfile.ZipInfo, uri: str, max_bytes: int) -> DumpRejected:
    return DumpRejected(
        f"{_shown(info)} in {uri} expands to more than {max_bytes:,} bytes. If the dump really is that large, "
        "raise MAX_DUMP_BYTES and upload it again."
    )


def chunks(archive: zipfile.ZipFile, sql: Member, *, max_bytes: int) -> Iterator[bytes]:
    """Yield the SQL, never more than a chunk at a time. Raises DumpRejected if it is cut short, damaged or too large."""
    total = 0
    where, bomb = f"{sql.name} in {sql.uri}", _bomb(sql.info)
    try:
        with archive.open(_of_its_true_size(sql.info)) as stream:
            unpacked = _unpacked(stream, sql.info.file_size)
            for chunk in _gunzipped(unpacked, where) if sql.gzipped else unpacked:
                total += len(chunk)
                if total > max_bytes:
                    raise _too_large(sql.info, sql.uri, max_bytes)
                if total > bomb:
                    raise _no_dump(sql.info, sql.uri)
                yield chunk
    except _DAMAGED as error:
        again = _AGAIN
        if archive.start_dir >= _FOUR_GIB:
            again += (
                " If macOS's Archive Utility made this zip of more than 4 GiB, make it by the command `zip` or by 7-Zip."
            )
        raise DumpRejected(f"{where} is truncated or damaged ({error or 'it ends too early'}). {again}") from error


def _of_its_true_size(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """Make zipfile read the file to its end, not to the claimed size, if it may be larger than 4 GiB."""
    if info.compress_size * _LARGE_FOLD < _FOUR_GIB:
        return info
    unlimited = copy(info)
    unlimited.file_size = 2**63
    return unlimited


def _unpacked(stream: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield the file's bytes. Raises BadZipFile unless there are `size` of them, give or take multiples of 4 GiB."""
    total = 0
    while chunk := stream.read(CHUNK):
        total += len(chunk)
        yield chunk
    if total % _FOUR_GIB != size % _FOUR_GIB:
        raise zipfile.BadZipFile(f"it has {total:,} bytes, not {size:,}")


def _gunzipped(stream: Iterator[bytes], where: str) -> Iterator[bytes]:
    """Yield the content of a .gz, which may have several members one after the other, and zeros at its end."""
    unpacker = zlib.decompressobj(_GZIP)
    begun = False
    for packed in stream:
        rest = packed
        while rest:
            if unpacker.eof:
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                unpacker = zlib.decompressobj(_GZIP)
            begun = True
            if chunk := unpacker.decompress(rest, CHUNK):
                yield chunk
            rest = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if not begun or not unpacker.eof:
        raise DumpRejected(f"{where} is a truncated gzip. {_AGAIN}")
