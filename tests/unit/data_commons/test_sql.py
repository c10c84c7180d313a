"""The text of the statements; the real server's word on them is in tests/integration/services/trino_publisher."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_commons import sql
from data_commons.errors import SpecRefused
from data_commons.sql import ColumnOf, Name

BIKES = Name("osc_datacommons_dev", "tfl", "bikes")
FOLDER = "s3a://datacommons-dev/trino/tfl/bikes/6f0e1d0a"


def test_the_table_of_the_guide() -> None:
    made = sql.create_table(BIKES, [ColumnOf("id", "bigint"), ColumnOf("name", "varchar")], FOLDER)
    assert made.replace('"', "") == (
        "create table if not exists osc_datacommons_dev.tfl.bikes(\n    id bigint,\n    name varchar\n) "
        f"with (format = 'parquet', external_location = '{FOLDER}')"
    )
    assert sql.create_schema("osc_datacommons_dev", "tfl").replace('"', "") == (
        "create schema if not exists osc_datacommons_dev.tfl"
    )


def test_comments_and_properties_are_in_it_where_there_are_any() -> None:
    made = sql.create_table(
        BIKES, [ColumnOf("id", "bigint", "o'brien's")], FOLDER, comment="Two\nlines", properties={"a": "'"}
    )
    assert "bigint comment 'o''brien''s'\n) comment 'Two\nlines' with (" in made
    assert made.endswith("extra_properties = map(array['a'], array['''']))")


@given(st.text())
def test_a_quoted_name_ends_where_it_should(name: str) -> None:
    quoted = sql.identifier(name)
    assert re.fullmatch(r'"(?:[^"]|"")*"', quoted, re.DOTALL)
    assert quoted[1:-1].replace('""', '"') == name


@given(st.text())
def test_a_quoted_text_ends_where_it_should(text: str) -> None:
    quoted = sql.literal(text)
    assert re.fullmatch(r"'(?:[^']|'')*'", quoted, re.DOTALL)
    assert quoted[1:-1].replace("''", "'") == text


TYPES = ["bigint", "decimal(10,2)", "timestamp(6) with time zone", 'array(row(a bigint, "b c" map(varchar, date)))']
NO_TYPES = [
    "", "bigint, x varchar", "bigint)", "bigint) with (format = 'orc'", "(bigint)", "bigint comment 'x'", "array(bigint",
    'row("a)', "bigint -- ", "bigint; drop table x", "varchar\n", "2",
]  # fmt: skip


@pytest.mark.parametrize("text", TYPES)
def test_a_type_is_let_through(text: str) -> None:
    assert sql.type_text(text) == text


@pytest.mark.parametrize("text", NO_TYPES)
def test_a_text_that_is_more_than_a_type_is_refused(text: str) -> None:
    with pytest.raises(SpecRefused, match="is no type of Trino's"):
        sql.create_table(BIKES, [ColumnOf("id", text)], FOLDER)


@given(st.text(), st.integers(min_value=1, max_value=300))
def test_a_text_is_cut_between_characters(text: str, largest: int) -> None:
    cut = sql.cut(text, largest) or ""
    assert text.startswith(cut)
    assert len(cut.encode()) <= largest < len(text[: len(cut) + 1].encode()) or cut == text


def test_a_comment_of_a_column_is_one_line() -> None:
    assert sql.one_line("Metres\r\n  above\tsea ") == "Metres above sea"
    assert sql.one_line("") is None
    assert sql.comment_on_column(BIKES, "a b", None).endswith('."a b" is null')
