"""The date partition: written and read back, and importable by Glue's jobs."""

from __future__ import annotations

import ast
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion import partition

DAY = date(2021, 6, 4)
PATH = "import_year=2021/import_month=06/import_day=04/import_date=20210604"


def test_a_day_has_one_path_its_values_and_a_name() -> None:
    assert partition.path(DAY) == PATH
    assert partition.values(DAY) == ["2021", "06", "04", "20210604"]
    assert partition.name(DAY) == "import_date=20210604"


@given(st.dates())
def test_every_day_is_read_back_from_a_key(day: date) -> None:
    assert partition.day_of(f"parking/d/d.t/{partition.path(day)}/part-0.parquet") == day


@pytest.mark.parametrize(
    "key",
    [
        f"{PATH}/x",
        f"t/{PATH}",
        f"t/{PATH}/",
        f"t/{PATH}/folder/x",
        f"t/{PATH.replace('=04', '=05')}/x",
        f"t/{PATH.replace('04', '4')}/x",
        f"t/{PATH.replace('06', '13')}/x",
        f"t/{PATH.replace('2021', '\uff12021')}/x",
        "t/import_date=20210604/x",
        "x",
    ],
)
def test_a_key_that_is_not_directly_in_a_partition_has_no_day(key: str) -> None:
    assert partition.day_of(key) is None


def test_of_two_partitions_in_a_key_the_one_that_holds_the_object_counts() -> None:
    assert partition.day_of(f"t/{partition.path(date(2021, 6, 3))}/{PATH}/x") == DAY


def test_it_needs_nothing_that_glue_lacks() -> None:
    source = Path(partition.__file__).read_text()
    tree = ast.parse(source, feature_version=(3, 11))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names
