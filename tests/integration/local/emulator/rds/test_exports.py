from __future__ import annotations

import io
import json
import re
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from local.emulator.rds import eventbridge_event, sns_message
from local.emulator.rds.frozen import ConsistentRead
from tests.eventually import eventually
from tests.integration.local.emulator.rds.conftest import BUCKET, DATABASE, INSTANCE, Rds
from tests.sql import sequence

PART = re.compile(r"part-\d{5}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-c000\.gz\.parquet")


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def rows_of(rds: Rds, task: str, table: str) -> list[dict[str, Any]]:
    keys = [k for k in rds.keys(f"{task}/{DATABASE}/{DATABASE}.{table}/") if k.endswith(".parquet")]
    return [row for key in keys for row in pq.read_table(io.BytesIO(rds.read(key))).to_pylist()]


def test_an_export_starts_progresses_and_completes(rds: Rds) -> None:
    rds.sql("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)")
    snapshot = rds.snapshot_taken("one")
    rds.standin.hold_exports = True
    before = datetime.now(UTC)
    assert rds.start_export("one", S3Prefix="pre")["Status"] == "STARTING"
    running = eventually(lambda: rds.export("one"), lambda t: t["Status"] == "IN_PROGRESS")
    assert running["PercentProgress"] < 100
    assert "TaskEndTime" not in running

    rds.standin.hold_exports = False
    task = rds.ended("one")
    assert task["Status"] == "COMPLETE"
    assert task["PercentProgress"] == 100
    assert task["SnapshotTime"] == snapshot["SnapshotCreateTime"]
    assert before <= task["TaskStartTime"] <= task["TaskEndTime"]
    assert (task["S3Bucket"], task["S3Prefix"], task["SourceArn"]) == (BUCKET, "pre", snapshot["DBSnapshotArn"])
    assert task["TotalExtractedDataInGB"] == 0
    assert {"WarningMessage", "FailureCause"}.isdisjoint(task)
    rds.hears("RDS-EVENT-0040", "RDS-EVENT-0042", "RDS-EVENT-0161")
    assert rds.heard[-1].source_arn == snapshot["DBSnapshotArn"]


def test_the_objects_lie_as_rds_lays_them(rds: Rds) -> None:
    rds.standin.part_rows = 10
    rds.sql("CREATE TABLE t (id INT)", f"INSERT INTO t SELECT seq FROM {sequence(65)}", "CREATE TABLE empty_one (id INT)")
    rds.sql("CREATE VIEW v AS SELECT * FROM t")
    rds.snapshot_taken("one")
    rds.exported("task-1", "one", S3Prefix="some/prefix")

    root = "some/prefix/task-1"
    assert rds.keys(f"{root}/{DATABASE}/{DATABASE}.empty_one/") == [f"{root}/{DATABASE}/{DATABASE}.empty_one/1/_SUCCESS"]
    folders = [f"{root}/{DATABASE}/{DATABASE}.t/{batch}/" for batch in (1, 2, 3)]
    parts = [[k.removeprefix(f) for k in rds.keys(f) if k.endswith(".parquet")] for f in folders]
    assert [len(p) for p in parts] == [3, 3, 1]
    assert all(PART.fullmatch(name) for batch in parts for name in batch)
    assert all(f"{folder}_SUCCESS" in rds.keys(folder) for folder in folders)
    numbers = [int(name[5:10]) for name in parts[0]]
    assert sorted(set(numbers)) == numbers != [0, 1, 2]
    others = set(rds.keys()) - {k for f in folders for k in rds.keys(f)}
    assert others == {
        f"{root}/{DATABASE}/{DATABASE}.empty_one/1/_SUCCESS",
        f"{root}/export_info_task-1.json",
        f"{root}/export_tables_info_task-1_from_1_to_2.json",
    }
    everything = [pq.read_table(io.BytesIO(rds.read(k)))["id"].to_pylist() for k in rds.keys(root) if k.endswith(".parquet")]
    assert sorted(n for part in everything for n in part) == list(range(1, 66))


