"""A day's workflow is started once for each export, and its day is announced before."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import pytest

from ingestion.errors import NotYet
from liberator.errors import WorkflowUnusable
from tests.fakes import FakeGlue, FakeS3, client_error
from tests.lake import Lake


def answers(code: str) -> Callable[[], NoReturn]:
    def refuse() -> NoReturn:
        raise client_error(code, "StartWorkflowRun")

    return refuse


def dies() -> NoReturn:
    raise RuntimeError("killed")


def test_a_start_that_died_after_the_workflow_began_starts_no_second_run(lake: Lake) -> None:
    command = lake.export("task-1")
    lake.glue.after["start_workflow_run"] = dies
    with pytest.raises(RuntimeError):
        lake.copy(command)
    lake.glue.after.clear()
    assert lake.copy(command) is None
    assert len(lake.runs()) == 1
    assert len(lake.announced) == 1


def test_a_run_that_died_before_the_workflow_began_is_announced_again_and_started(lake: Lake) -> None:
    command = lake.export("task-1")
    lake.glue.before["start_workflow_run"] = dies
    with pytest.raises(RuntimeError):
        lake.copy(command)
    lake.glue.before.clear()
    assert lake.copy(command) == lake.announced[0]
    assert len(lake.runs()) == 1


def test_a_start_that_loses_a_race_is_waited_for(lake: Lake) -> None:
    lake.glue.before["start_workflow_run"] = answers("ConcurrentRunsExceededException")
    with pytest.raises(NotYet):
        lake.copy(lake.export("task-1"))


def test_a_run_beyond_the_first_page_of_runs_is_found() -> None:
    lake = Lake(FakeS3(), FakeGlue(page=1))
    command = lake.export("task-1")
    for task in ("task-0", "task-1"):
        lake.glue.start_workflow_run(Name="daily", RunProperties={"export_task_identifier": task})
        lake.glue.set_status("COMPLETED")
    assert lake.copy(command) is None, "announced before the run that is there"


def test_a_workflow_that_cannot_be_started_ends_the_run_and_says_what_it_lacks(lake: Lake) -> None:
    lake.glue.before["start_workflow_run"] = answers("InvalidInputException")
    with pytest.raises(WorkflowUnusable, match=r"daily.*start trigger.*redrive"):
        lake.copy(lake.export("task-1"))
