"""Names of columns: readable where they can be, never two of one name, never one that needs more than quoting."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_commons.errors import SpecRefused
from data_commons.names import LIMIT, cleaned, named


@pytest.mark.parametrize(
    ("source", "clean"),
    [
        ("order", "order"),
        ("2020", "2020"),
        ("a b", "a_b"),
        ('a"b', "a_b"),
        ("x;drop table y", "x_drop_table_y"),
        ("µg/m³", "ug_m3"),
        ("\u03bcg/m³", "ug_m3"),
        ("g/m³", "g_m3"),
        ("Straße", "strasse"),
        ("Émission  totale (t)", "emission_totale_t_"),
        (" padded\n", "padded"),
        ("__index_level_0__", "__index_level_0__"),
        ("日本", "c_cf2abf0c"),
        ("", "c_e3b0c442"),
        ("日本 GDP", "_gdp"),
    ],
)
def test_a_name_is_cleaned(source: str, clean: str) -> None:
    assert cleaned(source) == clean


def test_long_names_stay_apart() -> None:
    one, other = cleaned("x" * 300), cleaned("x" * 299 + "y")
    assert len(one) == len(other) == LIMIT
    assert one != other


@given(st.text())
def test_every_name_is_plain_and_stays_as_it_is_when_cleaned_again(source: str) -> None:
    clean = cleaned(source)
    assert re.fullmatch("[a-z0-9_]{1,255}", clean)
    assert cleaned(clean) == clean


def test_two_equal_names_are_refused_with_the_line_that_mends_it() -> None:
    with pytest.raises(SpecRefused) as refused:
        named(["a", "b", "A"], {})
    assert "'a' and 'A', would both be called 'a'" in str(refused.value)
    assert '"A": {"name": "a_2"}' in str(refused.value)
    assert named(["a", "b", "A"], {"A": "a_2"}) == ["a", "b", "a_2"]


def test_a_given_name_that_another_column_has_is_refused() -> None:
    with pytest.raises(SpecRefused, match="would both be called 'b'"):
        named(["a", "b"], {"a": "b"})


def test_one_name_twice_can_only_be_mended_in_the_source() -> None:
    with pytest.raises(SpecRefused, match=r"^Columns 1 and 3 of the source, .*Rename one of them in the source"):
        named(["", "b", ""], {})
