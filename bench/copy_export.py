"""How fast the copier copies an export, beside one copy after another, on the same objects, in one run.

    python -m bench.copy_export [--objects 600] [--latency 0.04] [--rounds 3]

Prints each way's median seconds and the ratio (one after another / ours: above 1 ours is faster). S3 is moto's on this
machine, and `latency` seconds are waited before each request, which is an assumption about S3, not a measurement of it.
Ours also lists the landing zone before and after.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from botocore.config import Config

from ingestion import naming
from ingestion.naming import ExportedFile
from local.aws import LocalAws
from s3_to_s3_copier import copying

DAY = date(2021, 6, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=600)
    parser.add_argument("--latency", type=float, default=0.04)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with LocalAws(1.0) as aws:
        s3 = aws.client("s3", config=Config(max_pool_connections=2 * copying.CONCURRENCY))
        for bucket in ("export", "landing"):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
        plan = naming.landing_keys([_exported(s3, n) for n in range(options.objects)], DAY)
        s3.meta.events.register("before-send.s3", lambda **_: time.sleep(options.latency))
        ways = {"one after another": one_after_another, "ours": ours}
        seconds = {name: [_timed(way, s3, plan) for _ in range(options.rounds)] for name, way in ways.items()}
    for name, taken in seconds.items():
        sys.stdout.write(f"{name:>18}: {statistics.median(taken):6.2f} s for {options.objects} objects\n")
    ratio = statistics.median(seconds["one after another"]) / statistics.median(seconds["ours"])
    sys.stdout.write(f"{'ratio':>18}: {ratio:6.2f}\n")


def one_after_another(s3: Any, plan: Mapping[str, ExportedFile]) -> None:
    """What the first system of this kind did."""
    for key, file in plan.items():
        s3.copy_object(CopySource={"Bucket": "export", "Key": file.key}, Bucket="landing", Key=key)


def ours(s3: Any, plan: Mapping[str, ExportedFile]) -> None:
    copying.copy_all(plan, s3, source="export", landing="landing", seconds_left=lambda: 900.0)


def _exported(s3: Any, number: int) -> ExportedFile:
    key = f"task/liberator/liberator.permits/1/part-{number:05}-x-c000.gz.parquet"
    s3.put_object(Bucket="export", Key=key, Body=b"x" * 1000)
    return ExportedFile(key, 1000, "liberator", "liberator.permits", "1", key.rsplit("/", 1)[1])


def _timed(way: Callable[[Any, Mapping[str, ExportedFile]], None], s3: Any, plan: Mapping[str, ExportedFile]) -> float:
    began = time.monotonic()
    way(s3, plan)
    taken = time.monotonic() - began
    copying.delete_all(plan, s3, "landing")
    return taken


if __name__ == "__main__":
    main()
