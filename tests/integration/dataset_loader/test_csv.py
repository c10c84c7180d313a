"""CSV: every value is the source's by the rules, or the file is refused with the place and the mend."""

from __future__ import annotations

import datetime as dt
import gzip
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.dataset_loader.commons import Commons


def test_values_keep_what_they_are(commons: Commons) -> None:
    rows = [
        "code,country,big,huge,old,exp,gap,moment,zoned,flag",
        "007,NA,9223372036854775808,1234567890123456789012345678901234567890,1899-12-31,1e400,1,2020-01-01T10:00,2020-01-01T10:00Z,true",
        "12,,1,1,0001-01-01,1,,2020-01-02 10:00:00.000001,2020-01-01T10:00:00+01:00,false",
    ]
    table = commons.table("\n".join(rows).encode())
    assert {c.name: c.type for c in commons.attempts()[0].columns} == {
        "code": "varchar",
        "country": "varchar",
        "big": "decimal(38,0)",
        "huge": "varchar",
        "old": "date",
        "exp": "varchar",
        "gap": "bigint",
        "moment": "timestamp(6)",
        "zoned": "timestamp(6)",
        "flag": "boolean",
    }
    assert table.to_pydict() == {
        "code": ["007", "12"],
        "country": ["NA", None],
        "big": [Decimal(2**63), Decimal(1)],
        "huge": ["1234567890123456789012345678901234567890", "1"],
        "old": [dt.date(1899, 12, 31), dt.date(1, 1, 1)],
        "exp": ["1e400", "1"],
        "gap": [1, None],
        "moment": [dt.datetime(2020, 1, 1, 10), dt.datetime(2020, 1, 2, 10, 0, 0, 1)],  # noqa: DTZ001
        "zoned": [dt.datetime(2020, 1, 1, 10, tzinfo=dt.UTC), dt.datetime(2020, 1, 1, 9, tzinfo=dt.UTC)],
        "flag": [True, False],
    }


def test_only_the_empty_field_is_null(commons: Commons) -> None:
    content = b'a,b\n,""\nx,y\n'
    assert commons.values(content) == {"a": [None, "x"], "b": ["", "y"]}
    asked = {"kind": "csv", "null_values": ["", "NA", "-"], "quoted_nulls": True}
    assert commons.values(b'a,b\nNA,""\n1,-\n', format=asked) == {"a": [None, 1], "b": [None, None]}


@pytest.mark.parametrize(
    ("content", "changes"),
    [
        ("﻿größe,b\n1,ü\n".encode(), {}),
        ("größe,b\n1,ü\n".encode("utf-16"), {"encoding": "utf-16"}),
        ("größe,b\n1,ü\n".encode("latin-1"), {"encoding": "latin-1"}),
        (gzip.compress("größe,b\n1,ü\n".encode()), {}),
        ("größe;b\r\n1;ü\r\n".encode(), {"delimiter": ";"}),
        ("größe,b\r1,ü".encode(), {}),
        ("größe,b\n\n1,ü\n\n".encode(), {}),
        ("A title\n\ngröße,b\n1,ü\n".encode(), {"header_row": 3}),
        ("größe,b\n1,'ü'\n".encode(), {"quote": "'"}),
    ],
    ids=["BOM", "UTF-16", "Latin-1", "gzip", "semicolons, CRLF", "CR, no end", "empty lines", "a title above", "quotes"],
)
def test_ways_to_write_one_file(commons: Commons, content: bytes, changes: dict[str, Any]) -> None:
    assert commons.values(content, format={"kind": "csv"} | changes) == {"grosse": [1], "b": ["ü"]}


def test_tabs_and_gz_are_known_by_the_key(commons: Commons) -> None:
    assert commons.values(gzip.compress(b"a\tb\n1\t2\n"), "data/x.tsv.gz") == {"a": [1], "b": [2]}


