"""`rebuild` with the job run for real, after files of the raw zone were deleted and damaged."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest

from cubic.functions import migrate_metadata
from cubic.store.database import PostgreSql
from cubic__ingest_incoming import ingest
from cubic_job.committing import RawZone
from cubic_job.load import Places
from ingestion.s3_uri import split_s3_uri
from local.emulator.postgres_server import PostgresServer
from tests import cubic, incoming
from tests.incoming import DATABASE, RAW, REGION, Cubic
from tests.operations import STACK, Glue, Lambda, Terminal, environment_of

JOB, SPRINGBOARD = f"{STACK}-cubic__ingest_incoming", f"{STACK}-cubic-springboard"
TABLE, CHANGES = cubic.NAME, f"{cubic.NAME}__ct"
LOAD1, CT = f"{cubic.PREFIX}LOAD001.csv", f"{cubic.CHANGES}1.csv"
CHANGED = b"header__change_oper,header__change_seq,id,name\nI,1,4,d\nU,2,1,x\n"


@pytest.fixture
def world(spark: Any, aws: str, database: PostgreSql, monkeypatch: pytest.MonkeyPatch) -> Cubic:
    """A stack's names, and the real job."""
    for name, value in {"ARCHIVE": f"{STACK}-cubic-archive", "SPRINGBOARD": SPRINGBOARD, "JOB": JOB}.items():
        monkeypatch.setattr(incoming, name, value)
    keys = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")}
    spark.sparkContext.environment.update(keys | {"PYTHONPATH": os.pathsep.join(sys.path)})
    made = Cubic(database)

    def run_job() -> None:
        for run in made.glue.get_job_runs(JobName=JOB)["JobRuns"]:
            if run["Id"] not in made.ran:
                made.ran.add(run["Id"])
                places = Places(SPRINGBOARD, RAW, run["Id"], REGION)
                ingest(spark.sparkContext, run["Arguments"]["--batch"], places, RawZone(made.glue, DATABASE, RAW))

    monkeypatch.setattr(made, "run_job", run_job)
    made.configure(cubic.PREFIX)
    return made


def rows(table: str) -> dict[tuple[str, ...], list[dict[str, str]]]:
    """The rows of each partition, as a reader of the catalog finds them."""
    s3, found = boto3.client("s3"), {}
    for partition in boto3.client("glue").get_partitions(DatabaseName=DATABASE, TableName=table)["Partitions"]:
        bucket, prefix = split_s3_uri(partition["StorageDescriptor"]["Location"] + "/")
        keys = [it["Key"] for it in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
        bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]
        found[tuple(partition["Values"])] = [row for body in bodies for row in pq.read_table(io.BytesIO(body)).to_pylist()]
    return found


def test_a_snapshot_whose_partitions_are_deleted_and_damaged_is_as_before(
    world: Cubic, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.upload(LOAD1, b"id,name\n1,a\n2,b\n")
    world.upload(CT, CHANGED, 10)
    world.upload(LOAD1.replace("1.", "2."), b"id,name\n3,c\n", 11)
    world.settle()
    before, loads = (rows(TABLE), rows(CHANGES)), world.loads()
    assert sorted(len(of) for table in before for of in table.values()) == [1, 2, 2]
    [snapshot] = {values[0] for table in before for values in table}

    values = [snapshot, "LOAD001.csv"]
    world.glue.delete_partition(DatabaseName=DATABASE, TableName=TABLE, PartitionValues=values)
    [damaged] = world.keys(RAW, f"{cubic.CHANGES}snapshot={snapshot}/")
    world.s3.put_object(Bucket=RAW, Key=damaged, Body=b"PAR1")
    [deleted] = world.keys(RAW, f"{cubic.PREFIX}snapshot={snapshot}/identifier=LOAD002.csv/")
    world.s3.delete_object(Bucket=RAW, Key=deleted)

    for name, value in environment_of(postgres).items():
        monkeypatch.setenv(name, value)
    migrate_metadata.metadata.cache_clear()
    terminal = Terminal(clients={"lambda": Lambda(), "glue": Glue(world.run_job)})
    code, out, err = terminal.run("cubic", "rebuild", TABLE, snapshot, "--json")
    assert code == 0, err
    assert [(one["s3_key"], one["rows"], one["remark"]) for one in json.loads(out)] == [
        (LOAD1, 2, None),
        (CT, 2, None),
        (LOAD1.replace("1.", "2."), 1, None),
    ]
    assert (rows(TABLE), rows(CHANGES)) == before
    assert world.loads() == loads

    code, out, _ = terminal.run("cubic", "rebuild", TABLE, snapshot)
    assert (code, len(out.splitlines())) == (0, 4)
    assert (rows(TABLE), rows(CHANGES)) == before
    migrate_metadata.metadata().database.close()
    migrate_metadata.metadata.cache_clear()
