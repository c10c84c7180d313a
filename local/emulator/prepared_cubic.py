"""Cubic's buckets, stream and metadata in the states that events/ speak of."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from moto.glue.models import FakeJobRun, glue_backends
from moto.s3.models import s3_backends

from cubic import work
from cubic.loads import Found, Ingested
from cubic.store import claiming, configuration, finishing, registering
from cubic.tables import FeedConfig, TableConfig
from local.emulator.aws import ACCOUNT, REGION

if TYPE_CHECKING:
    from cubic.store.database import Database
    from local.emulator.cloud import Cloud

VERSION = "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY"  # of every object in events/
LOAD1 = "cubic/ods_qlik/EDW.SAMPLE/LOAD001.csv.gz"
CHANGES = "cubic/ods_qlik/EDW.SAMPLE__ct/20220304-134556444.csv.gz"
ODD_KEY = "cubic/dmap/agg sample/2022 03+04 (ä).csv"
INGESTED, TO_MOVE = "cubic/dmap/agg sample/20220303.csv", 7
INGESTING = "cubic/kafka/sample/2yLeWp3ZVbDJGkQcbGnVtX.json"
PREFIXES = ("cubic/ods_qlik/EDW.SAMPLE/", "cubic/dmap/agg sample/", "cubic/kafka/sample/")
BATCH, RUN = UUID("6f1c1f0e-8c39-4c6e-9d3e-0a4b8f6f0c11"), "jr_abcdef0123456789"
FIRST = datetime(2022, 3, 4, 13, 45, 56, tzinfo=UTC)
BUCKETS = ("IncomingBucket", "ArchiveBucket", "ErrorBucket", "SpringboardBucket")
PARAMETERS = {"CubicKafkaFileMinutes": "0.001"}  # a record is old enough for a file at once


def prepare(cloud: Cloud) -> None:
    """Brings the states about, whatever there was before.

    Of LOAD001, the first version is registered and the second is not; the file of changes and the one of the odd name are
    not either. The file of Kafka is in the batch, whose run has succeeded; load 7 is to be moved. The stream has a record.
    No DMAP is here: its address is this machine's own, which is refused.
    """
    db = cloud.metadata()
    _configure(db)
    for bucket in BUCKETS:
        _empty(cloud, bucket)
    first = _put(cloud, LOAD1, FIRST, "first")
    registering.register(db, first, FIRST)
    for key in (LOAD1, CHANGES, ODD_KEY):
        _put(cloud, key, FIRST + timedelta(days=1), VERSION)
    _ingesting(cloud, db)
    _to_move(cloud, db)
    secret = {"base_url": "https://127.0.0.1", "api_key": "local"}
    cloud.aws.client("secretsmanager").put_secret_value(SecretId="CubicApiSecret", SecretString=json.dumps(secret))
    [stream] = cloud.template.of_type("AWS::Kinesis::Stream")
    cloud.aws.client("kinesis").put_record(StreamName=stream.properties["Name"], Data=b'{"a": 1}', PartitionKey="a")


def _configure(db: Database) -> None:
    with db.transaction() as cursor:
        cursor.execute("TRUNCATE cubic_tables, cubic_dmap_feeds, cubic_kafka_streams, cubic_told RESTART IDENTITY CASCADE")
    for prefix in PREFIXES:
        configuration.put_table(db, TableConfig(s3_prefix=prefix))
    configuration.put_feed(db, FeedConfig(name="agg_sample", relative_url="/datasets/agg_sample"))


def _ingesting(cloud: Cloud, db: Database) -> None:
    """A batch of one load, whose run has succeeded and has left its result."""
    load = registering.register(db, _put(cloud, INGESTING, FIRST), FIRST)
    assert load is not None
    with db.transaction() as cursor:
        cursor.execute(
            "INSERT INTO cubic_batches (id, table_id, job_run_id, started_at, claimed_until) "
            "SELECT %s, id, %s, %s, %s FROM cubic_tables WHERE name = %s",
            (BATCH, RUN, FIRST, FIRST, load.table),
        )
        cursor.execute(
            "UPDATE cubic_loads SET status = 'ingesting', batch_id = %s WHERE id = %s",
            (BATCH, load.load_id),
        )
    batch = claiming.open_batch(db, BATCH)
    assert batch is not None
    springboard = cloud.name_of("SpringboardBucket")
    work.write_document(cloud.s3, springboard, work.document(batch, batch.loads))
    result = work.BatchResult(batch=BATCH, loads={load.load_id: work.JobOutcome(rows=1)})
    cloud.s3.put_object(Bucket=springboard, Key=f"{work.folder(BATCH)}result.json", Body=result.model_dump_json().encode())
    runs = glue_backends[ACCOUNT][REGION].jobs[cloud.name_of("IngestJob")].job_runs
    if not any(run.job_run_id == RUN for run in runs):  # no API gives a run its id
        run = FakeJobRun(cloud.name_of("IngestJob"), arguments={"--batch": str(BATCH)})
        run.job_run_id, run.status = RUN, "SUCCEEDED"
        runs.append(run)


def _to_move(cloud: Cloud, db: Database) -> None:
    """A load that is ingested."""
    with db.transaction() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('cubic_loads', 'id'), %s)", (TO_MOVE - 1,))
    load = registering.register(db, _put(cloud, INGESTED, FIRST), FIRST)
    batch = claiming.claim(db, load.table, FIRST) if load else None
    assert batch is not None
    claiming.started(db, batch.id, "jr_0123456789abcdef")
    finishing.finish(db, batch.id, {TO_MOVE: Ingested(rows=1)}, FIRST)


def _empty(cloud: Cloud, bucket: str) -> None:
    name = cloud.name_of(bucket)
    for page in cloud.s3.get_paginator("list_object_versions").paginate(Bucket=name):
        for it in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
            cloud.s3.delete_object(Bucket=name, Key=it["Key"], VersionId=it["VersionId"])


def _put(cloud: Cloud, key: str, modified: datetime, version: str | None = None) -> Found:
    """An object of Incoming. Nobody hears of it."""
    bucket, rule = cloud.name_of("IncomingBucket"), "IncomingObjectRule"
    cloud.bus.disabled.add(rule)
    cloud.s3.put_object(Bucket=bucket, Key=key, Body=b"id,name\n1,a\n")
    cloud.bus.disabled.remove(rule)
    made = s3_backends[ACCOUNT]["aws"].buckets[bucket].keys[key]
    made.last_modified = modified.replace(tzinfo=None)
    made._version_id = version or made._version_id  # noqa: SLF001  no API sets it
    return Found(key, str(made.version_id), modified, made.size, made.etag.strip('"'))
