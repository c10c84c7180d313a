"""Partitions that move, and folders that lose their names, on moto's catalog and S3."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from moto.s3.models import s3_backends

from cubic import cleaning, keys, work
from cubic.errors import PartitionLost
from cubic.raw_zone import RawZone, refile
from cubic.work import BatchDocument, BatchLoad
from ingestion.landing_zone.zone import Bucket
from tests import cubic
from tests.incoming import ACCOUNT, CT, DATABASE, RAW, SPRINGBOARD, Cubic, texts

if TYPE_CHECKING:
    from cubic.store.database import PostgreSql

FILE = keys.data_file(CT)
TABLE = FILE.glue_table
[OLD, NEW] = texts(0, 50)
BEFORE, AFTER = cubic.START, cubic.after(50)
NOW = datetime(2022, 6, 1, tzinfo=UTC)
BATCH = UUID("6f1c1f0e-8c39-4c6e-9d3e-0a4b8f6f0c11")


@pytest.fixture
def world(aws: str, database: PostgreSql) -> Cubic:
    made = Cubic(database)
    names: Any = [{"Name": name, "Type": "string"} for name in ("snapshot", "identifier")]
    made.glue.create_table(DatabaseName=DATABASE, TableInput={"Name": TABLE, "PartitionKeys": names})
    return made


def zone(world: Cubic) -> RawZone:
    return RawZone(Bucket(world.s3, RAW, partial(ThreadPoolExecutor, 2)), world.glue, DATABASE)


def folder(snapshot: str, run: str) -> str:
    return f"{FILE.directory}snapshot={snapshot}/identifier={FILE.identifier}/run={run}/"


def write(world: Cubic, snapshot: str, run: str, body: bytes = b"rows", *, age: timedelta = timedelta(days=10)) -> None:
    world.s3.put_object(Bucket=RAW, Key=f"{folder(snapshot, run)}part-0.parquet", Body=body)
    grow_old(RAW, f"{folder(snapshot, run)}part-0.parquet", age)


def grow_old(bucket: str, key: str, age: timedelta) -> None:
    s3_backends[ACCOUNT]["aws"].buckets[bucket].keys[key].last_modified = (NOW - age).replace(tzinfo=None)


def name(world: Cubic, snapshot: str, run: str, load: int, modified: datetime) -> None:
    marks = {"load_id": str(load), "s3_modified": modified.isoformat(), "s3_version": "v", "rows": "1"}
    made: Any = {
        "Values": [snapshot, FILE.identifier],
        "StorageDescriptor": {"Columns": [], "Location": f"s3://{RAW}/{folder(snapshot, run)}"},
        "Parameters": marks,
    }
    world.glue.create_partition(DatabaseName=DATABASE, TableName=TABLE, PartitionInput=made)


def move(world: Cubic) -> None:
    refile(zone(world), FILE, 7, cubic.after(60), BEFORE, AFTER, lambda: 900)


def test_a_partition_moves_with_its_files_and_doing_it_again_changes_nothing(world: Cubic) -> None:
    write(world, OLD, "r1")
    name(world, OLD, "r1", 7, cubic.after(60))
    for _ in range(2):
        move(world)
        assert world.raw(TABLE) == {(NEW, FILE.identifier): b"rows"}


def test_a_partition_of_another_load_under_the_old_snapshot_stays(world: Cubic) -> None:
    write(world, OLD, "r1", b"newer")
    name(world, OLD, "r1", 8, cubic.after(70))
    move(world)
    assert world.raw(TABLE) == {(OLD, FILE.identifier): b"newer"}


def test_a_newer_partition_under_the_new_snapshot_stays(world: Cubic) -> None:
    write(world, OLD, "r1")
    name(world, OLD, "r1", 7, cubic.after(60))
    write(world, NEW, "r2", b"newer")
    name(world, NEW, "r2", 8, cubic.after(70))
    move(world)
    assert world.raw(TABLE) == {(NEW, FILE.identifier): b"newer"}


def test_an_older_partition_under_the_new_snapshot_is_replaced(world: Cubic) -> None:
    write(world, OLD, "r1")
    name(world, OLD, "r1", 7, cubic.after(60))
    write(world, NEW, "r0", b"older")
    name(world, NEW, "r0", 6, cubic.after(55))
    move(world)
    assert world.raw(TABLE) == {(NEW, FILE.identifier): b"rows"}


def test_an_older_partition_that_comes_while_it_is_replaced_is_replaced_again(world: Cubic) -> None:
    write(world, OLD, "r1")
    name(world, OLD, "r1", 7, cubic.after(60))
    write(world, NEW, "r0", b"older")
    name(world, NEW, "r0", 6, cubic.after(55))
    at: Any = {"DatabaseName": DATABASE, "TableName": TABLE}
    older = world.glue.get_partition(**at, PartitionValues=[NEW, FILE.identifier])["Partition"]
    made = {name: older[name] for name in ("Values", "StorageDescriptor", "Parameters")}

    class Late:
        """Glue, to which the older one's last request comes after our first."""

        late = True

        def __getattr__(self, name: str) -> Any:
            return getattr(world.glue, name)

        def update_partition(self, **request: Any) -> None:
            world.glue.update_partition(**request)
            if self.late:
                self.late = False
                world.glue.update_partition(**at, PartitionValueList=made["Values"], PartitionInput=made)

    glue: Any = Late()
    refile(replace(zone(world), glue=glue), FILE, 7, cubic.after(60), BEFORE, AFTER, lambda: 900)
    assert world.raw(TABLE) == {(NEW, FILE.identifier): b"rows"}


