"""A small lake: real Spark, one session for all tests, whose `s3://` is moto's S3, and moto's Glue Data Catalog.

A test of another source takes `spark` and `aws`, and makes the buckets that it needs: with `create_bucket` of
local/emulator/stack.py, if they are to have versions. Each test begins with an AWS that has nothing in it.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion import partition
from ingestion.s3_uri import split_s3_uri
from lake import job
from lake.catalog import Catalog
from lake.files import Files
from lake.zone import Zone
from landing_to_raw import to_raw
from local.emulator import spark as local_spark
from local.emulator.stack import create_bucket

DAY = dt.date(2021, 6, 4)


# A test has a few rows: it costs more to compile a query than to interpret it, and to spill a file than to hold it.
FEW_ROWS = local_spark.QUICK | {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "1",
    "spark.hadoop.fs.s3a.fast.upload.buffer": "bytebuffer",
}


@pytest.fixture(scope="session")
def spark(moto_endpoint: str) -> Iterator[Any]:
    if problem := local_spark.problem():
        pytest.skip(problem)
    made = local_spark.session(moto_endpoint, FEW_ROWS)
    yield job.configured(made)
    made.stop()


@dataclass
class Table:
    """A table to land: its rows, and what RDS says of its columns where that matters."""

    rows: pa.Table
    types: dict[str, str] = field(default_factory=dict)
    exported: dict[str, str] = field(default_factory=dict)
    original: str | None = None
    originals: dict[str, str] = field(default_factory=dict)
    counted: int | None = -1  # rows by the loader's count; -1: those that are there
    objects: int = 1


@dataclass
class Lake:
    """What a job works on, and what a reader sees afterwards."""

    spark: Any
    runs: int = 0

    def __post_init__(self) -> None:
        self.glue, self.s3 = boto3.client("glue"), boto3.client("s3")
        for name in ("landing", "raw", "refined"):
            create_bucket(self.s3, {"BucketName": name})
        for name in ("raw", "refined"):
            self.glue.create_database(DatabaseInput={"Name": name})

    def zone(self, name: str) -> Zone:
        return Zone(self.spark, Files(self.spark), Catalog(self.glue, name), f"s3://{name}/parking", f"wr_{self.runs}")

    def land(self, tables: dict[str, Table], day: dt.date = DAY, database: str = "liberator") -> str:
        """As the copier leaves a day: Parquet files with names of their own, and the manifest. Returns its URI."""
        self.runs += 1
        entries = []
        for name, table in tables.items():
            folder = f"parking/{database}/{database}.{name}/{partition.path(day)}/"
            objects = []
            for part in range(table.objects if table.rows.num_rows else 0):
                key = f"{folder}part-{part:05d}-{self.runs}.gz.parquet"
                size = -(-table.rows.num_rows // table.objects)
                file = io.BytesIO()
                pq.write_table(
                    table.rows.slice(part * size, size), file, compression="gzip", store_schema=False,
                    store_decimal_as_integer=True,
                )  # fmt: skip
                self.put(f"s3://landing/{key}", file.getvalue())
                objects.append({"key": key, "size": file.tell()})
            columns = [
                {
                    "name": c,
                    "original_name": table.originals.get(c),
                    "original_type": table.types.get(c, ""),
                    "exported_type": table.exported.get(c, ""),
                }
                for c in table.rows.column_names
            ]
            rows = table.rows.num_rows if table.counted == -1 else table.counted
            entries.append(
                {"name": name, "original_name": table.original, "rows": rows, "objects": objects, "columns": columns}
            )
        uri = f"s3://landing/_manifests/parking/{database}/import_date={day:%Y%m%d}.json"
        run = {"import_date": day.isoformat(), "backdated": False, "origin": None}
        document = {"database": database, "run": run, "export_task_identifier": f"task-{self.runs}", "tables": entries}
        self.put(uri, json.dumps(document).encode())
        return uri

    def carry(
        self,
        tables: dict[str, Table],
        day: dt.date = DAY,
        *,
        wanted: str = ".*",
        run_day: dt.date | None = None,
        database: str = "liberator",
    ) -> Any:
        """Lands a day and carries it to the raw zone."""
        uri = self.land(tables, day, database)
        run = job.Run(f"wr_{self.runs}", run_day or day, uri, f"task-{self.runs}")
        return to_raw(run, "s3://landing", re.compile(wanted), self.zone("raw"))

    def put(self, uri: str, body: bytes) -> None:
        bucket, key = split_s3_uri(uri)
        self.s3.put_object(Bucket=bucket, Key=key, Body=body)

    def partition(self, table: str, day: dt.date = DAY, zone: str = "raw") -> str:
        """The URI of the day's folder."""
        return f"s3://{zone}/parking/{table}/{partition.path(day)}"

    def files(self, folder: str) -> dict[str, bytes]:
        """URI → content of every object below a folder, but for the empty ones that stand for folders."""
        bucket, prefix = split_s3_uri(folder)
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix and f"{prefix}/")
        keys = [found["Key"] for page in pages for found in page.get("Contents", []) if not found["Key"].endswith("/")]
        return {f"s3://{bucket}/{key}": self.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def rows(self, table: str, day: dt.date = DAY, zone: str = "raw") -> list[dict[str, Any]]:
        """The day as a reader finds it in the folder, in the order of its columns' text."""
        files = self.files(self.partition(table, day, zone)).values()
        found = pa.concat_tables(pq.read_table(io.BytesIO(file)) for file in files).to_pylist()
        return sorted(found, key=lambda row: json.dumps(row, default=str))

    def all_days(self, table: str, zone: str = "raw") -> list[dict[str, Any]]:
        """Every day by Spark, with the columns that the catalog gives the table."""
        columns = self.catalog(table, zone)
        schema = ", ".join(f"`{name}` {kind}" for name, kind in (columns | {"import_date": "string"}).items())
        found = self.spark.read.schema(schema).parquet(f"s3://{zone}/parking/{table}")
        return sorted((row.asDict() for row in found.collect()), key=lambda row: json.dumps(row, default=str))

    def catalog(self, table: str, zone: str = "raw") -> dict[str, str]:
        found = self.glue.get_table(DatabaseName=zone, Name=table)["Table"]
        return {c["Name"]: c["Type"] for c in found["StorageDescriptor"]["Columns"]}

    def comments(self, table: str, zone: str = "raw") -> dict[str, str]:
        """Those that columns have."""
        found = self.glue.get_table(DatabaseName=zone, Name=table)["Table"]
        return {c["Name"]: c["Comment"] for c in found["StorageDescriptor"]["Columns"] if "Comment" in c}

    def days(self, table: str, zone: str = "raw") -> list[str]:
        """The days that the catalog has of a table."""
        found = self.glue.get_partitions(DatabaseName=zone, TableName=table)["Partitions"]
        return sorted(partition["Values"][-1] for partition in found)

    def everything(self, zone: str = "raw") -> dict[str, bytes]:
        """Every file of a zone, to see what a job left alone."""
        return self.files(f"s3://{zone}")


@pytest.fixture
def lake(spark: Any, aws: str) -> Iterator[Lake]:
    yield Lake(spark)
    spark.catalog.clearCache()
