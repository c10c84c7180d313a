"""JSON lines as Kafka's topics give them."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubic_job.json_rows import json_rows
from cubic_job.lines import lines
from cubic_job.refusals import Code, Refused

NAME = "mhvXdrj4gyZtFHEoV5fZn6.json"


def read(content: bytes) -> list[dict[str, str | None]]:
    rows = json_rows(lambda: lines(io.BytesIO(content), NAME), NAME)
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.values]


def test_top_level_fields_are_columns_and_the_line_is_kept() -> None:
    first, second = b'{"ID":1,"name":"\\u00fc"}', b' { "b" : [1, {"x": 1.50}] ,"name":null, "ID": 1e400 } '
    assert read(first + b"\n" + second + b"\r\n") == [
        {"id": "1", "name": "ü", "b": None, "record": first.decode()},
        {"id": "1e400", "name": None, "b": '[1, {"x": 1.50}]', "record": second.decode()},
    ]


def test_an_empty_object_is_a_record_too() -> None:
    assert read(b"{}\n") == [{"record": "{}"}]


@pytest.mark.parametrize(
    "line",
    [
        b"", b"1", b'"x"', b"[]", b"null", b"{", b'{"a":1}x', b"{'a':1}", b'{"a":NaN}', b'{"a":1}{"b":2}', b'{"a":1,}',
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_line_that_is_no_object_is_refused_with_its_number(line: bytes) -> None:
    with pytest.raises(Refused) as caught:
        read(b'{"a":1}\n' + line + b'\n{"a":2}\n')
    assert caught.value.code == Code.NOT_JSON
    assert "line 2 of" in caught.value.text


def test_fields_that_would_share_a_column_are_refused() -> None:
    with pytest.raises(Refused) as caught:
        read(b'{"a b":1}\n{"A_B":2}\n')
    assert caught.value.code == Code.WRONG_HEADER


def test_a_field_named_record_or_as_a_partition_key_stands_beside_it() -> None:
    line = '{"record":1,"identifier":2}'
    assert read(line.encode()) == [{"record_2": "1", "identifier_2": "2", "record": line}]


def test_half_a_character_is_seen_in_the_line_alone() -> None:
    line = '{"a":"\\ud83d"}'
    assert read(line.encode()) == [{"a": "?", "record": line}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b c", "ü"]), JSON), min_size=1, max_size=5), st.booleans())
def test_nothing_of_an_object_is_lost(objects: list[dict[str, object]], ascii_only: bool) -> None:
    written = [json.dumps(it, ensure_ascii=ascii_only) for it in objects]
    rows = read("\n".join(written).encode(errors="replace"))
    assert [row["record"] for row in rows] == [line.encode(errors="replace").decode() for line in written]
    names = {"a": "a", "b c": "b_c", "ü": "_"}
    for row, it in zip(rows, objects, strict=True):
        for name, value in it.items():
            found = row[names[name]]
            if isinstance(value, str) or value is None:
                assert found == (value and value.encode(errors="replace").decode())
            else:
                assert found is not None
                assert json.loads(found) == json.loads(json.dumps(value).encode(errors="replace"))
