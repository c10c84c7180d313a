"""Times the way of a landed day into the raw zone beside the plain way, on the same files in the same Spark session.

    python -m bench.raw_zone [--rows 5000000] [--rounds 3]

Plain is what a user would write: read the day's Parquet, add the partition's columns, write.partitionBy. It takes types and
names as they come, reads whatever is in the folder, counts nothing, and replaces nothing. Ours makes columns plain, checks
the count against the manifest, stages, publishes and registers. Prints rows a second of each, the ratio (plain / ours:
above 1 ours is faster), the peak memory of Spark's JVM, and how both grow from a tenth of the rows to all of them. One table
of 10 files, gzip as RDS writes it; the catalog is moto's. Zones are folders, so that no stand-in for S3 is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F

from ingestion import partition
from lake import job
from lake.catalog import Catalog
from lake.files import Files
from lake.manifest import SourceColumn, SourceTable
from lake.zone import Zone
from landing_to_raw import to_raw
from local.emulator import spark as local_spark
from local.emulator.aws import LocalAws

DAY = date(2021, 6, 4)
FILES = 10
TYPES = {"issued_on": "date", "code": "char"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if problem := local_spark.problem():
        sys.exit(problem)
    with tempfile.TemporaryDirectory(prefix="liberator-bench-") as folder, LocalAws(1.0) as aws:
        spark = job.configured(local_spark.session(aws.endpoint))
        aws.client("glue").create_database(DatabaseInput={"Name": "raw"})
        tables = {rows: _table(spark, Path(folder), rows) for rows in (options.rows // 10, options.rows)}
        ways = {"plain": plain, "ours": ours}
        for way in ways.values():  # warm: the JVM compiles what it runs often
            way(spark, aws, Path(folder), tables[options.rows // 10])
        seconds: dict[tuple[str, int], list[float]] = {}
        for number in range(options.rounds):
            for rows, table in tables.items():
                for name, way in ways.items() if number % 2 == 0 else reversed(ways.items()):
                    began = time.monotonic()
                    way(spark, aws, Path(folder), table)
                    seconds.setdefault((name, rows), []).append(time.monotonic() - began)
                    sys.stderr.write(f"{name}, {rows:,} rows: {seconds[name, rows][-1]:.1f} s\n")
        _print(options.rows, {key: statistics.median(taken) for key, taken in seconds.items()}, tables[options.rows].bytes)
        spark.stop()


def plain(spark: Any, _: LocalAws, folder: Path, table: SourceTable) -> None:
    frame = spark.read.parquet(str((folder / table.keys[0]).parent))
    for key, value in zip(partition.KEYS, partition.values(DAY), strict=True):
        frame = frame.withColumn(key, F.lit(value))
    frame.write.mode("overwrite").partitionBy(*partition.KEYS).parquet(str(folder / "plain" / table.name))


def ours(spark: Any, aws: LocalAws, folder: Path, table: SourceTable) -> None:
    raw = Zone(spark, Files(spark), Catalog(aws.client("glue"), "raw"), f"file://{folder}/raw/parking", "wr_1")
    objects = [{"key": key, "size": (folder / key).stat().st_size} for key in table.keys]
    tables = [{"name": table.name, "rows": table.rows, "objects": objects, "columns": [vars(c) for c in table.columns]}]
    day = {"database": "liberator", "run": {"import_date": str(DAY)}, "export_task_identifier": "task", "tables": tables}
    (folder / "manifest").write_text(json.dumps(day))
    to_raw(job.Run("wr_1", DAY, f"file://{folder}/manifest", "task"), f"file://{folder}", re.compile(""), raw)


def _table(spark: Any, folder: Path, rows: int) -> SourceTable:
    """Written by Spark, as RDS's exports are."""
    name = f"pcn_{rows}"
    spark.range(0, rows, 1, FILES).selectExpr(
        "cast(id AS int) AS id",
        "concat('QZ', cast(rand(1) * 90000000 AS int)) AS pcn",
        "cast(cast(10 + rand(2) * 89 AS int) AS string) AS code",
        "if(rand(3) < 0.001, '0000-00-00', string(date_add(DATE'2020-01-01', cast(rand(4) * 700 AS int)))) AS issued_on",
        "timestamp_seconds(1577836800 + cast(rand(5) * 63072000 AS bigint)) AS issued_at",
        "cast(rand(6) * 200 AS decimal(8, 2)) AS charge",
        "concat('notice left on windscreen ', cast(rand(7) * 50000 AS int)) AS note",
    ).withColumn("code", F.encode("code", "UTF-8")).write.option("compression", "gzip").parquet(
        str(folder / "landing" / name)
    )
    keys = [f"landing/{name}/{path.name}" for path in sorted((folder / "landing" / name).glob("*.parquet"))]
    size = sum((folder / key).stat().st_size for key in keys)
    columns = spark.read.parquet(str(folder / "landing" / name)).columns
    described = tuple(SourceColumn(c, c, TYPES.get(c, ""), "") for c in columns)
    return SourceTable(name, name, rows, tuple(keys), size, described)


def _print(rows: int, seconds: dict[tuple[str, int], float], size: int) -> None:
    tenth = rows // 10
    for name in ("plain", "ours"):
        rate = rows / seconds[name, rows]
        sys.stdout.write(
            f"{name:>6}: {seconds[name, rows]:6.1f} s for {rows:,} rows, {size / 1e6:.0f} MB, {rate:,.0f} rows/s\n"
        )
    sys.stdout.write(f" ratio: {seconds['plain', rows] / seconds['ours', rows]:6.2f}\n")
    for name in ("plain", "ours"):
        growth = seconds[name, rows] / seconds[name, tenth]
        sys.stdout.write(
            f"growth: {growth:6.1f} times the time for 10 times the rows, {name} ({seconds[name, tenth]:.1f} s)\n"
        )
    sys.stdout.write(f"memory: {_jvm_peak() / 1024**2:6.0f} MiB at most, of the JVM that did both, heap limited to 2 GiB\n")


def _jvm_peak() -> int:
    """Bytes of the child that is Spark's JVM, from Linux's /proc."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            status = dict(line.split(":", 1) for line in (entry / "status").read_text().splitlines() if ":" in line)
            if status["PPid"].strip() == str(os.getpid()) and status["Name"].strip() == "java":
                return int(status["VmHWM"].split()[0]) * 1024
    return 0


if __name__ == "__main__":
    main()