@pytest.mark.parametrize("older", [True, False])
def test_rows_that_are_under_no_snapshot_are_not_passed_over(world: Cubic, older: bool) -> None:
    if older:
        name(world, NEW, "r0", 6, cubic.after(55))
    with pytest.raises(PartitionLost, match=r"Load 7 .*Put the file from the archive into Incoming again"):
        move(world)


def ended(world: Cubic, snapshot: str, age: timedelta = timedelta(days=4)) -> None:
    """A batch of the file that ended so long ago."""
    load = BatchLoad(
        load_id=7, key=f"_work/{BATCH}/7", s3_key=CT, s3_version="v", s3_modified=cubic.START, s3_size=4,
        snapshot=snapshot, glue_table=TABLE, description=None,
    )  # fmt: skip
    work.write_document(world.s3, SPRINGBOARD, BatchDocument(batch=BATCH, table=cubic.NAME, loads=(load,)))
    grow_old(SPRINGBOARD, work.document_key(BATCH), age)


def clean(world: Cubic, seconds_left: float = 900) -> list[str]:
    """The runs whose folders are left."""
    springboard = Bucket(world.s3, SPRINGBOARD, partial(ThreadPoolExecutor, 2))
    cleaning.clean(world.db, springboard, zone(world), NOW, lambda: seconds_left, 60)
    return [key.split("run=")[1].split("/")[0] for key in world.keys(RAW)]


def test_folders_without_a_name_go_and_the_one_with_it_stays(world: Cubic) -> None:
    for run in ("r1", "r10", "r2"):
        write(world, OLD, run)
    name(world, OLD, "r1", 7, cubic.START)
    ended(world, OLD)
    assert clean(world, seconds_left=59) == ["r1", "r10", "r2"]
    assert clean(world) == ["r1"]
    assert world.keys(SPRINGBOARD) == []


def test_none_goes_while_one_of_them_is_young(world: Cubic) -> None:
    write(world, OLD, "r1")
    write(world, OLD, "r2", age=timedelta(hours=1))
    name(world, OLD, "r2", 7, cubic.START)
    ended(world, OLD)
    assert clean(world) == ["r1", "r2"]


def test_none_goes_before_its_batch_is_some_days_old(world: Cubic) -> None:
    write(world, OLD, "r1")
    ended(world, OLD, age=timedelta(days=2))
    assert clean(world) == ["r1"]
    assert world.keys(SPRINGBOARD) == [work.document_key(BATCH)]


def test_none_goes_where_the_table_is_gone_as_nothing_says_what_was_named(world: Cubic) -> None:
    write(world, OLD, "r1")
    world.glue.delete_table(DatabaseName=DATABASE, Name=TABLE)
    ended(world, OLD)
    assert clean(world) == ["r1"]
