"""Forged messages and forged side files: whatever they say, nothing changes but what the functions own.

The real handlers, on moto's server, which allows everything: what holds here holds where a role's policy is too wide.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.rds.models import rds_backends
from moto.s3.models import s3_backends

from ingestion import partition
from ingestion.landing_zone.manifest import attempts_prefix
from ingestion.messages import Run
from liberator import naming
from liberator.manifest import ExportManifest
from tests.fakes import SNAPSHOT_TIME
from tests.integration.services.conftest import DATA, NAME, RUN, exported
from tests.lake import DAY, MANIFEST, PREFIX, Lake

OWNED = ("parking/liberator/", "_manifests/parking/liberator/")
OTHER_DAY = "sql-to-parquet-2021-06-03-101530"
FOREIGN = {
    ("landing", "parking/other/other.t/import_year=2021/import_month=06/import_day=04/import_date=20210604/kept.parquet"),
    ("landing", "parking/liberator_other/kept.parquet"),
    ("landing", "parking/kept.parquet"),
    ("landing", "housing/kept.parquet"),
    ("landing", "_manifests/parking/other/import_date=20210604.json"),
    ("landing", f"_manifests/parking/liberator/attempts/import_date=20210603/{OTHER_DAY}.json"),
    ("pre-production", "parking/liberator_dump_210603.zip"),
    ("exports", "another-teams-export/other/other.t/1/part-0.gz.parquet"),
    (DATA, "parking/liberator_dump_210604.zip"),
    (DATA, "secrets/kept.zip"),
    ("somebody-elses", "parking/liberator_dump_210604.zip"),
    ("somebody-elses", f"k.{NAME}.row-counts.json"),
}

# What S3 takes as a key, a file system as a way out, and a URL as something else.
WILD = st.one_of(
    st.sampled_from(
        ["..", "../..", "%2e%2e%2f", "..%2F", "//", "/", ".", "\\..\\", "a" * 5_000, "\x00", "\r\n", "ä", "*", "?", "${x}",
         "", NAME, OTHER_DAY, f"{NAME}/../x", f"{NAME}%2F", f"../{NAME}", "liberator", "parking/", "arn:aws:s3:::landing"]
    ),
    st.text(max_size=40),
)  # fmt: skip
BUCKETS = st.sampled_from(["landing", "exports", DATA, "somebody-elses", "pre-production", "no-such-bucket"])
KEYS = st.one_of(
    st.sampled_from([key for _, key in sorted(FOREIGN)]),
    st.builds("parking/liberator_dump_{}.zip".format, WILD),
    st.builds("parking/{}/liberator_dump_210604.zip".format, WILD),
    WILD,
)
RUNS = st.fixed_dictionaries(
    {
        "import_date": st.one_of(st.dates().map(str), st.sampled_from(["2021-06-04", "2021-06-03", "0001-01-01"]), WILD),
        "backdated": st.sampled_from([True, False, "maybe"]),
        "origin": st.one_of(st.none(), st.builds("s3://{}/{}".format, BUCKETS, KEYS), WILD, st.just(RUN.origin)),
    }
)
NAMES = st.one_of(WILD, st.sampled_from([NAME, OTHER_DAY, NAME.replace("-10", "-backdated-10"), "another-teams-export"]))
COMMANDS = st.fixed_dictionaries(
    {"kind": st.sampled_from(["CopyExport", "ExportSnapshot", "LandingZoneUpdated", "Else"]), "run": RUNS,
     "correlation_id": st.one_of(st.just("c"), WILD)},
    optional={"export_task_identifier": NAMES, "snapshot_identifier": NAMES, "version": st.sampled_from([1, 2]),
              "landing_prefix": WILD},
)  # fmt: skip
RDS_EVENTS = st.builds(
    lambda event, source, kind: {
        "source": "aws.rds", "detail-type": "RDS DB Snapshot Event",
        "detail": {"EventID": event, "SourceType": kind, "SourceIdentifier": source},
    },
    st.sampled_from(["RDS-EVENT-0161", "RDS-EVENT-0042", "RDS-EVENT-0159"]), NAMES,
    st.sampled_from(["SNAPSHOT", "DB_INSTANCE"]),
)  # fmt: skip
UPLOADS = st.one_of(
    st.builds(
        lambda bucket, key, version: {
            "source": "aws.s3", "detail-type": "Object Created",
            "detail": {"bucket": {"name": bucket}, "object": {"key": key, "version-id": version}},
        },
        BUCKETS, KEYS, st.one_of(st.none(), WILD),
    ),
    st.builds(
        lambda bucket, key: {
            "Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}]
        },
        BUCKETS, KEYS,
    ),
)  # fmt: skip


def objects() -> dict[tuple[str, str], bytes]:
    """Every object of every bucket, whoever put it there."""
    buckets = s3_backends["123456789012"]["aws"].buckets
    return {(name, str(key)): bytes(it.value) for name, bucket in buckets.items() for key, it in bucket.keys.items()}


def foreign(found: dict[tuple[str, str], bytes]) -> dict[tuple[str, str], bytes]:
    """What is not the copier's to write: everything but its database's part of the landing zone."""
    return {
        (bucket, key): body
        for (bucket, key), body in found.items()
        if bucket != "landing" or not key.startswith(OWNED) or (bucket, key) in FOREIGN
    }


@pytest.fixture
def lake(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A day to land, its snapshot, and around it what is not to be touched."""
    monkeypatch.setenv("COPIER_QUEUE_URL", boto3.client("sqs").create_queue(QueueName="copier")["QueueUrl"])
    topic = boto3.client("sns").create_topic(Name="events")["TopicArn"]
    assert topic.endswith("123456789012:events")
    lake = exported()
    for bucket in ("pre-production", "somebody-elses"):
        lake.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    for bucket, key in FOREIGN:
        lake.put(key, b"keep", bucket)
    rds = boto3.client("rds")
    rds.create_db_instance(DBInstanceIdentifier="another", DBInstanceClass="db.t3.micro", Engine="mysql", MasterUsername="u",
                           MasterUserPassword="password", AllocatedStorage=20)  # fmt: skip
    rds.create_db_snapshot(DBInstanceIdentifier="another", DBSnapshotIdentifier=OTHER_DAY)
    return lake


