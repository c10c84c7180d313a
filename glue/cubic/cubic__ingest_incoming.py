"""Glue job: the loads of one batch become partitions of Cubic's tables in the raw zone, each load by itself.

Executors read and write the files, this process commits them; result.json is the last that it writes. Safe to repeat: a
load that an earlier run has committed is taken as it is, any other is written into a folder of this run.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from pyspark.sql import SparkSession

from cubic_job.batch import Load, Written, loads_of
from cubic_job.committing import RawZone
from cubic_job.load import Places, client, write_load
from cubic_job.refusals import Refused
from lake import job
from lake.job import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_glue import GlueClient
    from pyspark import SparkContext


def main(command_line: Sequence[str]) -> None:
    options = job.arguments(
        command_line,
        {"JOB_RUN_ID": "run_id"},
        batch="the id of the batch in the metadata database",
        springboard="URI of the bucket with the batch's document and the copies of its files",
        raw="URI of the raw zone's bucket",
        raw_database="the catalog's database of Cubic's tables",
    )
    job.log_to_stdout()
    glue: GlueClient = boto3.client("glue")
    springboard, raw = (uri.removeprefix("s3://") for uri in (options.springboard, options.raw))
    places = Places(springboard, raw, options.run_id, glue.meta.region_name)
    zone = RawZone(glue, options.raw_database, raw)
    ingest(SparkSession.builder.getOrCreate().sparkContext, options.batch, places, zone)


def ingest(context: SparkContext, batch: str, places: Places, zone: RawZone) -> dict[str, Any]:
    """Ingests what it can of the batch; returns the loads of result.json. A load that is not in it can be tried again."""
    s3, folder = client(places), f"_work/{batch}"
    document = s3.get_object(Bucket=places.springboard, Key=f"{folder}/batch.json")["Body"].read().decode()
    loads = loads_of(document)
    say("Started", batch=batch, run=places.run_id, loads=len(loads))
    results: dict[str, Any] = {}
    # Each load is a job of Spark's: a task that dies, however often, ends no other's. The threads only wait.
    with ThreadPoolExecutor(len(loads) or 1) as pool:
        running = {pool.submit(_write, load, context, places, zone): load for load in loads}
        for future in as_completed(running):
            load = running[future]
            try:
                # Committed one after the other, for the loads have mostly one table to widen.
                results[str(load.load_id)] = _result(load, future.result(), zone)
            except Exception as error:  # noqa: BLE001  whatever it is, it is this load's, which is ready again
                job.log.warning("Failed: load %s, %s", load.load_id, load.s3_key, exc_info=error)
                say("Failed, and can be tried again", load=load.load_id, s3_key=load.s3_key, reason=job.reason(error))
    result = json.dumps({"batch": batch, "loads": results}).encode()
    s3.put_object(Bucket=places.springboard, Key=f"{folder}/result.json", Body=result, ContentType="application/json")
    say("Ended", batch=batch, loads=len(loads), ended=len(results))
    return results


def _write(load: Load, context: SparkContext, places: Places, zone: RawZone) -> int | Written | Refused:
    """The rows that an earlier run has committed, or else what an executor has written or refused."""
    if (rows := zone.committed_rows(load)) is not None:
        return rows
    [written] = context.parallelize([load], 1).map(partial(write_load, places=places)).collect()
    return written


def _result(load: Load, written: int | Written | Refused, zone: RawZone) -> dict[str, Any]:
    if isinstance(written, Refused):
        say("Refused", load=load.load_id, s3_key=load.s3_key, code=written.code, text=written.text)
        return {"reason": {"code": written.code, "text": written.text}}
    if isinstance(written, int):
        say("Committed by an earlier run", load=load.load_id, s3_key=load.s3_key, rows=written)
        return {"rows": written}
    newest = zone.commit(load, written)
    say("Committed" if newest else "Superseded", load=load.load_id, s3_key=load.s3_key, rows=written.rows)
    return {"rows": written.rows} | ({} if newest else {"superseded": True})


if __name__ == "__main__":
    main(sys.argv[1:])
