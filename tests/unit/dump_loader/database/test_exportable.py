"""Names of tables and columns in the export, whatever the dump calls them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dump_loader.database.exportable import exportable
from lake.schema import clean
from liberator.errors import DumpRejected

# what MySQL lets be, and what needs renaming more often than chance would have it
NAMES = st.text(min_size=1, max_size=64) | st.text("aAb_1$ ./é", min_size=1, max_size=4)


@given(st.lists(NAMES, unique=True))
def test_all_names_can_be_exported_and_stay_apart_in_the_catalog(names: list[str]) -> None:
    given_names = exportable(names, "Tables")
    assert list(given_names) == names
    assert all(re.fullmatch(r"[A-Za-z0-9$_]{1,64}", new) for new in given_names.values())
    assert len({clean(new) for new in given_names.values()}) == len(names)


@given(NAMES, st.lists(NAMES), st.lists(NAMES))
def test_a_name_that_cannot_stay_becomes_the_same_whatever_its_neighbours(
    name: str, neighbours: list[str], others: list[str]
) -> None:
    odd = f"{name[:63]}."
    assert exportable({odd, *neighbours}, "Tables")[odd] == exportable({odd, *others}, "Tables")[odd]


@pytest.mark.parametrize("name", ["permits", "PCN_2021", "a$b", "1", "_", "import_date", "x" * 64])
def test_what_can_be_exported_keeps_its_name(name: str) -> None:
    assert exportable([name, "empty one"], "Tables")[name] == name


@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("empty one", "empty_one_dade61f2"),
        ("a/b", "a_b_c14cddc0"),
        ("Straße", "Stra_e_58a3778c"),
        ("🚲", "__26687195"),
        (f"{'x' * 63}=", f"{'x' * 55}_d50076b1"),
    ],
)
def test_tomorrow_it_has_the_same_name(name: str, new: str) -> None:
    assert exportable([name], "Tables") == {name: new}


@pytest.mark.parametrize("alike", [["Notes", "notes"], ["a$b", "a_b"], ["a b", "a_b"], ["x" * 63 + " ", "x" * 63 + "."]])
def test_of_names_that_would_be_one_in_the_catalog_neither_takes_over_the_others_days(alike: list[str]) -> None:
    together, alone = exportable(alike, "Tables"), {name: exportable([name], "Tables")[name] for name in alike}
    assert len({clean(new) for new in together.values()}) == 2
    for name in alike:
        other = next(it for it in alike if it != name)
        assert clean(together[name]) != clean(alone[other])


def test_names_that_are_made_to_become_one_are_refused() -> None:
    [made] = exportable(["a b"], "Tables").values()
    with pytest.raises(DumpRejected, match=rf"Columns of table 't' \['a b', '{made}'\] would have one name"):
        exportable(["a b", made], "Columns of table 't'")
