"""The lines of a file, and those that are refused."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubic.kafka.errors import RecordsRefused
from cubic.kafka.file import ALPHABET, Buckets, File, Range, new_id, write
from cubic.kafka.reading import Record
from ingestion.errors import Terminal
from tests.fakes import SNAPSHOT_TIME, FakeS3

BUCKETS = Buckets("incoming", "error")
FILE = File("3mhDWjdSGRfBSs6vMdYqVF", "sample", (Range("shardId-000000000000", 1, 9, ended=False),), 9)


def written(*data: bytes, s3: FakeS3 | None = None) -> tuple[list[bytes], list[dict[str, Any]], list[Terminal]]:
    """The lines in Incoming, those in the error bucket, and what people were told."""
    s3 = s3 or FakeS3()
    told: list[Terminal] = []
    for bucket in ("incoming", "error"):
        if bucket not in s3.buckets:
            s3.create_bucket(Bucket=bucket)
    records = [Record("shardId-000000000000", at, SNAPSHOT_TIME, "key", it) for at, it in enumerate(data, start=1)]
    write(FILE, records, s3, BUCKETS, told.append)  # type: ignore[arg-type]
    kept, refused = s3.keys("incoming").get(FILE.key), s3.keys("error").get(FILE.refused_key)
    return lines(kept), [json.loads(line) for line in lines(refused)], told


def lines(body: bytes | None) -> list[bytes]:
    if body is None:
        return []
    assert body.endswith(b"\n")
    return body.removesuffix(b"\n").split(b"\n")


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1}',
        b' { "a" : 1.10, "a": 2 } ',
        '{"text":"\u2028 \\n \\u0000 🔥"}'.encode(),
        b"{}",
        b'{"big":123456789012345678901234567890}',
    ],
)
def test_an_object_is_a_line_verbatim(data: bytes) -> None:
    assert written(data) == ([data], [], [])


def test_line_breaks_between_tokens_become_spaces_so_that_a_record_stays_one_line() -> None:
    assert written(b'{\r\n  "a": 1\n}\n', b"{}") == ([b'{    "a": 1 } ', b"{}"], [], [])


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[1]", b'"text"', b"null", b"{", b'{"a":1}{"b":2}', b'{"a":NaN}', b'{"a":"\xff"}', b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}", b'{"a":"x\ny"}', b"\xf3\x89\x9a\xc2aggregated", b'{"a":' + b"[" * 100_000,
    ],
)  # fmt: skip
def test_anything_else_is_kept_in_the_error_bucket_with_its_bytes_and_people_are_told_once(data: bytes) -> None:
    kept, refused, [told] = written(b"{}", data, data)
    assert kept == [b"{}"]
    assert [(b64decode(it["data"]), it["sequence_number"]) for it in refused] == [(data, "2"), (data, "3")]
    assert isinstance(told, RecordsRefused)
    first = FILE.ranges[0].shard
    assert f"2 of 3 records of the topic sample are not JSON objects in UTF-8, the first: 2 of {first}." in str(told)
    assert f"s3://error/{FILE.refused_key}" in str(told)


def test_a_file_of_which_nothing_is_left_is_not_written() -> None:
    kept, refused, told = written(b"no", b"no")
    assert (kept, len(refused), len(told)) == ([], 2, 1)


def test_a_file_that_is_there_is_left_as_it_is() -> None:
    s3 = FakeS3()
    written(b"{}", b"no", s3=s3)
    written(b"{}", b"no", s3=s3)
    assert [len(versions) for bucket in s3.buckets.values() for versions in bucket.values()] == [1, 1]


@given(
    st.lists(st.binary() | st.dictionaries(st.text(), st.text() | st.floats() | st.none()).map(json.dumps).map(str.encode))
)
def test_no_record_is_lost_and_each_line_is_an_object(data: list[bytes]) -> None:
    kept, refused, told = written(*data)
    assert len(kept) + len(refused) == len(data)
    assert all(isinstance(json.loads(line), dict) for line in kept)
    assert bool(refused) == bool(told)


def test_an_id_has_22_characters_of_the_alphabet_and_is_another_each_time() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(it) == 22 and set(it) <= set(ALPHABET) for it in ids)
    assert len(set(ALPHABET)) == 57
