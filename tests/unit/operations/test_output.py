from __future__ import annotations

import json
from datetime import date

from operations.output import as_json, table


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(("A", "LONG NAME"), [("value", 1), ("x", None)]) == "A      LONG NAME\nvalue  1\nx      -\n"


def test_without_rows_the_headings_are_left() -> None:
    assert table(("A", "B"), []) == "A  B\n"


def test_a_cell_is_one_line_that_no_terminal_obeys() -> None:
    assert table(("A",), [("a\nb\x1b[2J\x07é🔥",), ("",), (True,), (False,), (0,)]).splitlines()[1:] == [
        r"a\nb\x1b[2J\x07é🔥",
        "-",
        "yes",
        "no",
        "0",
    ]


def test_json_holds_what_an_answer_has() -> None:
    assert json.loads(as_json([{"a": date(2022, 3, 4), "b": None}])) == [{"a": "2022-03-04", "b": None}]
