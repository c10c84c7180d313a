"""DDL of a DataFrame: one expected text, whether pandas 2 or 3 is installed.

Under pandas 2, from the root of the repository, with PYTHONPATH=services:ecs/dataset_loader:

    uv run --isolated --no-project --with 'pandas<3' --with pyarrow --with pydantic --with pytest \
      python -m pytest --noconftest tests/unit/dataset_loader/test_schema_pairs.py
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from uuid import UUID

import pandas as pd
import pytest

from data_commons.errors import SourceRefused
from dataset_loader.schema_pairs import create_table_statement, generate_table_schema_pairs

FRAME = pd.DataFrame(
    {
        "order": ["a", "b"],
        "gaps": pd.array([1, None], "Int64"),
        "whole": [1, 2],
        "small": pd.array([1, 2], "uint32"),
        "fraction": [0.5, 1.0],
        "half": pd.Series([0.5, 1.0], dtype="float32"),
        "flag": [True, False],
        "maybe": pd.array([True, None], "boolean"),
        "kind": pd.Categorical(["x", "y"]),
        "numbers": pd.Categorical([3, 4]),
        "text": pd.array(["a", None], "string"),
        "day": [dt.date(1899, 12, 31), None],
        "moment": pd.to_datetime(["2020-01-01 10:00", "2020-01-02 00:00"]),
        "zoned": pd.to_datetime(["2020-01-01 10:00", "2020-01-02 00:00"]).tz_localize("Europe/Paris"),
        "price": [Decimal("1.50"), Decimal("10.25")],
        "nothing": [None, None],
        "long": pd.to_timedelta([1, 2], unit="s"),
        "bytes": [b"a", b"b"],
        "list": [[1], [2]],
        "a\"b": [1, 2],
        2020: [1, 2],
    },
    index=pd.Index([7, 8], name="of no interest"),
)  # fmt: skip
PAIRS = """\
    "order" varchar,
    "gaps" bigint,
    "whole" bigint,
    "small" bigint,
    "fraction" double,
    "half" real,
    "flag" boolean,
    "maybe" boolean,
    "kind" varchar,
    "numbers" bigint,
    "text" varchar,
    "day" date,
    "moment" timestamp(6),
    "zoned" timestamp(6),
    "price" decimal(4,2),
    "nothing" varchar,
    "long" bigint,
    "bytes" varbinary,
    "list" array(bigint),
    "a""b" bigint,
    "2020" bigint"""


def test_pairs() -> None:
    assert generate_table_schema_pairs(FRAME) == PAIRS


def test_an_empty_frame_has_its_types() -> None:
    assert generate_table_schema_pairs(FRAME[["whole", "fraction", "gaps"]][:0]) == (
        '    "whole" bigint,\n    "fraction" double,\n    "gaps" bigint'
    )


def test_the_statement() -> None:
    uuid = UUID("6f0e1d0a-5b4c-4f0e-9a53-0d6f5f1f8c11")
    statement = create_table_statement(FRAME[["whole"]], schema="pudl", table="plants", bucket="osc-dev", uuid=uuid)
    assert statement == (
        'create table if not exists "osc_datacommons_dev"."pudl"."plants"(\n    "whole" bigint\n) '
        "with (format = 'parquet', external_location = 's3a://osc-dev/trino/pudl/plants/6f0e1d0a-5b4c-4f0e-9a53-0d6f5f1f8c11')"
    )


@pytest.mark.parametrize("values", [[1, "x"], [1j, 2j]], ids=["mixed", "complex"])
def test_a_column_that_has_no_type_is_refused_by_name(values: list[object]) -> None:
    with pytest.raises(SourceRefused, match="Column 'bad' of the frame has no one type"):
        generate_table_schema_pairs(pd.DataFrame({"good": [1, 2], "bad": values}))
