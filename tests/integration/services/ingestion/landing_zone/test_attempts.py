"""What copies that died have left, and who clears it away."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ingestion.errors import AccessDenied, NotYet
from liberator.messages import CopyExport
from tests.fakes import SNAPSHOT_TIME
from tests.integration.services.conftest import finish_runs
from tests.lake import Lake, partition

LATER = SNAPSHOT_TIME + timedelta(hours=1)


def denied_half_way(lake: Lake, command: CopyExport) -> None:
    """The last table is denied: by then the copies of the first one have ended."""
    lake.deny("s3:PutObject", "landing/parking/*.pcns/*")
    with pytest.raises(AccessDenied):
        lake.copy(command)
    lake.allow("landing")


def of(lake: Lake, task: str) -> set[str]:
    return {key for key in lake.landed() if task in key}


def test_what_a_copy_that_ended_half_way_left_is_cleared_away_by_a_later_one(lake: Lake) -> None:
    denied_half_way(lake, lake.export("task-1"))
    assert of(lake, "task-1"), "its copies of the other tables"
    lake.copy(lake.export("task-2", at=LATER))
    assert lake.landed() == lake.manifest().keys
    assert lake.attempts() == set()


def test_so_is_what_a_copy_left_that_was_never_heard_of_again(lake: Lake) -> None:
    command, left = lake.export("task-1"), iter([900.0] * 2 + [10.0] * 100)
    with pytest.raises(NotYet):
        lake.copy(command, lambda: next(left))
    assert len(of(lake, "task-1")) == 2
    lake.copy(lake.export("task-2", at=LATER))
    assert lake.landed() == lake.manifest().keys
    assert lake.attempts() == set()


def test_a_copy_that_went_well_leaves_no_record(lake: Lake) -> None:
    command = lake.export("task-1")
    for _ in range(2):
        lake.copy(command)
        assert lake.attempts() == set()


def test_a_later_copy_that_is_not_done_yet_is_left_alone_by_an_earlier_one_that_commits(lake: Lake) -> None:
    later = lake.export("task-2", at=LATER)
    denied_half_way(lake, later)
    half = of(lake, "task-2")
    lake.copy(lake.export("task-1"))
    assert lake.manifest().export_task_identifier == "task-1"
    assert of(lake, "task-2") == half
    assert lake.attempts() == {"task-2"}
    finish_runs()
    lake.copy(later)
    assert lake.landed() == lake.manifest().keys
    assert lake.attempts() == set()


def test_a_file_of_one_name_in_both_exports_stays(lake: Lake) -> None:
    commands = [
        lake.export(task, {"pcns": 1}, parts=0, at=at) for task, at in [("task-1", SNAPSHOT_TIME), ("task-2", LATER)]
    ]
    for task in ("task-1", "task-2"):
        lake.put(f"{task}/liberator/liberator.pcns/1/part-00000-a-c000.gz.parquet", task.encode())
    denied_half_way(lake, commands[0])
    lake.copy(commands[1])
    assert lake.landed() == lake.manifest().keys == {partition("pcns", "part-00000-a-c000.gz.parquet")}
