from __future__ import annotations

import threading
import time

import pytest
from botocore.exceptions import ClientError

from liberator.instances import InstanceStatus
from local.emulator.rds import RdsStandIn
from tests.eventually import eventually
from tests.integration.local.emulator.rds.conftest import INSTANCE, Rds


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def test_a_snapshot_is_creating_then_available_and_says_so(rds: Rds) -> None:
    rds.standin.hold_snapshots = True
    created = rds.create_snapshot("one", Tags=[{"Key": "import-date", "Value": "2021-06-04"}])
    assert (created["Status"], created["SnapshotType"]) == ("creating", "manual")
    assert rds.snapshot("one")["PercentProgress"] < 100
    assert rds.client.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"] == "backing-up"
    rds.hears("RDS-EVENT-0040")

    rds.standin.hold_snapshots = False
    taken = eventually(lambda: rds.snapshot("one"), lambda s: s["Status"] == "available")
    assert taken["PercentProgress"] == 100
    assert taken["SnapshotCreateTime"]
    assert taken["TagList"] == [{"Key": "import-date", "Value": "2021-06-04"}]
    assert rds.client.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"] == "available"
    rds.hears("RDS-EVENT-0040", "RDS-EVENT-0042")
    assert {e.source_arn for e in rds.heard} == {taken["DBSnapshotArn"]}
    assert rds.heard[0].tags == (("import-date", "2021-06-04"),)


def test_it_takes_as_long_as_asked(rds: Rds) -> None:
    rds.standin.snapshot_seconds = 0.4
    began = time.monotonic()
    rds.snapshot_taken("one")
    assert 0.4 <= time.monotonic() - began < 5


def test_the_instance_takes_one_snapshot_at_a_time(rds: Rds) -> None:
    rds.standin.hold_snapshots = True
    rds.create_snapshot("one")
    with pytest.raises(ClientError) as error:
        rds.create_snapshot("two")
    assert code_of(error) == "InvalidDBInstanceState"
    with pytest.raises(ClientError) as error:
        rds.client.delete_db_snapshot(DBSnapshotIdentifier="one")
    assert code_of(error) == "InvalidDBSnapshotState"


def test_an_instance_whose_storage_is_optimised_is_in_use_and_stays_so(rds: Rds) -> None:
    rds.standin.set_instance_status(INSTANCE, InstanceStatus.STORAGE_OPTIMIZATION, region="eu-west-2")
    assert rds.snapshot_taken("one")["Status"] == "available"
    assert rds.client.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"] == "storage-optimization"


def test_an_instance_in_any_other_state_takes_no_snapshot(rds: Rds) -> None:
    rds.standin.set_instance_status(INSTANCE, InstanceStatus.STORAGE_FULL, region="eu-west-2")
    with pytest.raises(ClientError) as error:
        rds.create_snapshot("one")
    assert code_of(error) == "InvalidDBInstanceState"


def test_a_name_is_taken_once(rds: Rds) -> None:
    rds.snapshot_taken("one")
    with pytest.raises(ClientError) as error:
        rds.create_snapshot("one")
    assert code_of(error) == "DBSnapshotAlreadyExists"


def test_an_unknown_instance_or_snapshot_is_not_found(rds: Rds) -> None:
    with pytest.raises(ClientError) as error:
        rds.client.create_db_snapshot(DBInstanceIdentifier="other", DBSnapshotIdentifier="one")
    assert code_of(error) == "DBInstanceNotFound"
    with pytest.raises(ClientError) as error:
        rds.snapshot("none")
    assert code_of(error) == "DBSnapshotNotFound"


def test_a_failed_snapshot_says_nothing_and_frees_the_instance(rds: Rds) -> None:
    rds.standin.fail_next_snapshot = "storage-full"
    assert rds.snapshot_taken("one")["Status"] == "failed"
    assert rds.snapshot_taken("two")["Status"] == "available"
    rds.hears("RDS-EVENT-0040", "RDS-EVENT-0040", "RDS-EVENT-0042")