def test_the_json_beside_them_describes_task_and_tables(rds: Rds) -> None:
    rds.sql("CREATE TABLE t (id BIGINT UNSIGNED, name VARCHAR(20), price DECIMAL(10,2))", "INSERT INTO t VALUES (1, 'a', 2)")
    snapshot = rds.snapshot_taken("one")
    task = rds.exported("one")
    info = json.loads(rds.read("one/export_info_one.json"))
    assert info.pop("totalExportedDataInGB") > 0
    assert datetime.fromisoformat(info.pop("taskStartTime")) == task["TaskStartTime"]
    assert datetime.fromisoformat(info.pop("taskEndTime")) == task["TaskEndTime"]
    assert datetime.fromisoformat(info.pop("snapshotTime")) == snapshot["SnapshotCreateTime"]
    assert info == {
        "exportTaskIdentifier": "one",
        "sourceArn": snapshot["DBSnapshotArn"],
        "exportOnly": [],
        "s3Bucket": BUCKET,
        "s3Prefix": "",
        "exportedFilesPath": "one",
        "iamRoleArn": task["IamRoleArn"],
        "kmsKeyId": task["KmsKeyId"],
        "status": "COMPLETE",
        "percentProgress": 100,
    }
    (table,) = json.loads(rds.read("one/export_tables_info_one_from_1_to_1.json"))["perTableStatus"]
    assert (table["target"], table["status"]) == (f"{DATABASE}.t", "COMPLETE")
    assert [
        (c["columnName"], c["originalType"], c["expectedExportedType"])
        for c in table["schemaMetadata"]["originalTypeMappings"]
    ] == [
        ("id", "bigint", "decimal(20,0)"),
        ("name", "varchar", "binary (UTF8)"),
        ("price", "decimal", "int64 (decimal(10,2))"),
    ]


def test_more_than_200_tables_are_described_in_several_files(rds: Rds) -> None:
    rds.sql(*(f"CREATE TABLE t{number} (id INT) ENGINE=MEMORY" for number in range(201)))
    rds.snapshot_taken("one")
    rds.exported("one")
    names = [k for k in rds.keys("one/") if "tables_info" in k]
    assert names == [f"one/export_tables_info_one_from_{r}.json" for r in ("1_to_200", "201_to_201")]
    assert [len(json.loads(rds.read(k))["perTableStatus"]) for k in names] == [200, 1]


def test_the_snapshot_is_a_frozen_copy_of_all_tables_at_one_moment(rds: Rds) -> None:
    rds.standin.hold_snapshots = True
    rds.sql("CREATE TABLE a (id INT)", "CREATE TABLE b (id INT)", f"INSERT INTO a SELECT seq FROM {sequence(20_000)}")
    rds.sql("INSERT INTO b VALUES (1)")
    rds.create_snapshot("one")
    rds.sql("DELETE FROM a", "UPDATE b SET id = 2", "INSERT INTO b VALUES (3)")  # while it is being copied, if slow
    rds.standin.hold_snapshots = False
    eventually(lambda: rds.snapshot("one")["Status"], lambda status: status == "available")
    rds.sql("DROP TABLE a", "DROP TABLE b")
    rds.exported("one")
    assert len(rows_of(rds, "one", "a")) == 20_000
    assert rows_of(rds, "one", "b") == [{"id": 1}]


def test_what_happens_after_a_read_began_is_not_in_it(rds: Rds, tmp_path: Path) -> None:
    rds.sql("CREATE TABLE a (id INT)", "CREATE TABLE b (id INT)", "INSERT INTO a VALUES (1)", "INSERT INTO b VALUES (1)")
    dropping = threading.Thread(target=rds.sql, args=("DROP TABLE b",), daemon=True)
    with closing(ConsistentRead(rds.server)) as read:
        rds.sql("DELETE FROM a", "UPDATE b SET id = 2", "INSERT INTO b VALUES (3)")
        dropping.start()
        dropping.join(0.3)
        assert dropping.is_alive(), "the drop must wait for the read"
        read.copy_to(tmp_path, part_rows=10, stopping=lambda: False)
    assert {t.name: [pq.read_table(p).to_pylist() for p in t.parts] for t in read.tables} == {
        "a": [[{"id": 1}]],
        "b": [[{"id": 1}]],
    }
    dropping.join(10)
    assert not dropping.is_alive()


@pytest.mark.parametrize("identifier", ["1-begins-with-digit", "two--hyphens", "ends-", "under_score", "a" * 61, "spa ce"])
def test_an_identifier_that_rds_would_not_take_is_refused(rds: Rds, identifier: str) -> None:
    with pytest.raises(ClientError) as error:
        rds.start_export(identifier, "one")
    assert code_of(error) == "InvalidParameterValue"


