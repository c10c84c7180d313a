"""The second source in the whole system: a file goes from Incoming to raw zone and archive, each part in its role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local.emulator.cloud import Cloud
from local.emulator.iam import Call, calls_of
from tests.eventually import eventually
from tests.policies import covers, grants

pytestmark = pytest.mark.timeout(240)

KEY = "cubic/ods_qlik/EDW.SAMPLE/LOAD001.csv"
SERVICES = ("s3:", "sqs:", "sns:")  # of the others, local/emulator/iam.py does not know the resources that Cubic uses


@dataclass(frozen=True)
class Run:
    cloud: Cloud
    calls: set[Call]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """LOAD001 of a table that is configured by a request, until it is archived."""
    calls: set[Call] = set()
    with Cloud(cubic=True, glue=True) as cloud:
        cloud.aws.on_request = lambda request, resource: calls.update(calls_of(request, resource))
        table = {"s3_prefix": "cubic/ods_qlik/EDW.SAMPLE/", "key_columns": ["a"]}
        cloud.functions["MigrateMetadataFunction"].invoke({"command": "put_table", "table": table})
        cloud.s3.put_object(Bucket=cloud.name_of("IncomingBucket"), Key=KEY, Body=b"a,b\n1,2\n3,4\n")
        eventually(lambda: archived(cloud), bool, seconds=180)
        cloud.functions["SweepIncomingFunction"].invoke(
            {"Records": [{"messageId": "1", "receiptHandle": "r", "body": '{"kind": "SweepIncoming", "version": 1}'}]}
        )
        yield Run(cloud, calls)


def archived(cloud: Cloud) -> list[tuple[Any, ...]]:
    assert cloud.postgres is not None
    with cloud.postgres.connect() as connection:
        return connection.execute("SELECT s3_key, rows, kept_key FROM cubic_loads WHERE status = 'archived'").fetchall()


def keys(cloud: Cloud, bucket: str) -> list[str]:
    found = cloud.s3.list_objects_v2(Bucket=cloud.name_of(bucket)).get("Contents", [])
    return [item["Key"] for item in found]


def test_a_file_goes_from_incoming_to_the_archive_and_its_rows_to_the_raw_zone(run: Run) -> None:
    [(key, rows, kept)] = archived(run.cloud)
    assert (key, rows) == (KEY, 2)
    assert keys(run.cloud, "ArchiveBucket") == [kept]
    assert keys(run.cloud, "IncomingBucket") == []
    [part] = keys(run.cloud, "RawBucket")
    assert part.startswith("cubic/ods_qlik/EDW.SAMPLE/snapshot=")
    tables = run.cloud.aws.client("glue").get_tables(DatabaseName=run.cloud.template.resources["CubicRawDatabase"].ref)
    assert "cubic__ods_qlik__edw_sample" in [table["Name"] for table in tables["TableList"]]


def test_nobody_is_told_of_a_file_that_went_well(run: Run) -> None:
    assert run.cloud.events("IngestionFailed") == []


def test_each_part_asks_for_nothing_that_its_role_may_not(run: Run) -> None:
    roles = {role.ref: role for role in run.cloud.template.of_type("AWS::IAM::Role")}
    asked = {call for call in run.calls if call.role in roles and call.action.startswith(SERVICES)}
    assert {"RegisterLoadRole", "StartIngestionRole", "FinishIngestionRole", "MoveLoadRole", "SweepIncomingRole"} <= {
        roles[call.role].logical_id for call in asked
    }
    refused = {call for call in asked if not any(covers(it, call.action, call.resource) for it in grants(roles[call.role]))}
    assert refused == set()
