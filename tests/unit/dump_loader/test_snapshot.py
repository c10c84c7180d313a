"""Which snapshot is taken, and which earlier ones are deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from aws_lambda_powertools import Logger

from dump_loader import snapshot
from dump_loader.dumps import Dump
from dump_loader.snapshot import LOAD_ID, Waiting
from ingestion.errors import AccessDenied, Terminal
from ingestion.messages import Run
from liberator import snapshots
from liberator.errors import SnapshotUnusable
from tests.fakes import FakeClock, client_error

INSTANCE = "liberator"
RUN = Run(import_date=date(2021, 6, 4), backdated=False, origin="s3://data/parking/liberator_dump_210604.zip")
DUMP = Dump("data", "parking/liberator_dump_210604.zip", "v1", "etag", 1, datetime(2021, 6, 5, tzinfo=UTC), RUN)
NOW = datetime(2021, 6, 5, 4, 0, tzinfo=UTC)
CLOCK = FakeClock(NOW)
AT_ONCE = Waiting(CLOCK, timedelta(seconds=5), every=0.0)
LOGGER = Logger(service="test")


@dataclass
class Rds:
    """An instance with snapshots; `states` are the instance's next ones, `fails` what the next creations answer."""

    states: list[str] = field(default_factory=list)
    fails: list[str] = field(default_factory=list)
    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)
    exports: list[dict[str, str]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    refuses_to_delete: str = ""
    looks_without_tags: int = 0

    def add(
        self, identifier: str, *, age: timedelta, ours: bool = True, status: str = "available", export: str = ""
    ) -> None:
        tags = snapshots.tags_of(RUN, correlation_id="c", row_counts_uri="s3://data/x.json") if ours else []
        self.snapshots[identifier] = {
            "DBSnapshotIdentifier": identifier, "DBSnapshotArn": f"arn:{identifier}", "DBInstanceIdentifier": INSTANCE,
            "SnapshotType": "manual", "Status": status, "SnapshotCreateTime": NOW - age, "TagList": tags,
        }  # fmt: skip
        if export:
            self.exports.append({"SourceArn": f"arn:{identifier}", "Status": export})

    def describe_db_instances(self, *, DBInstanceIdentifier: str) -> dict[str, Any]:  # noqa: N803
        return {"DBInstances": [{"DBInstanceStatus": self.states.pop(0) if self.states else "available"}]}

    def create_db_snapshot(self, *, DBSnapshotIdentifier: str, DBInstanceIdentifier: str, Tags: list[Any]) -> None:  # noqa: N803
        code = self.fails.pop(0) if self.fails else ""
        if code == "InvalidDBInstanceState" or (code and code != "lost answer"):
            raise client_error(code)
        if DBSnapshotIdentifier in self.snapshots:
            raise client_error("DBSnapshotAlreadyExists")
        self.add(DBSnapshotIdentifier, age=timedelta(0), status="creating")
        self.snapshots[DBSnapshotIdentifier]["TagList"] = Tags
        if code == "lost answer":  # botocore repeats the request
            raise client_error("DBSnapshotAlreadyExists")

    def describe_db_snapshots(self, *, DBSnapshotIdentifier: str) -> dict[str, Any]:  # noqa: N803
        described = self.snapshots[DBSnapshotIdentifier]
        self.looks_without_tags -= 1
        return {"DBSnapshots": [described | {"TagList": []} if self.looks_without_tags >= 0 else described]}

    def delete_db_snapshot(self, *, DBSnapshotIdentifier: str) -> None:  # noqa: N803
        if self.refuses_to_delete:
            raise client_error(self.refuses_to_delete)
        self.deleted.append(DBSnapshotIdentifier)

    def get_paginator(self, operation: str) -> Pages:
        return Pages(self, operation)


@dataclass
class Pages:
    rds: Rds
    operation: str

    def paginate(self, **wanted: str) -> list[dict[str, Any]]:
        if self.operation == "describe_db_snapshots":
            return [{"DBSnapshots": [s]} for s in self.rds.snapshots.values()]
        return [{"ExportTasks": self.rds.exports}]  # as moto, which ignores SourceArn


def take(
    rds: Rds,
    *,
    reserved: tuple[str, ...] = (),
    waiting: Waiting = AT_ONCE,
    refuse_lost: Callable[[], None] = lambda: None,
) -> tuple[str, list[str]]:
    """The snapshot's name, and the names for which row counts were to be written."""
    tried: list[str] = []

    def write_row_counts(identifier: str, uri: str) -> bool:
        assert uri == f"s3://data/parking/liberator_dump_210604.{identifier}.row-counts.json"
        tried.append(identifier)
        return len(tried) > len(reserved)

    taken = snapshot.take(
        rds,  # type: ignore[arg-type]
        INSTANCE,
        DUMP,
        load_id=str(uuid4()),
        write_row_counts=write_row_counts,
        refuse_lost=refuse_lost,
        waiting=waiting,
        logger=LOGGER,
    )
    return taken, tried


def test_it_carries_what_the_design_says_and_the_loads_own_tag() -> None:
    rds = Rds()
    identifier, _ = take(rds)
    tags = {tag["Key"]: tag["Value"] for tag in rds.snapshots[identifier]["TagList"]}
    assert identifier.startswith("sql-to-parquet-2021-06-04-")
    assert tags.pop(LOAD_ID)
    assert tags == {
        "import-date": "2021-06-04",
        "backdated": "false",
        "dump-uri": RUN.origin,
        "row-counts-uri": f"s3://data/parking/liberator_dump_210604.{identifier}.row-counts.json",
        "correlation-id": f"{RUN.origin}@v1",
    }


class Slow(Waiting):
    """Each wait is one in which RDS goes on."""

    def sleep_or_give_up(self, *_: object, **__: object) -> None:
        RUNNING.pop().update(Status="available")


RUNNING: list[dict[str, Any]] = []


def test_a_snapshot_of_a_load_that_died_is_waited_for_before_its_database_is_dropped() -> None:
    rds = Rds()
    rds.add("died", age=timedelta(minutes=1), status="creating")
    rds.add("whole", age=timedelta(minutes=2))
    rds.add("by-hand", age=timedelta(minutes=3), ours=False, status="creating")
    with pytest.raises(Terminal, match="snapshot died of an earlier load"):
        snapshot.await_none_creating(rds, INSTANCE, waiting=Waiting(CLOCK, timedelta(0), every=0.0), logger=LOGGER)  # type: ignore[arg-type]
    rds.add("died-too", age=timedelta(minutes=1), status="creating")
    RUNNING[:] = [rds.snapshots["died"], rds.snapshots["died-too"]]
    snapshot.await_none_creating(rds, INSTANCE, waiting=Slow(CLOCK, timedelta(seconds=5), every=0.0), logger=LOGGER)  # type: ignore[arg-type]
    assert [rds.snapshots[name]["Status"] for name in ("died", "died-too")] == ["available", "available"]


def test_it_waits_for_the_instance() -> None:
    rds = Rds(states=["backing-up", "modifying"])
    assert take(rds)[0] in rds.snapshots
    assert rds.states == []


def test_a_lock_that_is_lost_while_the_instance_is_waited_for_is_noticed() -> None:
    rds = Rds(states=["modifying", "modifying"])

    def refuse_lost() -> None:
        if not rds.states:
            raise Terminal("lost meanwhile")

    with pytest.raises(Terminal, match="lost meanwhile"):
        take(rds, refuse_lost=refuse_lost)
    assert not rds.snapshots


def test_an_instance_that_turns_busy_in_between_is_waited_for_under_the_same_name() -> None:
    identifier, tried = take(Rds(fails=["InvalidDBInstanceState", "InvalidDBInstanceState"]))
    assert tried == [identifier]


def test_an_instance_whose_storage_is_optimised_is_not_waited_for() -> None:
    assert take(Rds(states=["storage-optimization"]), waiting=Waiting(CLOCK, timedelta(0), every=0.0))[0]


@pytest.mark.parametrize(
    "state", ["deleting", "failed", "incompatible-parameters", "incompatible-restore", "stopped", "storage-full"]
)
def test_an_instance_that_will_not_come_back_ends_it(state: str) -> None:
    with pytest.raises(Terminal, match=f"Instance liberator is {state}"):
        take(Rds(states=[state]))


def test_an_instance_that_is_never_available_ends_it() -> None:
    with pytest.raises(Terminal, match="SNAPSHOT_TIMEOUT_MINUTES"):
        take(Rds(states=["modifying"] * 10_000), waiting=Waiting(CLOCK, timedelta(0), every=0.0))


def test_denied_access_ends_it() -> None:
    with pytest.raises(AccessDenied):
        take(Rds(fails=["AccessDenied"]))


def test_its_own_call_repeated_is_known_again() -> None:
    rds = Rds(fails=["lost answer"])
    identifier, tried = take(rds)
    assert tried == [identifier]
    assert list(rds.snapshots) == [identifier]


def test_another_loads_name_is_left_alone() -> None:
    identifier, tried = take(Rds(), reserved=("one", "two"))
    assert len(set(tried)) == 3
    assert tried[-1] == identifier


@pytest.mark.parametrize("ours", [True, False])
def test_another_snapshot_of_that_name_is_never_adopted(ours: bool) -> None:
    rds = Rds()
    for second in range(3):
        rds.add(f"sql-to-parquet-2021-06-04-{NOW + timedelta(seconds=second):%H%M%S}", age=timedelta(days=1), ours=ours)
    before = set(rds.snapshots)
    assert take(rds)[0] not in before


@pytest.mark.parametrize(("fails", "taken"), [([], 1), (["lost answer"], 2)])
def test_a_load_that_can_not_know_its_own_snapshot_again_ends_instead_of_taking_ever_more(
    fails: list[str], taken: int
) -> None:
    rds = Rds(looks_without_tags=1_000, fails=list(fails))
    with pytest.raises(Terminal, match=r"sql-to-parquet-2021-06-04-.* can't be read back.*rds:ListTagsForResource"):
        take(rds)
    assert len(rds.snapshots) == taken


@pytest.mark.parametrize("fails", [[], ["lost answer"]])
def test_its_own_snapshot_that_shows_its_tags_late_is_known(fails: list[str]) -> None:
    rds = Rds(looks_without_tags=2, fails=list(fails))
    identifier, tried = take(rds)
    assert tried == [identifier] == list(rds.snapshots)


@pytest.mark.parametrize("status", ["failed", "deleting", "incompatible-restore"])
def test_a_snapshot_that_fails_ends_it(status: str) -> None:
    rds = Rds()
    rds.add("s", age=timedelta(0), status=status)
    with pytest.raises(SnapshotUnusable, match=f"Snapshot s is {status}"):
        snapshot.await_end(rds, "s", waiting=AT_ONCE, every=1, logger=LOGGER)  # type: ignore[arg-type]


def test_a_snapshot_that_takes_too_long_goes_on_and_the_alert_says_so() -> None:
    rds = Rds()
    rds.add("s", age=timedelta(0), status="creating")
    with pytest.raises(Terminal, match=r"goes on without this task.*don't load the dump again"):
        snapshot.await_end(rds, "s", waiting=Waiting(CLOCK, timedelta(0), every=0.0), every=1, logger=LOGGER)  # type: ignore[arg-type]


def deleted(rds: Rds, *, max_wait: timedelta = timedelta(hours=12)) -> list[str]:
    rds.add("mine", age=timedelta(0))
    snapshot.delete_earlier(rds, INSTANCE, "mine", max_wait=max_wait, clock=CLOCK, logger=LOGGER)  # type: ignore[arg-type]
    return rds.deleted


@pytest.mark.parametrize("status", ["COMPLETE", "FAILED", "CANCELED", "complete"])
def test_one_whose_export_has_ended_is_deleted(status: str) -> None:
    rds = Rds()
    rds.add("earlier", age=timedelta(hours=1), export=status)
    assert deleted(rds) == ["earlier"]


@pytest.mark.parametrize("status", ["STARTING", "IN_PROGRESS", "CANCELING", "in_progress"])
def test_one_that_is_being_exported_is_kept_however_old(status: str) -> None:
    rds = Rds()
    rds.add("earlier", age=timedelta(days=9), export=status)
    assert deleted(rds) == []


def test_one_whose_export_can_still_begin_is_kept_until_it_is_too_old() -> None:
    rds = Rds()
    rds.add("young", age=timedelta(hours=11))
    rds.add("old", age=timedelta(hours=13))
    assert deleted(rds, max_wait=timedelta(hours=14)) == []
    assert deleted(rds, max_wait=timedelta(hours=12)) == ["old"]


def test_neither_later_ones_nor_others_nor_unfinished_ones_are_deleted() -> None:
    rds = Rds()
    rds.add("later", age=timedelta(hours=-1), export="COMPLETE")
    rds.add("by-hand", age=timedelta(days=30), ours=False, export="COMPLETE")
    rds.add("creating", age=timedelta(days=1), status="creating")
    assert deleted(rds) == []


def test_what_goes_wrong_with_deleting_is_no_failure_of_the_load() -> None:
    rds = Rds(refuses_to_delete="AccessDenied")
    rds.add("earlier", age=timedelta(hours=1), export="COMPLETE")
    assert deleted(rds) == []
