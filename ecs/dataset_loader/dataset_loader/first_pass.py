"""The first pass over a source: its reader, and the plan of its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_commons.errors import SourceRefused
from data_commons.spec import Csv, Excel, Parquet
from dataset_loader import plan
from dataset_loader.narrowing import Narrowing
from dataset_loader.reading.csv import CsvFile
from dataset_loader.reading.excel import ExcelFile
from dataset_loader.reading.parquet import ParquetFile
from dataset_loader.types import TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

    import pyarrow as pa

    from data_commons.spec import DatasetSpec
    from dataset_loader.plan import Planned


def first_pass(
    spec: DatasetSpec, open_source: Callable[[], BinaryIO], uri: str, *, max_bytes: int
) -> tuple[CsvFile | ExcelFile | ParquetFile, Sequence[Planned]]:
    """Return the source's reader and the plan of its columns. Reads all of it where its values are texts.

    `open_source` opens it anew. `uri` is for messages; a compressed source may unpack to `max_bytes`. Raises SpecRefused and
    SourceRefused.
    """
    source: CsvFile | ExcelFile
    match spec.reading:
        case Parquet() as form:
            typed = ParquetFile(open_source, uri)
            plan.refuse_unknown(typed.names, spec)
            return typed, plan.of_arrow(typed.schema, spec, truncate=form.truncate_nanoseconds)
        case Csv() as form:
            source = CsvFile(open_source, form, uri, max_bytes)
        case Excel() as form:
            source = ExcelFile(open_source, form, uri, max_bytes)
    plan.refuse_unknown(source.names, spec)
    plan.of_texts(source.names, [TEXT] * len(source.names), spec)  # refuses names and types before a long read
    return source, plan.of_texts(source.names, _narrowed(source, spec), spec)


def _narrowed(source: CsvFile | ExcelFile, spec: DatasetSpec) -> list[pa.DataType]:
    """Read all, and return the type of each column. Raises SourceRefused where there are no rows to tell the types."""
    columns = [Narrowing() for _ in source.names]
    empty = True
    for batch in source.batches():
        empty = False
        for place, (column, texts) in enumerate(zip(columns, batch.columns, strict=True)):
            if place in batch.text:
                column.stay_text()
            column.see(texts)
    untyped = [name for name in source.names if name not in spec.columns or not spec.columns[name].type]
    if empty and untyped:
        raise SourceRefused(
            f"{source.uri} has a header and no rows, so the types of {', '.join(map(repr, untyped))[:1000]} can't be found, "
            "and the table stays as it is. Give each column a type in the spec, or upload the file again."
        )
    return [column.type for column in columns]