def test_what_starting_an_export_refuses(rds: Rds) -> None:
    rds.sql("CREATE TABLE t (id INT)")
    rds.standin.hold_snapshots = True
    rds.create_snapshot("one")
    refused = {
        "DBSnapshotNotFound": lambda: rds.start_export("a", "none"),
        "InvalidExportSourceState": lambda: rds.start_export("a", "one"),
        "InvalidS3BucketFault": lambda: rds.start_export("a", "one", S3BucketName="no-such-bucket"),
    }
    for code, attempt in refused.items():
        with pytest.raises(ClientError) as error:
            attempt()
        assert code_of(error) == code
    rds.standin.hold_snapshots = False
    eventually(lambda: rds.snapshot("one")["Status"], lambda status: status == "available")
    with pytest.raises(ClientError) as error:
        rds.start_export("a", "one", ExportOnly=[f"{DATABASE}.t", f"{DATABASE}.other"])
    assert code_of(error) == "InvalidExportOnly"
    rds.standin.refuse_next_export = "KMSKeyNotAccessibleFault"
    with pytest.raises(ClientError) as error:
        rds.start_export("a", "one")
    assert code_of(error) == "KMSKeyNotAccessibleFault"
    rds.exported("a", "one")
    with pytest.raises(ClientError) as error:
        rds.start_export("a", "one")
    assert code_of(error) == "ExportTaskAlreadyExists"


@pytest.mark.filterwarnings("ignore:.*ExportTaskLimitReachedFault.*:UserWarning")  # botocore has no class for it either
def test_five_exports_run_at_once_and_one_of_each_snapshot(rds: Rds) -> None:
    rds.standin.hold_exports = True
    for number in range(6):
        rds.snapshot_taken(f"s{number}")
    for number in range(5):
        rds.start_export(f"s{number}")
    with pytest.raises(ClientError) as error:
        rds.start_export("s5")
    assert code_of(error) == "ExportTaskLimitReachedFault"
    with pytest.raises(ClientError) as error:
        rds.start_export("again", "s0")
    assert code_of(error) == "InvalidExportSourceState"
    rds.standin.hold_exports = False
    rds.ended("s0")
    assert rds.exported("s5")["Status"] == "COMPLETE"


def test_export_only_takes_databases_and_tables(rds: Rds) -> None:
    rds.sql("CREATE TABLE t (id INT)", "CREATE TABLE u (id INT)")
    rds.snapshot_taken("one")
    task = rds.exported("part", "one", ExportOnly=[f"{DATABASE}.u"])
    assert task["ExportOnly"] == [f"{DATABASE}.u"]
    assert {k.split("/")[2] for k in rds.keys("part/") if k.count("/") > 1} == {f"{DATABASE}.u"}
    assert rds.exported("whole", "one", ExportOnly=[DATABASE])["Status"] == "COMPLETE"
    assert {k.split("/")[2] for k in rds.keys("whole/") if k.count("/") > 1} == {f"{DATABASE}.t", f"{DATABASE}.u"}


def test_a_failed_export_leaves_half_of_its_objects(rds: Rds) -> None:
    rds.standin.part_rows = 10
    rds.sql("CREATE TABLE t (id INT)", f"INSERT INTO t SELECT seq FROM {sequence(100)}")
    rds.snapshot_taken("one")
    rds.standin.fail_next_export = "The role lacks s3:PutObject"
    task = rds.exported("one")
    assert (task["Status"], task["FailureCause"]) == ("FAILED", "The role lacks s3:PutObject")
    assert rds.keys("one/")
    assert not [k for k in rds.keys("one/") if k.endswith(".json")]
    rds.hears("RDS-EVENT-0040", "RDS-EVENT-0042", "RDS-EVENT-0159")
    assert rds.exported("two", "one")["Status"] == "COMPLETE"


def test_a_cancelled_export_ends_so(rds: Rds) -> None:
    rds.snapshot_taken("one")
    rds.standin.hold_exports = True
    rds.start_export("one")
    assert rds.client.cancel_export_task(ExportTaskIdentifier="one")["Status"] == "CANCELING"
    assert rds.ended("one")["Status"] == "CANCELED"
    rds.standin.hold_exports = False
    rds.standin.cancel_next_export = True
    assert rds.exported("two", "one")["Status"] == "CANCELED"
    rds.hears("RDS-EVENT-0040", "RDS-EVENT-0042", "RDS-EVENT-0160", "RDS-EVENT-0160")
    with pytest.raises(ClientError) as error:
        rds.client.cancel_export_task(ExportTaskIdentifier="one")
    assert code_of(error) == "InvalidExportTaskStateFault"
    with pytest.raises(ClientError) as error:
        rds.client.cancel_export_task(ExportTaskIdentifier="none")
    assert code_of(error) == "ExportTaskNotFound"