def test_newlines_in_values_wherever_blocks_end(commons: Commons) -> None:
    value = "line\n" * 50
    content = "a,b\n" + "".join(f'{i},"{value}{i}"\n' for i in range(40_000))  # 10 MB, blocks have 4
    values = commons.values(content.encode())
    assert values["a"] == list(range(40_000))
    assert all(text == f"{value}{i}" for i, text in enumerate(values["b"]))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty, so the table stays as it is"),
        (b"\n", "has no header in line 1"),
        (b"a,b\n", "a header and no rows, so the types of 'a', 'b' can't be found"),
        ("a\nü\n".encode("latin-1"), "is not utf-8: byte 2 is 0xfc (invalid start byte). If it is cp1252, add to the"),
        ("a\nü\n".encode("utf-16"), "byte 0 is 0xff (invalid start byte). If it is utf-16, add to the spec's format"),
        (b"a\n" + b"x" * 3_000_000 + b"\xff\n", "byte 3000002 is 0xff"),
        (b"a\n\xe2\x82", "byte 2 is 0xe2 (unexpected end of data)"),
        (b"a\n1\0\n", "has a NUL at byte 3"),
        (b"a,b\n1,2\n3\n", "the row number 3, counted with all above it, has 1 fields instead of 2: '3'"),
        (b"a,b\n1,2,3\n", "the row number 2, counted with all above it, has 3 fields instead of 2"),
        (b"a,b\n1,2\n3", "has 1 fields instead of 2: '3'"),
        (b'a,b\n1,"2\n3,4\n', "ends within a quoted value"),
        (gzip.compress(b"a\n1\n")[:-2], "is damaged"),
        (b"a,A\n1,2\n", "Columns 1 and 2 of the source, 'a' and 'A', would both be called 'a'"),
        (b"a,,\n1,2,3\n", "Columns 2 and 3 of the source, '' and '', have one name"),
    ],
    ids=[
        "0 bytes", "no header", "header alone", "Latin-1", "UTF-16", "a byte far on", "cut character", "NUL",
        "too few fields", "too many fields", "last row cut", "quote not closed", "gzip cut", "a and A", "two without a name",
    ],
)  # fmt: skip
def test_what_is_refused(commons: Commons, content: bytes, said: str) -> None:
    assert said in commons.load(content).error
    assert commons.keys() == []
    assert commons.uploads() == []
    assert commons.announced() == []


def test_a_header_alone_is_a_table_if_all_types_are_given(commons: Commons) -> None:
    table = commons.table(b"a,b\n", columns={"a": {"type": "bigint"}, "b": {"type": "varchar"}})
    assert table.num_rows == 0
    assert [str(field.type) for field in table.schema] == ["int64", "string"]
    assert commons.attempts()[0].staged


def test_types_of_the_spec(commons: Commons) -> None:
    types = {"a": "varchar", "b": "decimal(10,2)", "c": "bigint", "d": "timestamp(6)", "e": "real"}
    values = commons.values(
        b"a,b,c,d,e\n1,1.5,007,2020-01-01,1\n", columns={name: {"type": of} for name, of in types.items()}
    )
    assert values == {
        "a": ["1"],
        "b": [Decimal("1.50")],
        "c": [7],
        "d": [dt.datetime(2020, 1, 1)],  # noqa: DTZ001
        "e": [1.0],
    }


@pytest.mark.parametrize(
    ("of", "value"),
    [
        ("bigint", "x"),
        ("integer", "2147483648"),
        ("decimal(3,1)", "1.55"),
        ("decimal(38,0)", "1" * 40),
        ("date", "1.1.2020"),
    ],
)
def test_a_value_that_is_not_of_the_specs_type_is_refused_with_its_row(commons: Commons, of: str, value: str) -> None:
    error = commons.load(f"a\n\n{value}\n".encode(), columns={"a": {"type": of}}).error
    assert f"Row 2 of the source, column 'a': '{value}' is no {of}" in error
    assert [attempt.staged for attempt in commons.attempts()] == [False]
    assert len(commons.keys()) == 1
    assert commons.uploads() == []
    assert commons.announced() == []


def test_too_much_unpacked(commons: Commons, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_UNPACKED_BYTES", "1000000")
    assert "unpacks to more than 1000000 bytes" in commons.load(gzip.compress(b"a\n" + b"1\n" * 10_000_000)).error


def test_names_that_need_care(commons: Commons) -> None:
    header = ["order", "2020", "a b", '"a""b"', "x;drop table y", "µg/m³", "日本", "n" * 300]
    table = commons.table(
        (",".join(header) + "\n" + ",".join("1" * len(header)) + "\n").encode(), columns={'a"b': {"name": "q"}}
    )
    assert table.column_names[:7] == ["order", "2020", "a_b", "q", "x_drop_table_y", "ug_m3", "c_cf2abf0c"]
    assert len(table.column_names[7]) == 255
    assert [c.source for c in commons.attempts()[0].columns][3] == 'a"b'
