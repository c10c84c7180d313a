"""Zips that are not what they claim."""

from __future__ import annotations

import io
import zipfile
import zlib


def forged(packed: bytes, *, claims: int, method: int = zipfile.ZIP_DEFLATED, name: str = "liberator.sql") -> bytes:
    """A zip whose directory claims `claims` bytes for what is `packed`."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(name, packed)
        info = made.getinfo(name)
        info.compress_type, info.file_size = method, claims
    return file.getvalue()


def gzip_of(size: int, letter: bytes = b" ") -> bytes:
    """As if `size` times the letter had been compressed, in a moment: one block of a megabyte, repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(letter * 1024 * 1024) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + block * (size // (1024 * 1024))


def deflate_of(size: int, letter: bytes = b" ") -> bytes:
    return gzip_of(size, letter)[10:]
