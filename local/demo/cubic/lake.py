"""Reads Cubic's tables of the raw zone as a reader of the lake does: the catalog's partitions, and their files."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from ingestion.s3_uri import split_s3_uri
from local.demo.cubic.reading import BITS, RECORD, Rows, column, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from local.emulator.cloud import Cloud


@dataclass(frozen=True)
class Partition:
    """A partition of a table, by the values of its keys."""

    table: str
    values: tuple[str, ...]
    location: str


def tables(cloud: Cloud) -> dict[str, Any]:
    """The tables and views of Cubic's database, by name."""
    pages = cloud.aws.client("glue").get_paginator("get_tables").paginate(DatabaseName=_database(cloud))
    return {table["Name"]: table for page in pages for table in page["TableList"]}


def columns(table: Any) -> list[str]:
    return [column["Name"] for column in table["StorageDescriptor"]["Columns"]]


def partitions(cloud: Cloud, table: str) -> list[Partition]:
    pages = cloud.aws.client("glue").get_paginator("get_partitions").paginate(DatabaseName=_database(cloud), TableName=table)
    return [
        Partition(table, tuple(it["Values"]), it["StorageDescriptor"]["Location"])
        for page in pages
        for it in page["Partitions"]
    ]


def files(cloud: Cloud, partition: Partition) -> Iterator[bytes]:
    """The content of each Parquet file of a partition."""
    bucket, folder = split_s3_uri(partition.location)
    pages = cloud.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder.rstrip("/") + "/")
    for found in [found for page in pages for found in page.get("Contents", [])]:
        yield cloud.s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()


def read(cloud: Cloud, partition: Partition) -> Rows:
    """All rows of a partition. Of JSON the rows are its lines; ValueError where a field is not what its line has."""
    names: Sequence[str] = ()
    total = Rows((), 0, 0)
    for body in files(cloud, partition):
        file = pq.ParquetFile(io.BytesIO(body))
        names = file.schema_arrow.names
        for batch in file.iter_batches():
            values = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            of_json = partition.values[-1].endswith(".json")
            read = rows_of(names, (_line(names, row) for row in values) if of_json else values)
            total = Rows(tuple(names), total.count + read.count, (total.hashes + read.hashes) & BITS)
    return Rows(tuple(names), total.count, total.hashes)


def _line(names: Sequence[str], row: Sequence[str | None]) -> list[str | None]:
    """The row's line of JSON, whose fields are looked at, too."""
    of_row = dict(zip(names, row, strict=True))
    record = of_row.pop(RECORD)
    fields = {column(name, RECORD): value for name, value in json.loads(record or "{}").items()}
    for name, text in of_row.items():
        value = fields.get(name)
        same = text == value if isinstance(value, str) or text is None or value is None else json.loads(text) == value
        if not same:
            raise ValueError(f"column {name} has {text!r} of {record}")
    return [record]


def _database(cloud: Cloud) -> str:
    return cloud.template.resources["CubicRawDatabase"].ref
