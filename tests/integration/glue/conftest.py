"""A small lake: real Spark, one session for all tests, files in a temporary folder, moto's Glue Data Catalog."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from ingestion import partition
from lake import job
from lake.catalog import Catalog
from lake.files import Files
from lake.zone import Zone
from landing_to_raw import to_raw
from local.emulator.spark import java_problem, session

DAY = dt.date(2021, 6, 4)


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    if problem := java_problem():
        pytest.skip(problem)
    made = session()
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
    folder: Path
    runs: int = 0

    def __post_init__(self) -> None:
        self.glue = boto3.client("glue")
        for name in ("raw", "refined"):
            self.glue.create_database(DatabaseInput={"Name": name})
        self.files = Files(self.spark)

    def zone(self, name: str) -> Zone:
        root = f"file://{self.folder / name}/parking"
        return Zone(self.spark, self.files, Catalog(self.glue, name), root, f"wr_{self.runs}")

    def land(self, tables: dict[str, Table], day: dt.date = DAY, database: str = "liberator") -> str:
        """As the copier leaves a day: Parquet files with names of their own, and the manifest. Returns its URI."""
        self.runs += 1
        entries = []
        for name, table in tables.items():
            folder = f"parking/{database}/{database}.{name}/{partition.path(day)}/"
            objects = []
            for part in range(table.objects if table.rows.num_rows else 0):
                key = f"{folder}part-{part:05d}-{self.runs}.gz.parquet"
                path = self.folder / "landing" / key
                path.parent.mkdir(parents=True, exist_ok=True)
                size = -(-table.rows.num_rows // table.objects)
                pq.write_table(
                    table.rows.slice(part * size, size), path, compression="gzip", store_schema=False,
                    store_decimal_as_integer=True,
                )  # fmt: skip
                objects.append({"key": key, "size": path.stat().st_size})
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
        key = f"_manifests/parking/{database}/import_date={day:%Y%m%d}.json"
        path = self.folder / "landing" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        run = {"import_date": day.isoformat(), "backdated": False, "origin": None}
        path.write_text(
            json.dumps({"database": database, "run": run, "export_task_identifier": f"task-{self.runs}", "tables": entries})
        )
        return f"s3://landing/{key}"

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
        return to_raw(run, f"file://{self.folder / 'landing'}", re.compile(wanted), self.zone("raw"))

    def partition(self, table: str, day: dt.date = DAY, zone: str = "raw") -> Path:
        return self.folder / zone / "parking" / table / partition.path(day)

    def rows(self, table: str, day: dt.date = DAY, zone: str = "raw") -> list[dict[str, Any]]:
        """The day as a reader finds it in the folder, in the order of its columns' text."""
        found = ds.dataset(self.partition(table, day, zone), format="parquet").to_table().to_pylist()
        return sorted(found, key=lambda row: json.dumps(row, default=str))

    def all_days(self, table: str, zone: str = "raw") -> list[dict[str, Any]]:
        """Every day by Spark, with the columns that the catalog gives the table."""
        columns = self.catalog(table, zone)
        schema = ", ".join(f"`{name}` {kind}" for name, kind in (columns | {"import_date": "string"}).items())
        found = self.spark.read.schema(schema).parquet(f"file://{self.folder / zone / 'parking' / table}")
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
        root = self.folder / zone
        return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()} if root.exists() else {}


@pytest.fixture
def lake(spark: Any, aws: str, tmp_path: Path) -> Iterator[Lake]:
    yield Lake(spark, tmp_path)
    spark.catalog.clearCache()
    shutil.rmtree(tmp_path, ignore_errors=True)
