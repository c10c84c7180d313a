"""Excel: cells are the values that one sees, whatever they are stored as."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Iterable
from typing import Any

import openpyxl
import pytest

from tests.integration.dataset_loader.commons import Commons

KEY = "data/plants.xlsx"


def workbook(*sheets: tuple[str, Iterable[Iterable[Any]]], epoch: dt.datetime | None = None) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    if epoch:
        book.epoch = epoch
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


DAY, MOMENT = dt.datetime(1900, 1, 1), dt.datetime(2020, 1, 1, 10, 30)  # noqa: DTZ001


def test_cells_of_each_kind(commons: Commons) -> None:
    rows = [
        ["Number", "Fraction", "Text", "Mixed", "Day", "Moment", "Flag", "Code", 2020, "Time"],
        [1, 1.5, "NA", 1, DAY, MOMENT, True, "007", 1, dt.time(1, 2)],
        [None, 2, None, "x", DAY.replace(month=3), DAY, False, "12", None, None],
    ]
    values = commons.values(workbook(("a", rows)), KEY)
    assert values == {
        "number": [1, None],
        "fraction": [1.5, 2.0],
        "text": ["NA", None],
        "mixed": ["1", "x"],
        "day": [dt.date(1900, 1, 1), dt.date(1900, 3, 1)],
        "moment": [MOMENT, DAY],
        "flag": [True, False],
        "code": ["007", "12"],
        "2020": [1, None],
        "time": ["01:02:00", None],
    }


def test_text_that_looks_like_a_number_stays_text(commons: Commons) -> None:
    assert commons.values(workbook(("a", [["x", "y"], ["1", 1], ["2", 2]])), KEY) == {"x": ["1", "2"], "y": [1, 2]}


def test_dates_since_1904(commons: Commons) -> None:
    epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    day = dt.datetime(1999, 12, 31)  # noqa: DTZ001
    assert commons.values(workbook(("a", [["d"], [day]]), epoch=epoch), KEY) == {"d": [dt.date(1999, 12, 31)]}


def test_sheets(commons: Commons) -> None:
    content = workbook(("First", [["a"], [1]]), ("Other one", [["Title"], [], ["b", "c"], [2, 3], [], [4, None]]))
    assert commons.values(content, KEY) == {"a": [1]}
    second = {"kind": "excel", "sheet": "Other one", "header_row": 3}
    assert commons.values(content, KEY, format=second) == {"b": [2, 4], "c": [3, None]}
    error = commons.load(content, KEY, format={"kind": "excel", "sheet": "Nope"}).error
    assert "no sheet 'Nope', but 'First', 'Other one'" in error


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "has no header in row 1"),
        ([["a"]], "a header and no rows"),
        ([["a"], [1, 2]], "row 2 of the sheet has a value in col"),
    ],
)
def test_sheets_that_are_refused(commons: Commons, rows: list[list[Any]], said: str) -> None:
    assert said in commons.load(workbook(("a", rows)), KEY).error
    assert commons.keys() == []


def damaged(content: bytes, part: str, replaced: bytes) -> bytes:
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for name in {*old.namelist(), part}:
            new.writestr(name, replaced if name == part else old.read(name))
    return result.getvalue()


WHOLE = workbook(("a", [["a"], ["x"]]))
BILLION_LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="1"><c r="A1" t="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>"""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,2\n", "can't be read as an Excel workbook"),
        (WHOLE[:-100], "can't be read as an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1000, "An older or encrypted one has to be saved again"),
        (damaged(WHOLE, "xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row><c"), "can't be read as an Excel workbook"),
        (damaged(WHOLE, "xl/worksheets/sheet1.xml", BILLION_LAUGHS), "can't be read as an Excel workbook"),
        (
            damaged(WHOLE, "xl/sharedStrings.xml", b" " * 60_000_000),
            "is too large: its part xl/sharedStrings.xml to 60000000",
        ),
    ],
    ids=["CSV", "cut", "xls", "XML cut", "entities", "zip bomb of texts"],
)
def test_files_that_are_refused(commons: Commons, content: bytes, said: str) -> None:
    assert said in commons.load(content, KEY).error
    assert commons.keys() == []


def test_a_zip_bomb_of_rows(commons: Commons, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_UNPACKED_BYTES", "50000000")
    content = damaged(WHOLE, "xl/worksheets/sheet1.xml", b" " * 60_000_000)
    assert "is too large: it to " in commons.load(content, KEY).error
