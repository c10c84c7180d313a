"""The columns of a pandas DataFrame as Trino's DDL names them, for notebooks. No AWS is needed.

The types are those of the Arrow schema that pyarrow writes for the frame, so they are the same under pandas 2 and 3: text is
varchar, whether pandas calls it object or str; a category has its values' type; Int64 with gaps stays bigint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from data_commons.errors import SourceRefused
from data_commons.spec import Catalog
from data_commons.sql import ColumnOf, Name, create_table, identifier
from dataset_loader.types import written

if TYPE_CHECKING:
    from uuid import UUID

    import pandas as pd


def generate_table_schema_pairs(df: pd.DataFrame) -> str:
    r"""Return a line `    "name" type` for each column, joined by `,\n`. The index is no column.

    Raises SourceRefused where a column mixes types, or Trino has no such type.
    """
    return ",\n".join(f"    {identifier(column.name)} {column.type}" for column in _columns(df))


def create_table_statement(
    df: pd.DataFrame, *, schema: str, table: str, bucket: str, uuid: UUID | str, catalog: Catalog = Catalog.DEV
) -> str:
    """Return the statement that makes the table, over `s3a://<bucket>/trino/<schema>/<table>/<uuid>`.

    The frame is to be there as `<table>.parquet`. Raises as `generate_table_schema_pairs` does.
    """
    location = f"s3a://{bucket}/trino/{schema}/{table}/{uuid}"
    return create_table(Name(catalog.trino_name, schema, table), _columns(df), location)


def _columns(df: pd.DataFrame) -> list[ColumnOf]:
    fields = [_field(df, place) for place in range(df.shape[1])]
    return [ColumnOf(field.name, written(field.type, field.name).trino) for field in fields]


def _field(df: pd.DataFrame, place: int) -> pa.Field:
    """One column's, so that the message can name it."""
    try:
        return pa.Schema.from_pandas(df.iloc[:, [place]], preserve_index=False).field(0)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise SourceRefused(
            f"Column {df.columns[place]!r} of the frame has no one type of Arrow: {error}. Convert it, e.g. astype(str)."
        ) from error
