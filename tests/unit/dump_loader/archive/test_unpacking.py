"""Whatever the bytes: the SQL of a zip, or DumpRejected; never another error, never much memory."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zipfile
import zlib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dump_loader.archive import unpacking
from ingestion.errors import IngestionError
from liberator.errors import DumpRejected
from tests.zips import deflate_of, forged, gzip_of

SQL = b"CREATE TABLE permits (id INT);\n" + b"".join(b"INSERT INTO permits VALUES (%d);\n" % i for i in range(300))
LIMIT = 10**6


def unpacked(content: bytes, *, limit: int = LIMIT) -> int:
    """How many bytes of SQL there are; raises what the loader would see."""
    with unpacking.opened(io.BytesIO(content), len(content), "s3://b/k.zip") as zipped:  # type: ignore[arg-type]
        sql = unpacking.member(zipped, "s3://b/k.zip", max_bytes=limit)
        total = 0
        for chunk in unpacking.chunks(zipped, sql, max_bytes=limit):
            assert len(chunk) <= unpacking.CHUNK
            total += len(chunk)
            assert total <= limit
        return total


def holds(content: bytes) -> None:
    try:
        unpacked(content)
    except IngestionError as error:
        assert "s3://b/k.zip" in str(error)  # noqa: PT017  either outcome is right
        assert "\n" not in str(error)  # noqa: PT017


def zip_of(method: int, name: str = "liberator.sql") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        made.writestr("readme.txt", "x")
        made.writestr(name, SQL)
    return file.getvalue()


ZIPS = st.sampled_from(
    [zip_of(m, n) for m in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for n in ("a.sql", "é/a.SQL", "a.sql.gz")]
)
# the directory, where a change is most likely to be believed, is at the end
PLACES = st.one_of(st.integers(0, 1 << 20), st.integers(-200, -1))


@settings(max_examples=500)
@given(ZIPS, st.lists(st.tuples(PLACES, st.binary(min_size=1, max_size=8)), min_size=1, max_size=6))
def test_a_zip_with_other_bytes_here_and_there(content: bytes, changes: list[tuple[int, bytes]]) -> None:
    changed = bytearray(content)
    for place, replacement in changes:
        at = place % len(changed)
        changed[at : at + len(replacement)] = replacement
    holds(bytes(changed))


@given(ZIPS, st.integers(0, 1 << 20), st.integers(0, 1 << 20), st.binary(max_size=30))
def test_a_part_of_a_zip_with_something_around_it(content: bytes, first: int, last: int, other: bytes) -> None:
    begin, end = sorted((first % len(content), last % len(content)))
    for part in (content[:end], content[begin:], content[:begin] + content[end:]):
        holds(part)
        holds(other + part)
        holds(part + other)


@given(st.binary(max_size=400))
@example(b"PK\x05\x06" + b"\xff" * 18)
@example(b"PK\x05\x06" + b"\0" * 18)
@example(b"PK\x06\x07" + b"\xff" * 16 + b"PK\x05\x06" + b"\xff" * 16 + b"\0\0")
def test_bytes_that_are_no_zip(content: bytes) -> None:
    holds(content)
    holds(b"PK\x03\x04" + content)


@settings(max_examples=300)
@given(
    st.integers(0, 2**40),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, 99]),
    st.sampled_from(["a.sql", "a.sql.gz"]),
)
def test_sizes_that_lie(claims: int, method: int, name: str) -> None:
    holds(forged(SQL, claims=claims, method=method, name=name))
    holds(forged(zlib.compress(SQL, wbits=-15), claims=claims, method=method, name=name))


@pytest.mark.parametrize(
    "name",
    ["a\nb.sql", "a\x1b[31m.sql", "x" * 60_000 + ".sql", "../a\n.sql", "\u202e.sql"],
    ids=["lf", "esc", "long", "dots", "rtl"],
)
def test_a_name_can_neither_break_the_error_line_nor_fill_it(name: str) -> None:
    with pytest.raises(DumpRejected) as raised:
        unpacked(forged(b"x", claims=2 * LIMIT, name=name))
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 600


def test_what_claims_less_than_it_expands_to_is_damaged() -> None:
    with pytest.raises(DumpRejected, match="truncated or damaged"):
        unpacked(forged(deflate_of(100_000_000), claims=1000), limit=10**6)  # it is not expanded any further than it claims


@pytest.mark.parametrize("name", ["a.sql", "a.sql.gz"])
def test_a_size_modulo_4_gib_is_macos_s(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    content = gzip.compress(SQL) if name.endswith(".gz") else SQL
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(name, content)
        made.getinfo(name).file_size -= 512
    with pytest.raises(DumpRejected, match="truncated or damaged"):
        unpacked(file.getvalue())
    monkeypatch.setattr(unpacking, "_FOUR_GIB", 512)
    assert unpacked(file.getvalue()) == len(SQL)


class Sparse(io.RawIOBase):
    """A file with a hole of 4 GiB in front of its last bytes."""

    def __init__(self, content: bytes, last: int) -> None:
        self._first, self._last = content[:-last], content[-last:]
        self._at, self.size = 0, len(content) + 2**32

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self.size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        behind = self._at - (self.size - len(self._last))
        part = self._last[behind:] if behind >= 0 else self._first[self._at :] or bytes(min(len(buffer), -behind))
        part = part[: len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


def test_an_archive_of_more_than_4_gib_by_macos_is_refused_with_what_to_do() -> None:
    content = zip_of(zipfile.ZIP_DEFLATED)
    file = Sparse(content, len(content) - content.index(b"PK\x01\x02"))
    with unpacking.opened(file, file.size, "s3://b/k.zip") as zipped:
        sql = unpacking.member(zipped, "s3://b/k.zip", max_bytes=LIMIT)
        with pytest.raises(DumpRejected, match=r"macOS's Archive Utility.* by the command `zip`"):
            list(unpacking.chunks(zipped, sql, max_bytes=LIMIT))


@pytest.mark.parametrize("letter", [b" ", b"\0"])
def test_a_bomb_is_refused_before_it_expands(letter: bytes) -> None:
    forty_gigabytes = 40 * 10**9
    content = forged(deflate_of(forty_gigabytes, letter), claims=forty_gigabytes)
    assert 30_000_000 < len(content) < 60_000_000
    with pytest.raises(DumpRejected, match="expands more than 500-fold"):
        unpacked(content, limit=500 * 10**9)
    with pytest.raises(DumpRejected, match="expands to more than 20,000,000,000 bytes"):
        unpacked(content, limit=20 * 10**9)


def test_a_gzip_bomb_is_refused_while_it_expands_in_little_memory() -> None:
    packed = gzip_of(4 * 10**9)
    content = forged(packed[:400_000], claims=400_000, method=zipfile.ZIP_STORED, name="a.sql.gz")
    tracemalloc.start()
    try:
        with pytest.raises(DumpRejected, match="expands more than 500-fold"):
            unpacked(content, limit=500 * 10**9)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


def test_a_directory_of_a_million_names_is_not_read() -> None:
    entry = b"PK\x01\x02" + b"\0" * 42
    directory = entry * 1_000_000
    end = b"PK\x05\x06" + b"\0" * 4 + b"\xff\xff" * 2 + len(directory).to_bytes(4, "little") + b"\0" * 4 + b"\0\0"
    tracemalloc.start()
    try:
        with pytest.raises(DumpRejected, match=r"not a zip|directory"):
            unpacked(directory + end)
        peak = tracemalloc.get_traced_memory()[1] - len(directory)  # that is the file itself
    finally:
        tracemalloc.stop()
    assert peak < 70 * 1024 * 1024
