"""Which snapshots are ours, and which of them is the latest."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from ingestion.messages import Run
from liberator import snapshots
from tests.fakes import ARN, SNAPSHOT_TIME, FakeRds

RUN = Run(import_date=date(2021, 6, 4), backdated=False, origin="s3://data/parking/liberator_dump_210604.zip")


def ours(rds: Any) -> list[str]:
    return [snapshot.identifier for snapshot in snapshots.ours(rds, "liberator")]


@pytest.fixture
def rds() -> FakeRds:
    fake = FakeRds()
    fake.add_snapshot("early", RUN)
    fake.add_snapshot("late", RUN)
    fake.snapshots["late"]["SnapshotCreateTime"] = SNAPSHOT_TIME + timedelta(hours=1)
    return fake


def test_a_snapshot_that_rds_has_not_begun_is_the_latest(rds: Any) -> None:
    rds.add_snapshot("begun", RUN)
    del rds.snapshots["begun"]["SnapshotCreateTime"]
    assert ours(rds) == ["early", "late", "begun"]


@pytest.mark.parametrize(
    ("tag", "value"), [("import-date", "4 June"), ("import-date", ""), ("dump-uri", "liberator.zip"), ("dump-uri", "s3://b")]
)
def test_a_snapshot_whose_tags_were_changed_is_passed_over(rds: Any, tag: str, value: str) -> None:
    rds.snapshots["early"]["TagList"] = [
        it | {"Value": value} if it["Key"] == tag else it for it in rds.snapshots["early"]["TagList"]
    ]
    assert ours(rds) == ["late"]
    assert snapshots.find(rds, "early", "liberator") is None


def test_an_export_task_of_a_snapshots_name_that_exports_another_does_not_count(rds: Any) -> None:
    rds.add_task("early", SourceArn=ARN + "late")
    assert not snapshots.was_exported(rds, "early")
    rds.add_task("early")
    assert snapshots.was_exported(rds, "early")
