"""A CSV file of any texts, through both passes and Parquet: each value is the source's, as text or as what it means."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from data_commons.spec import DatasetSpec, Source
from dataset_loader import plan, staging
from dataset_loader.first_pass import first_pass
from dataset_loader.metadata import schema_of

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0\x1e")
LOOKALIKES = st.one_of(
    st.sampled_from(
        ["007", "NA", "1e400", "-0", "+1", "0x1F", " 1", "1 ", "NaN", "inf", "true", "True", "9" * 38, "9" * 39]
    ),
    st.integers(-(2**65), 2**65).map(str),
    st.floats().map(repr),
    st.dates().map(str),
    st.datetimes().map(str),
    st.datetimes(timezones=st.just(dt.UTC)).map(dt.datetime.isoformat),
    st.text(CHARACTERS, max_size=20),
)
KINDS = st.sampled_from(["texts", "integers", "doubles", "dates", "moments", "booleans"])
OF_KIND = {
    "texts": LOOKALIKES,
    "integers": st.integers(-(10**38) + 1, 10**38 - 1).map(str),
    "doubles": st.floats(allow_nan=False, allow_infinity=False).map(repr),
    "dates": st.dates().map(str),
    "moments": st.datetimes().map(str),
    "booleans": st.sampled_from(["true", "false"]),
}


@st.composite
def columns(draw: st.DrawFn) -> list[list[str]]:
    """Some columns of one length, of which an empty text is a null."""
    rows = draw(st.integers(1, 8))
    kinds = draw(st.lists(KINDS, min_size=2, max_size=4))
    return [draw(st.lists(st.one_of(st.just(""), OF_KIND[kind]), min_size=rows, max_size=rows)) for kind in kinds]


def through(content: bytes) -> pa.Table:
    spec = DatasetSpec(schema_name="s", table="t", source=Source(bucket="b", key="k.csv"))
    source, planned = first_pass(spec, lambda: io.BytesIO(content), "s3://b/k.csv", max_bytes=10**9)
    sink = io.BytesIO()
    arrays = (plan.converted(batch, planned) for batch in source.batches())
    rows = staging.write(arrays, schema_of(planned, spec.metadata, source.metadata), sink)
    staging.verify(io.BytesIO(sink.getvalue()), "s3://b/t.parquet", schema_of(planned, spec.metadata, {}), rows)
    return parquet.read_table(io.BytesIO(sink.getvalue()))


def meant(text: str, of: pa.DataType) -> Any:
    """A value of the source, as a type is read without Arrow."""
    if text == "":
        return None
    if pa.types.is_boolean(of):
        return {"true": True, "false": False}[text]
    if pa.types.is_integer(of) or pa.types.is_decimal(of):
        return Decimal(text)
    if pa.types.is_floating(of):
        return float(text)
    if pa.types.is_date(of):
        return dt.date.fromisoformat(text)
    return dt.datetime.fromisoformat(text) if pa.types.is_timestamp(of) else text


@given(columns())
def test_every_value_is_the_sources(source: list[list[str]]) -> None:
    content = io.StringIO(newline="")
    writer = csv.writer(content, quoting=csv.QUOTE_MINIMAL)
    writer.writerow([f"c{place}" for place in range(len(source))])
    writer.writerows(zip(*source, strict=True))
    table = through(content.getvalue().encode())
    for texts, column in zip(source, table.columns, strict=True):
        assert column.to_pylist() == [meant(text, column.type) for text in texts]
