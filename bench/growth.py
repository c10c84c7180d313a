"""Measure the loader, the copier and the export's stand-in with 1, 3, 10 and 30 times the input, each apart.

    python -m bench.growth [--rounds 3] [--json FILE]

Loader: 4 MB to 120 MB of SQL over two connections; copier: 120 to 3,600 objects, 50 ms for each request; export: 20,000 to
600,000 rows to Parquet, which is the local stand-in for RDS and says nothing of RDS. Median seconds and the highest
peak of resident memory. `growth` is what ten times the input costs, from the largest against a tenth of it or nearly:
10 is linear, less is better.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FACTORS = (1, 3, 10, 30)
ROWS, OBJECTS = 2_500, 120  # of each of the eight tables, and in all

type Cost = tuple[float, float]  # seconds, peak MB


def loading(factor: int, rounds: int) -> Cost:
    """The whole task."""
    from bench import dumps, load_dump
    from dump_loader.sql.server import Flavour
    from local.emulator.database_server import DatabaseServer

    dump, measured = dumps.oltp(ROWS * factor), load_dump.Measured()
    with DatabaseServer(flavour=Flavour.MARIADB) as server, load_dump.aws(dump) as environment:
        for _ in range(rounds):
            load_dump.measure(lambda m: load_dump.by_loader(server, environment, 2, m), measured, server)
    return statistics.median(measured.seconds), measured.peak_megabytes


def copying(factor: int, rounds: int) -> Cost:
    """From the first request to the last answer."""
    from bench import copy_export

    ours = copy_export.Way("ours", [sys.executable, "-m", "bench.copy_export", "--child", "ours"])
    with copy_export.serving() as address:
        os.environ.update(copy_export.SERVICE, **copy_export.PLAIN, AWS_ENDPOINT_URL=address)
        objects = copy_export.objects_of(OBJECTS * factor, 10**6)
        runs = [one for _ in range(rounds) if (one := copy_export.run(ours, objects, 0.05, 0.0))]
    return statistics.median(run.seconds for run in runs), max(run.peak_mb for run in runs)


def exporting(factor: int, rounds: int) -> Cost:
    """From an open transaction to files."""
    from bench import dumps
    from dump_loader.sql.server import Flavour
    from local.emulator.database_server import DatabaseServer
    from local.emulator.rds.frozen import ConsistentRead

    seconds = []
    with DatabaseServer(flavour=Flavour.MARIADB) as server:
        dumps.fill_oltp(server, ROWS * factor)
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                began = time.monotonic()
                read = ConsistentRead(server)
                read.copy_to(Path(folder), part_rows=100_000, stopping=lambda: False)
                read.close()
                seconds.append(time.monotonic() - began)
    return statistics.median(seconds), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


PARTS: dict[str, Callable[[int, int], Cost]] = {"loader": loading, "copier": copying, "export stand-in": exporting}


def _apart(part: str, factor: int, rounds: int) -> Cost:
    """In a process of its own: a peak of memory begins with that of the process that starts it."""
    child = [sys.executable, "-m", "bench.growth", "--part", part, "--factor", str(factor), "--rounds", str(rounds)]
    return tuple(json.loads(subprocess.check_output(child)))  # type: ignore[return-value]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--factor", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        sys.stdout.write(json.dumps(PARTS[options.part](options.factor, options.rounds)))
        return
    rows: list[dict[str, Any]] = []
    for part in PARTS:
        costs = {factor: _apart(part, factor, options.rounds) for factor in FACTORS}
        exponent = math.log(costs[FACTORS[-1]][0] / costs[FACTORS[-2]][0]) / math.log(FACTORS[-1] / FACTORS[-2])
        sys.stdout.write(f"{part}: ten times the input costs {10**exponent:.1f} times the seconds\n")
        for factor, (seconds, peak) in costs.items():
            sys.stdout.write(f"  x{factor:<3} {seconds:7.2f} s   peak {peak:4.0f} MB\n")
            rows.append({"part": part, "factor": factor, "seconds": round(seconds, 3), "peak_megabytes": round(peak)})
        rows.append({"part": part, "growth": round(10**exponent, 2)})
        sys.stdout.flush()
    if options.json:
        command = f"python -m bench.growth --rounds {options.rounds}"
        options.json.write_text(json.dumps({"name": "growth", "command": command, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