def test_a_table_that_cannot_be_read_fails_the_snapshot(rds: Rds) -> None:
    rds.sql("CREATE TABLE broken (id INT) ENGINE=MERGE UNION=()")
    rds.sql("CREATE TABLE part (id INT) ENGINE=MyISAM", "ALTER TABLE broken UNION=(part)", "DROP TABLE part")
    assert rds.snapshot_taken("one")["Status"] == "failed"


def test_deleting_is_an_event_too(rds: Rds) -> None:
    rds.snapshot_taken("one")
    rds.client.delete_db_snapshot(DBSnapshotIdentifier="one")
    with pytest.raises(ClientError):
        rds.snapshot("one")
    rds.hears("RDS-EVENT-0040", "RDS-EVENT-0042", "RDS-EVENT-0041")


def test_automated_snapshots_have_events_of_their_own(rds: Rds) -> None:
    rds.standin.create_automated_snapshot(INSTANCE, "rds:night", region="eu-west-2")
    rds.hears("RDS-EVENT-0090", "RDS-EVENT-0091")
    assert rds.snapshot("rds:night")["SnapshotType"] == "automated"


def test_snapshots_are_found_by_instance_and_type_page_by_page(rds: Rds) -> None:
    names = [f"s{number:02d}" for number in range(23)]
    for name in names:
        rds.snapshot_taken(name)
    asked = {"DBInstanceIdentifier": INSTANCE, "SnapshotType": "manual"}
    first = rds.client.describe_db_snapshots(**asked, MaxRecords=20)
    assert (len(first["DBSnapshots"]), bool(first["Marker"])) == (20, True)
    pages = rds.client.get_paginator("describe_db_snapshots").paginate(**asked, PaginationConfig={"PageSize": 20})
    assert [s["DBSnapshotIdentifier"] for page in pages for s in page["DBSnapshots"]] == names
    assert not rds.client.describe_db_snapshots(DBInstanceIdentifier="other")["DBSnapshots"]


def test_a_table_in_use_may_be_dropped_once_it_is_copied(rds: Rds) -> None:
    rds.sql("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)")
    rds.standin.hold_snapshots = True
    rds.create_snapshot("one")
    dropping = threading.Thread(target=rds.sql, args=("DROP TABLE t",), daemon=True)
    dropping.start()
    dropping.join(10)
    assert not dropping.is_alive()
    rds.standin.hold_snapshots = False
    eventually(lambda: rds.snapshot("one")["Status"], lambda status: status == "available")


def test_what_it_replaces_in_moto_it_puts_back(rds: Rds) -> None:
    with pytest.raises(RuntimeError, match="Another RdsStandIn"):
        RdsStandIn(rds.server, rds.s3, rds.heard.append).install()
    rds.standin.uninstall()
    rds.standin.uninstall()
    assert rds.create_snapshot("plain")["Status"] == "available"
    assert not rds.heard
    assert rds.client.describe_db_instances()["DBInstances"][0]["Endpoint"]["Address"] != rds.server.host
    rds.standin.install()


def test_leaving_gives_up_what_is_still_running(rds: Rds) -> None:
    rds.sql("CREATE TABLE t (id INT)")
    rds.snapshot_taken("one")
    rds.standin.hold_snapshots = rds.standin.hold_exports = True
    rds.start_export("one")
    rds.create_snapshot("two")
    rds.standin.uninstall()
    assert not [t.name for t in threading.enumerate() if t.name.startswith(("export ", "snapshot "))]


def test_the_endpoint_is_the_server(rds: Rds) -> None:
    instance = rds.client.describe_db_instances(DBInstanceIdentifier=INSTANCE)["DBInstances"][0]
    assert instance["Endpoint"]["Address"] == rds.server.host
    assert instance["Endpoint"]["Port"] == rds.server.port
