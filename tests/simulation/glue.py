"""Glue's workflows: a run takes its time, people may stop it, and only one of each workflow goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from s3_to_s3_copier.workflow import ACTIVE, RunStatus
from tests.simulation.world import World, error


@dataclass(eq=False)
class Run:
    """One run of a workflow, with its properties."""

    workflow: str
    id: str
    properties: dict[str, str]
    began: float
    status: RunStatus = RunStatus.RUNNING

    @property
    def active(self) -> bool:
        return self.status in ACTIVE


@dataclass
class Glue:
    """`takes` gives a run's seconds; `stopping`, where it is not 0, how long it then still is stopping.

    `started` hears of a run before it begins.
    """

    world: World
    concurrent: dict[str, int]
    takes: Callable[[], float]
    stopping: Callable[[], float]
    started: Callable[[Run], None]
    runs: list[Run] = field(default_factory=list)

    def get_workflow_runs(self, *, Name: str, NextToken: str = "0") -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            runs = [run for run in reversed(self.runs) if run.workflow == Name]
            first = int(NextToken)
            page = [
                {"WorkflowRunId": run.id, "Status": run.status, "WorkflowRunProperties": run.properties}
                for run in runs[first : first + 1]
            ]
            return {"Runs": page} | ({"NextToken": str(first + 1)} if first + 1 < len(runs) else {})

        return self.world.call("glue.get_workflow_runs", effect)

    def start_workflow_run(self, *, Name: str, RunProperties: dict[str, str]) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            if sum(run.workflow == Name and run.active for run in self.runs) >= self.concurrent[Name]:
                raise error("ConcurrentRunsExceededException", "StartWorkflowRun")
            run = Run(Name, f"wr_{len(self.runs) + 1}", dict(RunProperties), self.world.seconds)
            self.started(run)
            self.runs.append(run)
            takes = self.takes()
            if stopping := self.stopping():
                self.world.after(takes, lambda: setattr(run, "status", RunStatus.STOPPING))
            end = RunStatus.STOPPED if stopping else RunStatus.COMPLETED
            self.world.after(takes + stopping, lambda: setattr(run, "status", end))
            return {"RunId": run.id}

        return self.world.call("glue.start_workflow_run", effect)
