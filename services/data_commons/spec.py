"""The spec of a data set: its source, how to read it, and the table that it becomes. People write it, in JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, model_validator

from data_commons.errors import SpecRefused
from ingestion.messages import Frozen, problems


def _is_free(name: str) -> str:
    if _OWN.search(name):
        raise ValueError("a name that ends in __ and 8 hexadecimal digits is one that the publisher makes of a table's")
    return name


_OWN = re.compile(r"__(check_)?[0-9a-f]{8}$")
# A name that needs no quoting and no cleaning; it becomes a part of keys, and of Glue's names, which have 255 characters.
TableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=128), AfterValidator(_is_free)]


class Access(StrEnum):
    """The way into the source's bucket: the task's own role, the keys of its environment, or nobody's signature."""

    ROLE = "role"
    KEYS = "keys"
    UNSIGNED = "unsigned"


class Catalog(StrEnum):
    """The catalog of Trino, and the bucket, that the table is in."""

    DEV = "dev"
    PROD = "prod"

    @property
    def trino_name(self) -> str:
        return f"osc_datacommons_{self.value}"


class Source(Frozen):
    """One S3 object. Without a version it is the latest when the task begins. `endpoint` is null for AWS's own S3."""

    bucket: Annotated[str, Field(min_length=1)]
    key: Annotated[str, Field(min_length=1)]
    version: str | None = None
    endpoint: str | None = None
    access: Access = Access.ROLE

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class Csv(Frozen):
    """A text file of separated values. `header_row` counts the file's lines from 1.

    A field that is one of `null_values` is null; in quotes it is a text, unless `quoted_nulls`.
    """

    kind: Literal["csv"] = "csv"
    encoding: str = "utf-8"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    quote: Annotated[str, Field(min_length=1, max_length=1)] = '"'
    header_row: Annotated[int, Field(ge=1)] = 1
    null_values: tuple[str, ...] = ("",)
    quoted_nulls: bool = False


class Excel(Frozen):
    """A sheet of a workbook, the first one unless it is named."""

    kind: Literal["excel"] = "excel"
    sheet: str | None = None
    header_row: Annotated[int, Field(ge=1)] = 1
    null_values: tuple[str, ...] = ("",)


class Parquet(Frozen):
    """A Parquet file. Nanoseconds are refused where microseconds can't hold them, unless they may be cut."""

    kind: Literal["parquet"] = "parquet"
    truncate_nanoseconds: bool = False


Format = Annotated[Csv | Excel | Parquet, Field(discriminator="kind")]
_BY_SUFFIX: dict[str, Csv | Excel | Parquet] = {
    ".csv": Csv(),
    ".tsv": Csv(delimiter="\t"),
    ".xlsx": Excel(),
    ".parquet": Parquet(),
}


class ColumnSpec(Frozen):
    """A column, under its name in the source. Without a name, the source's is cleaned; without a type, it is found.

    `type` is one of Trino's, e.g. `bigint`, `decimal(10,2)`, `varchar`, `date`, `timestamp(6)`.
    """

    name: TableName | None = None
    type: str | None = None
    description: str | None = None
    dimension: str | None = None


class Metadata(Frozen):
    """The table's own. Other fields than these are kept as they are."""

    model_config = ConfigDict(extra="allow")

    title: str | None = None
    description: str | None = None
    version: str | None = None
    release_date: str | None = None


class DatasetSpec(Frozen):
    """A data set. Its schema is the source of the data, its table the data set's name: the convention of OS-Climate.

    `format` follows from the key's ending where it is not given (`.csv`, `.tsv`, `.xlsx`, `.parquet`, each but the last
    two also with `.gz` behind it). `view` asks for the third way to swap: the name is a view of the latest version.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    schema_name: TableName = Field(alias="schema")
    table: TableName
    catalog: Catalog = Catalog.DEV
    source: Source
    format: Format | None = None
    columns: Mapping[str, ColumnSpec] = {}
    metadata: Metadata = Metadata()
    view: bool = False

    @model_validator(mode="after")
    def _has_a_format(self) -> Self:
        if self.format is None and _suffix(self.source.key) not in _BY_SUFFIX:
            raise ValueError(
                f"format is missing, and the ending of {self.source.key!r} does not tell it: "
                'add "format": {"kind": "csv"}, excel or parquet'
            )
        return self

    @property
    def reading(self) -> Csv | Excel | Parquet:
        """How to read the source."""
        return self.format or _BY_SUFFIX[_suffix(self.source.key)]


def read_spec(document: str | bytes, where: str) -> DatasetSpec:
    """Read a spec. Raises SpecRefused, which names its place and each field that is wrong."""
    try:
        return DatasetSpec.model_validate_json(document)
    except ValidationError as error:
        raise SpecRefused(f"The spec {where} is refused: {problems(error)}. Correct it and upload it again.") from error


def _suffix(key: str) -> str:
    path = PurePosixPath(key.lower())
    return PurePosixPath(path.stem).suffix if path.suffix == ".gz" else path.suffix
