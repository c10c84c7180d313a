"""The demo's own reading of a source, beside what Trino returns: equal values are equal, and each change is noticed."""

from __future__ import annotations

import datetime as dt
import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from pyarrow import parquet

from data_commons.spec import DatasetSpec
from local.demo.trino import second
from local.demo.trino.comparing import compare
from local.demo.trino.source import SourceFile
from local.demo.trino.values import comparable, parse

NASTY = '\ufeffa,b\r\n007,"NA"\r\n,NA\r\n"two\nlines",""\r\n"x,""NA"",y",\r\n'
OF_NASTY = [("007", "NA"), ("", None), ("two\nlines", ""), ('x,"NA",y', "")]


def spec(path: Path, **more: Any) -> DatasetSpec:
    source = {"bucket": "b", "key": path.name}
    return DatasetSpec.model_validate({"schema": "s", "table": "t", "source": source} | more)


def problems(path: Path, types: list[str], rows: list[tuple[Any, ...]], **more: Any) -> list[str]:
    asked = spec(path, **more)
    return compare(SourceFile(path, asked.reading), asked, types, rows, lambda _: None).problems


def csv_of(folder: Path, text: str, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_declared_nulls_are_null_unless_they_are_in_quotes(tmp_path: Path, name: str) -> None:
    form = {"kind": "csv", "null_values": ["NA"]}
    path = csv_of(tmp_path, NASTY, name)
    assert problems(path, ["varchar", "varchar"], OF_NASTY[::-1], format=form) == []
    [told] = problems(path, ["varchar", "varchar"], [("007", None), *OF_NASTY[1:]], format=form)
    assert told == "Row 1 of the source, column 'b': 'NA', but None in Trino"


@pytest.mark.parametrize(
    ("text", "type_", "value", "well"),
    [
        ("7", "bigint", 7, True),
        ("007", "bigint", 7, False),
        ("1.50", "decimal(10,2)", Decimal("1.5"), True),
        ("9" * 38, "decimal(38,0)", Decimal("9" * 38), True),
        ("0.10", "double", 0.1, True),
        ("9.7046500000000009", "double", 9.7046500000000009, False),
        ("1899-12-31", "date", dt.date(1899, 12, 31), True),
        ("1899-12-31", "date", dt.date(1899, 12, 30), False),
        ("2024-01-01T00:00:00+02:00", "timestamp(6)", dt.datetime.fromisoformat("2023-12-31T22:00:00"), True),
        ("2024-01-01T00:00:00+02:00", "timestamp(6)", dt.datetime.fromisoformat("2024-01-01"), False),
        ("true", "boolean", True, True),
        ("1", "boolean", True, False),
        ("x", "varchar", "x ", False),
        ('""', "varchar", None, False),
        ('""', "varchar", "", True),
    ],
)
def test_a_type_must_not_change_a_text(tmp_path: Path, text: str, type_: str, value: Any, *, well: bool) -> None:
    found = problems(csv_of(tmp_path, f"a,b\n{text},x\n"), [type_, "varchar"], [(value, "x")])
    assert (found == []) is well


def test_a_declared_type_is_the_users_wish(tmp_path: Path) -> None:
    path, columns = csv_of(tmp_path, "a\n007\n"), {"a": {"type": "bigint"}}
    assert problems(path, ["bigint"], [(7,)], columns=columns) == []
    assert problems(path, ["bigint"], [(8,)], columns=columns) == ["Row 1 of the source, column 'a': 7, but 8 in Trino"]


def test_rows_are_counted_equal_ones_too(tmp_path: Path) -> None:
    path = csv_of(tmp_path, "a\nx\nx\n")
    assert problems(path, ["varchar"], [("x",)]) == [
        "The source has 2 rows, Trino 1",
        "Row 1 of the source is not in the table",
    ]
    assert problems(path, ["varchar"], [("x",)] * 3) == ["The source has 2 rows, Trino 3"]


def test_cells_are_what_they_are(tmp_path: Path) -> None:
    path, book = tmp_path / "a.xlsx", openpyxl.Workbook()
    sheet: Any = book.active
    for row in (["n", "mixed", "day"], [1.5, "007", dt.date(1900, 3, 1)], [], [2, 7, None]):
        sheet.append(row)
    book.save(path)
    types = ["double", "varchar", "date"]
    assert problems(path, types, [(1.5, "007", dt.date(1900, 3, 1)), (2.0, "7", None)]) == []
    assert problems(path, types, [(1.5, "7", dt.date(1900, 3, 1)), (2.0, "7", None)]) != []


def test_parquet_has_types_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table(
        {
            "ns": pa.array([-1_000, None], pa.timestamp("ns")),
            "f": pa.array([0.1, float("nan")], pa.float32()),
            "l": [[1, None], []],
            "s": [{"A b": Decimal("1.50")}, None],
            "m": pa.array([[("k", 1.5)], None], pa.map_(pa.string(), pa.float64())),
        }
    )
    parquet.write_table(table, path)
    types = ["timestamp(6)", "real", "array(bigint)", 'row("a_b" decimal(3,2))', "map(varchar, double)"]
    before = dt.datetime.fromisoformat("1969-12-31T23:59:59.999999")
    rows: list[tuple[Any, ...]] = [
        (before, 0.1, [1, None], (Decimal("1.5"),), {"k": 1.5}),
        (None, float("nan"), [], None, None),
    ]
    assert problems(path, types, rows) == []
    assert problems(path, types, [(before, 0.1, [1], (Decimal("1.5"),), {"k": 1.5}), rows[1]]) != []


def test_types_are_read_as_trino_shows_them() -> None:
    of = parse('map(varchar, array(row("a ""b" decimal(10, 2), c timestamp(6))))')
    assert comparable(of)({"k": [(Decimal("1.50"), None)]}) == [("k", [[150, None]])]


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("a,b\n1,2\n", "a,b\n1,2\n1,2\n"),
        ('a,b\r\n1,"x\ny"', 'a,b\r\n1,"x\ny"\n1,"x\ny"'),
        ("a,b\n1,2\n\n", "a,b\n1,2\n\n1,2\n"),
        ("a,b\n", "a,b\n"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_the_second_version_has_the_last_row_once_more(tmp_path: Path, name: str, text: str, made: str) -> None:
    path = csv_of(tmp_path, text, name)
    written = second.write(SourceFile(path, spec(path).reading), tmp_path / f"2{name}").path.read_bytes()
    assert (gzip.decompress(written) if name.endswith(".gz") else written).decode() == made
