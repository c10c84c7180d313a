"""The Glue job: its commit is the job's own, its reading and writing of files are the model's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from cubic_job.batch import Load, Written, loads_of
from cubic_job.committing import Contended, RawZone
from cubic_job.load import path

if TYPE_CHECKING:
    from tests.simulation.cubic.glue import JobRun
    from tests.simulation.cubic.system import System

BAD = b"bad:"


def rows_of(body: bytes) -> int | None:
    """How many rows a good file has; None where it is bad, and the reason's code is what follows."""
    return None if body.startswith(BAD) else int(body.split(b":", 1)[0])


def ingest(run: JobRun, system: System) -> None:
    """Each load by itself; what fails is left out of the result. Dies where the batch or the result can't be had."""
    batch, s3, names = run.arguments["--batch"], system.s3, system.names
    answer = s3.get_object(Bucket=names.springboard, Key=f"_work/{batch}/batch.json")
    zone = RawZone(system.glue, names.raw_database, names.raw)  # type: ignore[arg-type]
    loads = loads_of(answer["Body"].read().decode())
    system.world.chance.shuffle(loads)
    results: dict[str, Any] = {}
    for load in loads:
        try:
            results[str(load.load_id)] = _ingested(load, run, system, zone)
        except (ClientError, BotoCoreError, Contended) as error:
            system.world.tell(run.id, f"can't ingest load {load.load_id}: {error}")
    result = json.dumps({"batch": batch, "loads": results}).encode()
    s3.put_object(Bucket=names.springboard, Key=f"_work/{batch}/result.json", Body=result)


def _ingested(load: Load, run: JobRun, system: System, zone: RawZone) -> dict[str, Any]:
    if (rows := zone.committed_rows(load)) is not None:
        return {"rows": rows}
    s3, names = system.s3, system.names
    body = s3.get_object(Bucket=names.springboard, Key=load.key)["Body"].read()
    rows = rows_of(body)
    if rows is None:
        return {"reason": {"code": body.removeprefix(BAD).split(b":", 1)[0].decode(), "text": "The file is bad."}}
    folder = f"{load.folder}/{path(load.partition | {'run': run.id})}"
    for part in range(2):
        s3.put_object(Bucket=names.raw, Key=f"{folder}/part-{part}.parquet", Body=body)
    newest = zone.commit(load, Written(("id",), rows, f"s3://{names.raw}/{folder}"))
    return {"rows": rows} | ({} if newest else {"superseded": True})