def exports() -> set[str]:
    return set(rds_backends["123456789012"]["eu-west-2"].export_tasks)


def command(**changed: Any) -> str:
    body = {"kind": "CopyExport", "run": RUN.model_dump(mode="json"), "correlation_id": "c", "export_task_identifier": NAME}
    return json.dumps(body | changed)


FUZZED = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZED
@given(body=st.one_of(COMMANDS, RDS_EVENTS, UPLOADS, WILD))
@pytest.mark.parametrize("name", ["s3_to_s3_copier", "snapshot_to_s3"])
def test_no_message_reaches_what_is_not_ours(lake: Lake, function: Callable[[str], Any], name: str, body: object) -> None:
    before = foreign(objects())
    function(name).invoke(json.dumps(body), seconds=900)
    assert foreign(objects()) == before
    assert exports() <= {NAME}


@FUZZED
@given(body=UPLOADS)
def test_no_event_makes_the_replicator_touch_what_is_no_dump(
    lake: Lake, function: Callable[[str], Any], body: dict[str, Any]
) -> None:
    before = objects()
    function("prod_to_preprod").invoke(json.dumps(body))
    new = {where: value for where, value in objects().items() if before.get(where) != value}
    assert objects().keys() >= before.keys()
    assert all(bucket == "pre-production" and naming.is_dump_key(key) for bucket, key in new)
    assert all(before[DATA, key] == value for (_, key), value in new.items())


@pytest.mark.parametrize(
    ("bucket", "key"),
    [
        ("somebody-elses", "parking/liberator_dump_210604.zip"),
        (DATA, "secrets/kept.zip"),
        ("landing", "housing/kept.parquet"),
        ("pre-production", "parking/liberator_dump_210603.zip"),
    ],
)
def test_what_is_there_but_no_dump_of_the_data_bucket_is_not_replicated(
    lake: Lake, function: Callable[[str], Any], bucket: str, key: str
) -> None:
    before = objects()
    replicator = function("prod_to_preprod")
    detail = {"bucket": {"name": bucket}, "object": {"key": key}}
    assert replicator.invoke(json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})) == []
    assert objects() == before
    [told] = replicator.told()
    assert told["error"] == "UnreadableMessage"
    assert f"s3://{bucket}/{key}" in told["reason"]


@pytest.mark.parametrize(
    "run",
    [
        {"import_date": "2021-06-03"},
        {"backdated": True},
        {"import_date": "2021-06-03", "origin": "s3://data/parking/liberator_dump_210603.zip"},
        {"import_date": "2021-06-03", "origin": None},
    ],
)
def test_an_export_lands_on_no_day_but_its_own(lake: Lake, function: Callable[[str], Any], run: dict[str, Any]) -> None:
    before = objects()
    copier = function("s3_to_s3_copier")
    assert copier.invoke(command(run=RUN.model_dump(mode="json") | run), seconds=900) == []
    assert objects() == before
    [told] = copier.told()
    assert told["error"] == "BadName"
    assert NAME in told["reason"]


