"""Times the reading of a batch by Cubic's job beside plain Spark, on the same files, in the same Spark session.

    python -m bench.cubic.ingest [--rows 300000] [--files 2] [--rounds 3] [--json FILE]

Plain is what a user would write: spark.read.csv(multiLine), write.parquet. Ours is what an executor of the job does
(cubic_job.load): the strict reader, all values as strings, each file's columns by its header, UTF-8, quotes, row lengths and
the DFM's record count checked. Each way makes a task of each file, as neither can split one. The rows have 12 columns, one
at times in quotes; both zip their Parquet by zstd. Both do without S3 (all is in folders, so that no stand-in is measured),
and without a commit in the catalog. Ratios are plain / ours, of seconds and of CPU: above 1 ours is
faster.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import IO, Any
from unittest.mock import patch

import cubic_job.load
from cubic_job.batch import Load
from cubic_job.load import Places, write_load
from cubic_job.refusals import Refused
from local.emulator import spark as local_spark

HEADER = "header__change_seq,id,card,kind,station,line,amount,currency,at,note,device,state"
PLACES = Places("springboard", "raw", "run", "eu-west-2")


@dataclass(frozen=True)
class Folders:
    """S3 as folders: a bucket is one."""

    root: Path

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        path = self.root / Bucket / Key
        return {"ContentLength": path.stat().st_size, "Body": path.open("rb", buffering=0)}

    def upload_fileobj(self, file: IO[bytes], bucket: str, key: str) -> None:
        path = self.root / bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as to:
            shutil.copyfileobj(file, to)


def write_here(load: Load, root: Path) -> int:
    """In an executor: the job's own, with folders for S3."""
    with patch.object(cubic_job.load, "client", lambda _: Folders(root)):
        written = write_load(load, PLACES)
    if isinstance(written, Refused):
        raise RuntimeError(f"{load.s3_key} is refused: {written.text}")
    return written.rows


def ours(spark: Any, root: Path, names: list[str], rows: int) -> int:
    """As the job does, but that its threads submit the loads one by one."""
    folder = root / PLACES.springboard
    loads = [
        Load(
            load_id=at,
            key=name,
            s3_key=f"cubic/ods_qlik/EDW.SAMPLE/{name}",
            s3_version="v",
            s3_modified=datetime(2022, 3, 4, tzinfo=UTC),
            s3_size=(folder / name).stat().st_size,
            snapshot="20220304T000000Z",
            glue_table="cubic__ods_qlik__edw_sample",
            description={"fileInfo": {"recordCount": rows}},
        )
        for at, name in enumerate(names)
    ]
    return sum(spark.sparkContext.parallelize(loads, len(loads)).map(partial(write_here, root=root)).collect())


def plain(spark: Any, root: Path, names: list[str], rows: int) -> int:
    files = [str(root / PLACES.springboard / name) for name in names]
    frame = spark.read.csv(files, header=True, multiLine=True, escape='"')
    frame.write.mode("overwrite").option("compression", "zstd").parquet(str(root / "plain"))
    return rows * len(names)  # which it has not counted


WAYS: dict[str, Callable[[Any, Path, list[str], int], int]] = {"plain": plain, "ours": ours}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300_000, help="of a file")
    parser.add_argument("--files", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if problem := local_spark._java_problem():  # noqa: SLF001
        sys.exit(problem)
    seconds: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="liberator-bench-") as folder:
        root = Path(folder)
        kinds = _files(root / PLACES.springboard, options.rows, options.files)
        size = sum((root / PLACES.springboard / name).stat().st_size for name in kinds["csv"])
        sys.stderr.write(f"{options.files} files of {options.rows:,} rows, {size / 1e6:.0f} MB in all, plain and zipped\n")
        spark = local_spark.session("http://127.0.0.1")
        for number in range(-1, options.rounds):  # -1: warm, for the JVM compiles what it runs often
            for kind, names in kinds.items():
                some = names[:1] if number < 0 else names
                for way in WAYS if number % 2 == 0 else reversed(WAYS):
                    began, used = time.monotonic(), _cpu_seconds()
                    if WAYS[way](spark, root, some, options.rows) != options.rows * len(some):
                        raise RuntimeError(f"{way} did not read all rows of {kind}.")
                    taken, used = time.monotonic() - began, _cpu_seconds() - used
                    if number >= 0:
                        seconds.setdefault((kind, way), []).append((taken, used))
                    sys.stderr.write(f"{'warm' if number < 0 else f'round {number + 1}'}, {kind}, {way}: {taken:.1f} s\n")
                    sys.stderr.flush()
        spark.stop()
    rows = []
    sys.stdout.write(f"{'files':8} {'way':6} {'seconds':>8} {'ratio':>6} {'CPU s':>6} {'ratio':>6}\n")
    for (kind, way), times in seconds.items():
        taken, used = (statistics.median(of) for of in zip(*times, strict=True))
        base, base_used = (statistics.median(of) for of in zip(*seconds[kind, "plain"], strict=True))
        row = {"seconds": taken, "ratio": base / taken, "cpu_seconds": used, "cpu_ratio": base_used / used}
        rows.append({"files": kind, "way": way, **{name: round(value, 2) for name, value in row.items()}})
        sys.stdout.write(f"{kind:8} {way:6} {taken:8.1f} {base / taken:6.2f} {used:6.1f} {base_used / used:6.2f}\n")
    if options.json:
        command = f"python -m bench.cubic.ingest --rows {options.rows} --files {options.files} --rounds {options.rounds}"
        options.json.write_text(json.dumps({"name": "ingest", "command": command, "rows": rows}, indent=1) + "\n")


def _cpu_seconds() -> float:
    """Those of this process, of Spark's JVM and of its Python workers until now: a busy machine disturbs them less."""
    parents, used = {}, {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit():
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)], used[int(entry.name)] = int(fields[1]), sum(map(int, fields[11:15]))

    def is_ours(process: int) -> bool:
        return process == os.getpid() or (process in parents and is_ours(parents[process]))

    return sum(ticks for process, ticks in used.items() if is_ours(process)) / os.sysconf("SC_CLK_TCK")


def _files(folder: Path, rows: int, files: int) -> dict[str, list[str]]:
    """The same bytes under each name: what is measured is how they are read."""
    folder.mkdir()
    chance = Random(1)  # noqa: S311  no secret
    lines = [HEADER]
    for n in range(rows):
        at = f"2022-03-04 13:{n // 60 % 60:02}:{n % 60:02}.000"
        note = f'"left at ""{chance.randrange(300)}"", gate {chance.randrange(9)}"' if n % 10 == 0 else ""
        lines.append(
            f"2022030413455600000000000000{n:07},{n},QZ{chance.randrange(10**8):08},{chance.choice('ABCD')},"
            f"place-{chance.randrange(300)},{chance.choice(('Red', 'Blue'))},{chance.randrange(900) / 100:.2f},USD,"
            f"{at},{note},gate{chance.randrange(2000)},{chance.choice(('ok', ''))}"
        )
    body = "\n".join([*lines, ""]).encode()
    kinds = {"csv": body, "csv.gz": gzip.compress(body, 6)}
    named = {kind: [f"LOAD{n + 1:08X}.{kind}" for n in range(files)] for kind in kinds}
    for kind, names in named.items():
        for name in names:
            (folder / name).write_bytes(kinds[kind])
    return named


if __name__ == "__main__":
    main()
