"""A file read by ranges is the same file, whatever the network does in between."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import AccessDenied, Replaced
from ingestion.s3_file import S3File
from tests.fakes import FakeClock, client_error

THREADS = ThreadPoolExecutor(3)
CONTENT = bytes(i * 7 % 251 for i in range(1000))


@dataclass
class Body:
    content: bytes
    breaks_after: int | None = None
    closed: bool = False

    def read(self, amount: int) -> bytes:
        if self.breaks_after is not None and self.breaks_after <= 0:
            raise ReadTimeoutError(endpoint_url="https://s3")
        part = self.content[: amount if self.breaks_after is None else min(amount, self.breaks_after)]
        self.content = self.content[len(part) :]
        self.breaks_after = None if self.breaks_after is None else self.breaks_after - len(part)
        return part

    def __enter__(self) -> Body:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True


@dataclass
class S3:
    """An object. `breaks`: after how many bytes each of the next answers breaks off."""

    content: bytes = CONTENT
    breaks: list[int] = field(default_factory=list)
    refuses: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)

    def get_object(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        if self.refuses:
            raise client_error(self.refuses)
        first, last = map(int, request["Range"].removeprefix("bytes=").split("-"))
        self.bodies.append(Body(self.content[first : last + 1], self.breaks.pop(0) if self.breaks else None))
        return {"Body": self.bodies[-1]}


@dataclass
class Upload:
    bucket: str
    key: str
    version_id: str | None
    etag: str
    size: int


def file(s3: S3, *, version_id: str | None = "v1", block: int = 64) -> S3File:
    upload = Upload("data", "parking/x.zip", version_id, '"etag"', len(s3.content))
    return S3File(s3, upload, THREADS, FakeClock(), block=block)  # type: ignore[arg-type]


@pytest.fixture
def s3() -> S3:
    return S3()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(0, 300)),
        st.tuples(st.just("seek"), st.integers(0, 1100)),
        st.tuples(st.just("end"), st.integers(-1000, 20)),
        st.tuples(st.just("on"), st.integers(0, 100)),
    ),
    max_size=20,
)


@given(STEPS, st.integers(1, 200))
def test_it_reads_as_a_file_in_memory_does(steps: list[tuple[str, int]], block: int) -> None:
    expected = io.BytesIO(CONTENT)
    with file(S3(), block=block) as raw, io.BufferedReader(raw, 32) as found:
        for action, number in steps:
            if action == "read":
                assert found.read(number) == expected.read(number)
            else:
                whence = {"seek": io.SEEK_SET, "end": io.SEEK_END, "on": io.SEEK_CUR}[action]
                assert found.seek(number, whence) == expected.seek(number, whence)


def test_what_breaks_off_is_asked_for_from_there_on(s3: S3) -> None:
    s3.breaks = [10, 0, 20]
    with file(s3, block=1000) as found:
        assert found.read(1000) == CONTENT
    assert [r["Range"] for r in s3.requests] == ["bytes=0-999", "bytes=10-999", "bytes=10-999", "bytes=30-999"]
    assert all(body.closed for body in s3.bodies)


def test_a_connection_that_always_breaks_is_given_up(s3: S3) -> None:
    s3.breaks = [0] * 100
    with file(s3, block=1000) as found, pytest.raises(ReadTimeoutError):
        found.read(10)
    assert len(s3.requests) == 6


@pytest.mark.parametrize(("version", "pin"), [("v1", {"VersionId": "v1"}), (None, {"IfMatch": '"etag"'})])
def test_every_range_is_of_the_same_version(s3: S3, version: str | None, pin: dict[str, str]) -> None:
    with file(s3, version_id=version) as found:
        found.read(10)
    assert all(pin.items() <= request.items() for request in s3.requests)


def test_a_file_replaced_meanwhile_is_said(s3: S3) -> None:
    s3.refuses = "PreconditionFailed"
    with file(s3, version_id=None) as found, pytest.raises(Replaced, match=r"s3://data/parking/x\.zip was replaced"):
        found.read(10)


def test_denied_access_is_said(s3: S3) -> None:
    s3.refuses = "AccessDenied"
    with file(s3) as found, pytest.raises(AccessDenied, match=r"s3://data/parking/x\.zip"):
        found.read(10)


def test_only_what_is_read_in_sequence_is_fetched_ahead(s3: S3) -> None:
    with file(s3) as found:
        found.seek(-10, io.SEEK_END)
        found.read(10)
        assert len(s3.requests) == 1
        found.seek(0)
        found.read(10)
        assert len(s3.requests) == 2
        assert b"".join(_all(found)) == CONTENT[10:]
    assert len({r["Range"] for r in s3.requests}) == 16
    assert len(s3.requests) <= 17


def _all(found: S3File) -> Iterator[bytes]:
    while part := found.read(50):
        assert len(found._blocks) <= 5  # noqa: SLF001
        yield part