def test_warnings_come_with_complete(rds: Rds) -> None:
    rds.sql("CREATE TABLE good (id INT)", "CREATE TABLE bad (`a b` INT)", "CREATE TABLE `sl/ash` (id INT)")
    rds.snapshot_taken("one")
    rds.standin.warn_next_export = "FAILED_TO_EXTRACT_TABLES_LIST_FOR_DATABASE"
    task = rds.exported("one")
    assert task["Status"] == "COMPLETE"
    assert json.loads(task["WarningMessage"]) == {
        "skippedTables": [f"{DATABASE}.bad", f"{DATABASE}.sl/ash"],
        "skippedObjectives": [],
        "general": [{"reason": "FAILED_TO_EXTRACT_TABLES_LIST_FOR_DATABASE"}],
    }
    tables = json.loads(rds.read("one/export_tables_info_one_from_1_to_3.json"))["perTableStatus"]
    assert {t["target"]: t["status"] for t in tables} == {
        f"{DATABASE}.bad": "SKIPPED", f"{DATABASE}.good": "COMPLETE", f"{DATABASE}.sl/ash": "SKIPPED"
    }  # fmt: skip
    assert {k.split("/")[2] for k in rds.keys(f"one/{DATABASE}/")} == {f"{DATABASE}.good"}


def test_a_warning_of_its_text_leaves_the_data_as_it_is(rds: Rds) -> None:
    rds.sql("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)")
    rds.snapshot_taken("one")
    rds.standin.warn_next_export = "strings were converted"
    task = rds.exported("one", ExportOnly=[DATABASE])
    assert (task["Status"], json.loads(task["WarningMessage"])["general"]) == (
        "COMPLETE",
        [{"reason": "strings were converted"}],
    )
    (table,) = json.loads(rds.read("one/export_tables_info_one_from_1_to_1.json"))["perTableStatus"]
    assert (table["status"], "warningMessage" in table) == ("COMPLETE", False)
    assert rows_of(rds, "one", "t") == [{"id": 1}]


def test_a_database_without_tables_is_warned_of(rds: Rds) -> None:
    rds.snapshot_taken("one")
    task = rds.exported("one", ExportOnly=[DATABASE])
    assert task["Status"] == "COMPLETE"
    assert json.loads(task["WarningMessage"])["general"] == [{"reason": "FAILED_TO_EXTRACT_TABLES_LIST_FOR_DATABASE"}]
    (entry,) = json.loads(rds.read("one/export_tables_info_one_from_1_to_1.json"))["perTableStatus"]
    assert entry.keys() == {"target", "warningMessage"}
    assert entry["target"] == DATABASE


@pytest.mark.parametrize("name", ["a b", "été", "a-b", "a.b"])
def test_a_table_of_another_name_is_exported_with_the_whole_snapshot_only(rds: Rds, name: str) -> None:
    rds.sql(f"CREATE TABLE `{name}` (id INT)", "CREATE TABLE a$B_1 (id INT)")
    rds.snapshot_taken("one")
    assert rds.exported("whole", "one")["Status"] == "COMPLETE"
    part = rds.exported("part", "one", ExportOnly=[DATABASE])
    assert (part["Status"], name in part["FailureCause"]) == ("FAILED", True)
    with pytest.raises(ClientError) as error:
        rds.start_export("named", "one", ExportOnly=[f"{DATABASE}.{name}"])
    assert code_of(error) == "InvalidExportOnly"
    assert rds.exported("plain", "one", ExportOnly=[f"{DATABASE}.a$B_1"])["Status"] == "COMPLETE"


def test_characters_that_paths_cannot_have_become_underscores(rds: Rds) -> None:
    rds.sql('CREATE TABLE `a b"c\\d``e` (id INT)')
    rds.snapshot_taken("one")
    rds.exported("one")
    assert rds.keys(f"one/{DATABASE}/") == [f"one/{DATABASE}/{DATABASE}.a_b_c_d_e/1/_SUCCESS"]


