"""CSV as it is delivered: what is read from it, and each way in which it is refused."""

from __future__ import annotations

import csv
import gzip
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubic_job import csv_rows as module
from cubic_job import lines as lines_module
from cubic_job.csv_rows import csv_rows
from cubic_job.lines import lines
from cubic_job.refusals import Code, Refused

NAME = "LOAD001.csv"
Row = tuple[str | None, ...]


def described(*columns: str, count: int | None = None) -> dict[str, Any]:
    """A DFM, as far as it matters."""
    return {"dataInfo": {"columns": [{"name": name} for name in columns]}, "fileInfo": {"recordCount": count}}


def read(content: bytes, description: dict[str, Any] | None = None, name: str = NAME) -> tuple[tuple[str, ...], list[Row]]:
    rows = csv_rows(lines(io.BytesIO(content), name), name, description)
    return rows.columns, [tuple(row) for row in rows.values]


def rows_of(content: bytes, description: dict[str, Any] | None = None, name: str = NAME) -> list[Row]:
    return read(content, description, name)[1]


def outcome(content: bytes, description: dict[str, Any] | None = None, name: str = NAME) -> list[Row] | Refused:
    try:
        return rows_of(content, description, name)
    except Refused as refused:
        return refused


def refusal(content: bytes, description: dict[str, Any] | None = None, name: str = NAME) -> Refused:
    refused = outcome(content, description, name)
    assert isinstance(refused, Refused), refused
    return refused


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"a,b\n1,2\n", [("1", "2")]),
        (b"a,b\n1,2", [("1", "2")]),
        (b"a,b\n", []),
        (b"a,b", []),
        (b"a,b\r\n1,2\r\n3,4", [("1", "2"), ("3", "4")]),
        (b"\xef\xbb\xbfa,b\n1,2\n", [("1", "2")]),
        (b'\xef\xbb\xbf"a",b\n1,2\n', [("1", "2")]),
        ('a,b\n"a\nb, ""c"" 🔥",\n'.encode(), [('a\nb, "c" 🔥', None)]),
        (b'a,b\n"",\n,""\n"",""\n,\n', [("", None), (None, ""), ("", ""), (None, None)]),
        (b'a,b\n"x,y",""\n"x,y",\n"",""""\n,"x,"",y"\n', [("x,y", ""), ("x,y", None), ("", '"'), (None, 'x,",y')]),
        (b'a,b\n"x\r\ny","p\rq"\r\n', [("x\r\ny", "p\rq")]),
        (b'a,b\nx"y,"" \n', None),
        (b'a,b\nx"y,z"\n', [('x"y', 'z"')]),
        (b"a,b\n 1 ,\t\n", [(" 1 ", "\t")]),
        (b"a,b\nNULL,\\N\n", [("NULL", "\\N")]),
        (b"a,b\n1,2\n\n\r\n", [("1", "2")]),
        (b'a\n\n""\nx\n', [(None,), ("",), ("x",)]),
        (b"a,b\n\x00,\xe2\x80\xa8\n", [("\x00", "\u2028")]),
    ],
)
def test_a_value_is_read_as_it_was_written(content: bytes, rows: list[Row] | None) -> None:
    if rows is None:
        assert refusal(content).code == Code.UNCLOSED_QUOTE
    else:
        assert rows_of(content) == rows
        assert rows_of(gzip.compress(content), name="LOAD001.csv.gz") == rows


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"", Code.EMPTY_FILE, "no content"),
        (b"a,b\n1,2\n3\n", Code.RAGGED_ROW, "line 3 of LOAD001.csv has 1 values, not 2"),
        (b'a,b\n"x\ny",2\n3,4,5\n', Code.RAGGED_ROW, "line 4 of"),
        (b"a,b\r1,2\r", Code.RAGGED_ROW, "begins in line 1"),
        ("a,b\n1,2\n3,Zürich\n".encode("cp1252"), Code.BAD_ENCODING, "line 3 of LOAD001.csv is not UTF-8 (byte 0xfc at 3)"),
        (b'a,b\n1,2\n3,"4\n5,6\n7,8\n', Code.UNCLOSED_QUOTE, "begins in line 3"),
        (b'a,b\n1,"2"x\n', Code.UNCLOSED_QUOTE, "begins in line 2"),
        (b'a,b\n1,"2" \n', Code.UNCLOSED_QUOTE, "begins in line 2"),
        (b"a,A\n1,2\n", Code.WRONG_HEADER, "same name"),
        (b"a,\n1,2\n", Code.WRONG_HEADER, "column 2 has no name"),
        (b"\n1,2\n", Code.WRONG_HEADER, "header"),
        ("a,b\n1,2\n".encode("utf-16"), Code.BAD_ENCODING, "line 1"),
    ],
)
def test_a_damaged_file_is_refused_with_its_place(content: bytes, code: Code, says: str) -> None:
    refused = refusal(content)
    assert refused.code == code
    assert says in refused.text


@pytest.mark.parametrize("name", ["a b", "1st", "größe", "x;y", "order", "'quoted'", "header__change_seq", "ID"])
def test_an_odd_name_becomes_one_of_the_catalogs(name: str) -> None:
    [column] = read(f'"{name}"\n1\n'.encode())[0]
    assert column == column.lower()
    assert column.replace("_", "a").isalnum()
    assert column.isascii()


def test_a_column_named_as_a_partition_key_is_kept_beside_it() -> None:
    assert read(b"Snapshot,identifier,run\n1,2,3\n") == (("snapshot_2", "identifier_2", "run_2"), [("1", "2", "3")])


