"""Files as they come off an answer: zipped or not, broken in every way."""

from __future__ import annotations

import gzip
import hashlib
import io
from base64 import b64encode
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPHeaderDict

from cubic.dmap import download
from cubic.dmap.errors import Refused, TryAgain
from cubic.dmap.https import Answer

LIMIT = 100_000
CSV = b'id,name\n1,"a\nb"\n' * 500


def answer(body: bytes, **headers: str) -> Answer:
    return Answer("files.example", HTTPHeaderDict(headers), io.BytesIO(body).read1)


def file(body: bytes, limit: int = LIMIT, **headers: str) -> bytes:
    return b"".join(download.parts(answer(body, **headers), limit))


def md5(body: bytes) -> dict[str, str]:
    return {"Content-MD5": b64encode(hashlib.md5(body).digest()).decode()}  # noqa: S324  as blob storage does


@given(st.binary(max_size=300), st.lists(st.integers(1, 299)))
def test_a_file_is_the_same_zipped_or_not_whatever_the_size_of_what_comes(body: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    members = [gzip.compress(body[begin:end]) for begin, end in pairwise(places)] or [gzip.compress(body)]
    assert file(b"".join(members)) == body, "of one member or of several"
    if not body.startswith(download.GZIP):
        assert file(body) == body


def test_parts_are_of_one_size_but_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PART", 3_000)
    assert {len(part) for part in download.parts(answer(gzip.compress(CSV)), LIMIT)} == {3_000, len(CSV) % 3_000}


@pytest.mark.parametrize("zipped", [CSV, gzip.compress(CSV)], ids=["as it is", "zipped"])
def test_the_md5_sum_is_that_of_the_body_as_it_came(zipped: bytes) -> None:
    assert file(zipped, **md5(zipped)) == CSV
    for wrong in (md5(zipped + b"x"), {"Content-MD5": "none"}):
        with pytest.raises(TryAgain, match="MD5"):
            file(zipped, **wrong)


def test_gzip_that_is_cut_anywhere_is_not_taken() -> None:
    zipped = gzip.compress(CSV)
    for cut in range(2, len(zipped)):
        with pytest.raises(TryAgain, match="not whole gzip"):
            file(zipped[:cut])


def test_gzip_with_a_wrong_checksum_or_rubbish_behind_it_is_not_taken() -> None:
    zipped = bytearray(gzip.compress(CSV))
    assert file(bytes(zipped) + b"\0" * 512) == CSV, "zeros may follow"
    with pytest.raises(TryAgain, match="not whole gzip"):
        file(bytes(zipped) + b"rubbish")
    zipped[-8] ^= 1
    with pytest.raises(TryAgain, match="not whole gzip"):
        file(bytes(zipped))


def test_what_unzips_to_more_than_the_limit_is_refused_before_it_is_unzipped() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < LIMIT
    with pytest.raises(Refused, match=f"more than {LIMIT} bytes"):
        file(bomb)


def test_a_body_above_the_limit_is_refused_and_one_of_exactly_it_is_not() -> None:
    assert file(b"x" * LIMIT) == b"x" * LIMIT
    with pytest.raises(Refused, match="more than"):
        file(b"x" * (LIMIT + 1))
