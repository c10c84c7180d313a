"""All of `make bench`, one after the other, into bench/results.json and bench/results.svg.

    python -m bench [--rounds 5] [--only register,sweep]

`--rounds` is of the loader's ways; the others say what theirs are. `--only` runs some sections, by the names of their
modules, and leaves the results of the others as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", type=lambda names: set(names.split(",")), help="sections")
    options = parser.parse_args()
    loading = ["bench.load_dump", "--rounds", str(options.rounds)]
    runs = [
        [*loading, "--inputs", "oltp", "--ways", "unzip,ssl,connections"],
        [*loading, "--inputs", "sample", "--ways", "unzip -p,2 connections"],
        ["bench.copy_export"],
        ["bench.waiting"],
        ["bench.cold_start", "--rounds", "5"],
        ["bench.growth"],
        ["bench.cubic.register"],
        ["bench.cubic.sweep"],
        ["bench.cubic.claim"],
        ["bench.cubic.kinesis"],
        ["bench.cubic.ingest"],
    ]
    there = json.loads((HERE / "results.json").read_text())
    if options.only:
        runs = [run for run in runs if run[0].rpartition(".")[2] in options.only]
    began, results = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        for number, run in enumerate(runs, 1):
            sys.stdout.write(f"\n── {number} of {len(runs)}, after {time.monotonic() - began:.0f} s: {' '.join(run)}\n")
            sys.stdout.flush()
            file = Path(folder) / f"{number}.json"
            subprocess.run([sys.executable, "-m", *run, "--json", str(file)], check=True)
            results.append({**json.loads(file.read_text()), "measured": _today(), "waiting_for_cpu": os.getloadavg()[0]})
    machine = {
        "measured": _today(),
        "cpus": os.cpu_count(),
        "cpu": _cpu(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "minutes": round((time.monotonic() - began) / 60, 1),
    }
    if options.only:
        again = {result["name"] for result in results}
        results = [result for result in there["results"] if result["name"] not in again] + results
        machine = there["machine"]
    (HERE / "results.json").write_text(json.dumps({"machine": machine, "results": results}, indent=1) + "\n")
    subprocess.run([HERE.parent / ".venv/bench/bin/python", HERE / "picture.py"], check=True)
    sys.stdout.write(f"\n{(time.monotonic() - began) / 60:.1f} minutes; see bench/results.json and bench/results.svg\n")


def _today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def _cpu() -> str:
    """The processor's name; empty where there is no /proc."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


if __name__ == "__main__":
    main()