def test_it_still_lands_when_its_snapshot_is_gone(lake: Lake, function: Callable[[str], Any]) -> None:
    del rds_backends["123456789012"]["eu-west-2"].database_snapshots[NAME]
    before = foreign(objects())
    assert function("s3_to_s3_copier").invoke(command(), seconds=900) == []
    assert lake.manifest().run == RUN
    assert any(key.startswith("parking/liberator/") for key in lake.landed())
    assert foreign(objects()) == before


PART = "part-00000-x-c000.gz.parquet"


@pytest.mark.parametrize(
    ("key", "target"),
    [
        (f"{NAME}/other/other.t/1/{PART}", "other.t"),
        (f"{NAME}/../...t/1/{PART}", "...t"),
        (f"{NAME}/liberator/other/other.t/1/{PART}", "other.t"),
        (f"{NAME}/liberator/liberator.permits/../{PART}", "liberator.permits"),
        (f"{NAME}/liberator/liberator.../x/{PART}", "liberator..."),
        (f"{NAME}/a/a.t/1/{PART}", "liberator.t"),
        (f"{NAME}/_manifests/_manifests.t/1/{PART}", "_manifests.t"),
        (f"{NAME}/%2e%2e/%2e%2e.t/1/{PART}", "%2e%2e.t"),
    ],
)
def test_a_forged_export_lands_nowhere_else(lake: Lake, function: Callable[[str], Any], key: str, target: str) -> None:
    for found in lake.s3.list_objects_v2(Bucket="exports", Prefix=f"{NAME}/")["Contents"]:
        lake.s3.delete_object(Bucket="exports", Key=found["Key"])
    lake.put(key, b"x")
    lake.side_files(NAME, [{"target": target, "status": "COMPLETE"}])
    before = objects()
    copier = function("s3_to_s3_copier")
    assert copier.invoke(command(run=RUN.model_dump(mode="json") | {"origin": None}), seconds=900) == []
    assert objects() == before
    [told] = copier.told()
    assert told["error"] in ("ExportUnusable", "BadName")


@pytest.mark.parametrize(
    "stale",
    ["housing/kept.parquet", "parking/other/other.t/import_date=20210604/kept.parquet",
     "_manifests/parking/other/import_date=20210604.json",
     "parking/liberator/liberator.permits/import_date=20210603/kept.parquet"],
)  # fmt: skip
@pytest.mark.parametrize("where", ["manifest", "attempt"])
def test_a_forged_manifest_makes_the_copier_delete_nothing(
    lake: Lake, function: Callable[[str], Any], stale: str, where: str
) -> None:
    lake.put(stale, b"keep", "landing")
    forged = {
        "prefix": PREFIX, "database": "liberator", "run": RUN.model_dump(mode="json"), "correlation_id": "c",
        "export_task_identifier": "sql-to-parquet-2021-06-04-000000",
        "uploaded_at": None, "snapshot_time": "2021-06-04T00:00:00Z",
        "tables": [{"name": "t", "rows": 1, "objects": [{"key": stale, "size": 4}]}],
    }  # fmt: skip
    key = MANIFEST
    if where == "attempt":
        key = f"{attempts_prefix(PREFIX, partition.name(DAY))}sql-to-parquet-2021-06-04-000000.json"
    lake.put(key, json.dumps(forged).encode(), "landing")
    before = objects()
    copier = function("s3_to_s3_copier")
    assert copier.invoke(command(), seconds=900) == []
    assert objects().items() >= before.items()
    [told] = copier.told()
    assert told["error"] == "UnreadableObject"


def test_a_manifest_of_another_day_is_not_taken_for_the_days_own(lake: Lake, function: Callable[[str], Any]) -> None:
    of_another_day = ExportManifest(
        prefix=PREFIX, database="liberator", run=Run(import_date="2021-06-03", backdated=False), correlation_id="c",  # type: ignore[arg-type]
        export_task_identifier=OTHER_DAY, uploaded_at=None, snapshot_time=SNAPSHOT_TIME, tables=(),
    )  # fmt: skip
    lake.put(MANIFEST, of_another_day.model_dump_json().encode(), "landing")
    copier = function("s3_to_s3_copier")
    assert copier.invoke(command(), seconds=900) == []
    [told] = copier.told()
    assert told["error"] == "UnreadableObject"
    assert "import_date=20210603" in told["reason"]