def test_the_header_must_be_that_of_the_description() -> None:
    assert read(b"ID,Name\n1,x\n", described("id", "NAME")) == (("id", "name"), [("1", "x")])
    for columns in (["id"], ["name", "id"], ["id", "name", "more"]):
        assert refusal(b"ID,Name\n1,x\n", described(*columns)).code == Code.WRONG_HEADER


@pytest.mark.parametrize(
    "description",
    [
        {},
        {"dataInfo": None, "fileInfo": None},
        {"dataInfo": {}, "fileInfo": {"recordCount": None}},
        {"dataInfo": {"columns": None}, "fileInfo": []},
        {"dataInfo": {"columns": [None, {}]}, "fileInfo": {"recordCount": "many"}},
    ],
)
def test_a_description_that_says_nothing_is_none(description: dict[str, Any]) -> None:
    assert rows_of(b"a\n1\n", description) == [("1",)]


def test_the_rows_must_be_as_many_as_the_description_says() -> None:
    assert rows_of(b"a\n1\n2\n", described("a", count=2)) == [("1",), ("2",)]
    refused = refusal(b"a\n1\n", described("a", count=2))
    assert (refused.code, refused.text[:40]) == (Code.COUNT_MISMATCH, "LOAD001.csv has 1 rows, 2 by its DFM: ha")


def test_a_line_or_a_value_of_endless_length_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "LONGEST", 1000)
    monkeypatch.setattr(module, "LONGEST_VALUE", 300)
    assert refusal(b"a,b\n" + 600 * b"x,").code == Code.OTHER
    refused = refusal(b'a,b\n1,"' + 30 * b"nobody closes\n")
    assert (refused.code, "field limit (300)" in refused.text) == (Code.UNCLOSED_QUOTE, True)


def test_a_value_of_a_million_characters_is_read() -> None:
    assert rows_of(b"a,b\n1," + 10**6 * b"x") == [("1", 10**6 * "x")]


@pytest.mark.parametrize("header", [b"a,b\n", b'"a","b"\r\n'])
def test_a_byte_order_mark_is_no_part_of_a_name(header: bytes) -> None:
    assert read(b"\xef\xbb\xbf" + header + b"1,2\n") == (("a", "b"), [("1", "2")])


SAMPLE = 'id,name,note\n1,"Ann, ""A""",x\n2,,"two\nlines"\n3,"",Ü🔥\n4,d,e\n'.encode()
GOOD: list[Row] = [("1", 'Ann, "A"', "x"), ("2", None, "two\nlines"), ("3", "", "Ü🔥"), ("4", "d", "e")]
ZIPPED = gzip.compress(SAMPLE, mtime=0)
DFM = described("id", "name", "note", count=4)


@pytest.mark.parametrize("damage", [0x00, 0x0A, 0x0D, 0x20, 0x22, 0x2C, 0x41, 0x80, 0xC3, 0xFF])
def test_a_byte_that_changes_never_takes_rows_away(damage: int) -> None:
    """Without a sum of their own, values may be others; rows may not be fewer."""
    for at in range(len(SAMPLE)):
        found = outcome(SAMPLE[:at] + bytes([damage]) + SAMPLE[at + 1 :], DFM)
        assert isinstance(found, Refused) or len(found) == len(GOOD), at


def test_a_cut_never_takes_rows_away() -> None:
    for at in range(len(SAMPLE)):
        found = outcome(SAMPLE[:at], DFM)
        assert isinstance(found, Refused) or len(found) == len(GOOD), at


@pytest.mark.parametrize("flipped", [0x01, 0x10, 0x80, 0xFF])
def test_a_damaged_gzip_is_refused_or_read_exactly(flipped: int) -> None:
    for at in range(len(ZIPPED)):
        found = outcome(ZIPPED[:at] + bytes([ZIPPED[at] ^ flipped]) + ZIPPED[at + 1 :], name="LOAD001.csv.gz")
        assert found == GOOD or (isinstance(found, Refused) and found.code in {Code.CUT_GZIP, Code.EMPTY_FILE}), at


def test_a_cut_gzip_is_refused() -> None:
    for at in range(len(ZIPPED)):
        assert refusal(ZIPPED[:at], name="LOAD001.csv.gz").code in {Code.CUT_GZIP, Code.EMPTY_FILE}
    assert refusal(ZIPPED + b"more", name="LOAD001.csv.gz").code == Code.CUT_GZIP


VALUES = st.none() | st.text(st.characters(codec="utf-8") | st.sampled_from('",\r\n ')) | st.sampled_from(["", '""', ","])
TABLES = st.integers(2, 4).flatmap(lambda width: st.lists(st.lists(VALUES, min_size=width, max_size=width), max_size=20))


@given(TABLES, st.sampled_from(["\n", "\r\n"]))
def test_whatever_python_writes_is_read_back(table: list[list[str | None]], end: str) -> None:
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_NOTNULL, lineterminator=end)
    writer.writerow([f"c{i}" for i in range(len(table[0]) if table else 2)])
    writer.writerows(table)
    assert rows_of(written.getvalue().encode()) == [tuple(row) for row in table]


@given(TABLES, st.sampled_from(["\n", "\r\n"]))
def test_without_needless_quotes_an_empty_value_is_none(table: list[list[str | None]], end: str) -> None:
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_MINIMAL, lineterminator=end)
    writer.writerow([f"c{i}" for i in range(len(table[0]) if table else 2)])
    writer.writerows(table)
    assert rows_of(written.getvalue().encode()) == [tuple(value or None for value in row) for row in table]