def test_tasks_are_found_by_source_and_filters(rds: Rds) -> None:
    arns = {name: rds.snapshot_taken(name)["DBSnapshotArn"] for name in ("one", "two")}
    for name in arns:
        rds.exported(name)
    rds.standin.hold_exports = True
    rds.start_export("running", "two")

    def found(**asked: Any) -> list[str]:
        return [t["ExportTaskIdentifier"] for t in rds.client.describe_export_tasks(**asked)["ExportTasks"]]

    assert found() == ["one", "two", "running"]
    assert found(SourceArn=arns["two"]) == ["two", "running"]
    assert found(Filters=[{"Name": "status", "Values": ["complete"]}]) == ["one", "two"]
    assert found(Filters=[{"Name": "status", "Values": ["COMPLETE"]}]) == []
    assert found(Filters=[{"Name": "s3-bucket", "Values": ["other"]}]) == []
    with pytest.raises(ClientError) as error:
        found(ExportTaskIdentifier="none")
    assert code_of(error) == "ExportTaskNotFound"


def test_an_export_whose_snapshot_is_deleted_meanwhile_fails(rds: Rds) -> None:
    rds.standin.export_seconds = 2
    rds.sql("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)")
    rds.snapshot_taken("one")
    rds.start_export("one")
    rds.client.delete_db_snapshot(DBSnapshotIdentifier="one")
    assert rds.ended("one")["Status"] == "FAILED"


def test_an_automated_snapshot_can_be_exported_but_the_one_moto_took_at_the_start_cannot(rds: Rds) -> None:
    rds.standin.create_automated_snapshot(INSTANCE, "rds:night", region="eu-west-2")
    eventually(lambda: rds.snapshot("rds:night")["Status"], lambda status: status == "available")
    assert rds.exported("night", "rds:night")["Status"] == "COMPLETE"
    (first,) = [
        s["DBSnapshotIdentifier"]
        for s in rds.client.describe_db_snapshots(SnapshotType="automated")["DBSnapshots"]
        if s["DBSnapshotIdentifier"] != "rds:night"
    ]
    assert "holds no data" in rds.exported("first", first)["FailureCause"]


def test_publishing_that_fails_harms_no_export(rds: Rds, caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: object) -> None:
        raise RuntimeError("no topic")

    rds.standin.publish = broken
    rds.snapshot_taken("one")
    assert rds.exported("one")["Status"] == "COMPLETE"
    assert "was not published" in caplog.text


def test_events_take_both_forms(rds: Rds) -> None:
    arn = rds.snapshot_taken("one")["DBSnapshotArn"]
    rds.exported("one-task", "one")
    rds.hears("RDS-EVENT-0040", "RDS-EVENT-0042", "RDS-EVENT-0161")
    message = json.loads(sns_message(rds.heard[-1]))
    assert (message["Event Source"], message["Source ID"], message["Source ARN"]) == ("db-snapshot", "one", arn)
    assert message["Event ID"].endswith("#RDS-EVENT-0161")
    event = eventbridge_event(rds.heard[-1])
    assert (event["source"], event["detail-type"], event["resources"]) == ("aws.rds", "RDS DB Snapshot Event", [arn])
    assert event["detail"]["EventCategories"] == ["notification"]
    assert event["detail"]["SourceIdentifier"] == "one"
    assert event["detail"]["EventID"] == "RDS-EVENT-0161"


def test_100_000_rows_over_ten_tables_are_all_exported(rds: Rds) -> None:
    columns = (
        "id INT PRIMARY KEY, a VARCHAR(40), b DECIMAL(10,2), c DATETIME(6), d BIGINT UNSIGNED, e TEXT, f DOUBLE, g CHAR(8)"
    )
    values = "seq, CONCAT('row ', seq), seq / 8, '2021-06-04 10:15:30.5', seq, REPEAT('x', 50), seq / 3, 'abc'"
    for number in range(10):
        rds.sql(f"CREATE TABLE t{number} ({columns})", f"INSERT INTO t{number} SELECT {values} FROM {sequence(10_000)}")
    rds.snapshot_taken("one")
    assert rds.exported("one")["Status"] == "COMPLETE"
    assert (
        pa.concat_tables(
            pq.read_table(io.BytesIO(rds.read(k)), columns=["id"]) for k in rds.keys("one/") if k.endswith(".parquet")
        ).num_rows
        == 100_000
    )
