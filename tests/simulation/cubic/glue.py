"""Glue: the Data Catalog, and runs of the job, which start late, end in odd states, and are forgotten."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from cubic.finishing import ENDED, JobRunState
from tests.simulation.world import World, error


class AlreadyExistsException(ClientError):
    """As boto3's client has it."""


class EntityNotFoundException(ClientError):
    """As boto3's client has it."""


def _already(operation: str) -> ClientError:
    return AlreadyExistsException({"Error": {"Code": "AlreadyExistsException", "Message": ""}}, operation)


def _missing(operation: str) -> ClientError:
    return EntityNotFoundException({"Error": {"Code": "EntityNotFoundException", "Message": ""}}, operation)


@dataclass(eq=False)
class JobRun:
    """One run of the job."""

    id: str
    arguments: dict[str, str]
    state: JobRunState = JobRunState.STARTING


@dataclass
class Glue:
    """`started(run)` sets a run going; `on_partition(table, values, before, after)` hears of each change of one."""

    world: World
    concurrent: int
    started: Callable[[JobRun], None]
    runs: list[JobRun] = field(default_factory=list)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    partitions: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = field(default_factory=dict)
    on_partition: Callable[[str, tuple[str, ...], Any, Any], None] = lambda *_: None
    exceptions: Any = field(
        default_factory=lambda: SimpleNamespace(
            AlreadyExistsException=AlreadyExistsException, EntityNotFoundException=EntityNotFoundException
        )
    )

    # ── the job ──

    def start_job_run(self, *, JobName: str, Arguments: dict[str, str]) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            if sum(run.state not in ENDED for run in self.runs) >= self.concurrent:
                raise error("ConcurrentRunsExceededException", "StartJobRun")
            run = JobRun(f"jr_{len(self.runs) + 1}", dict(Arguments))
            self.runs.append(run)
            self.started(run)
            return {"JobRunId": run.id}

        return self.world.call(f"glue.start_job_run {Arguments['--batch']}", effect)

    def get_job_run(self, *, JobName: str, RunId: str) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            for run in self.runs:
                if run.id == RunId:
                    return {"JobRun": {"Id": run.id, "JobRunState": run.state, "Arguments": run.arguments}}
            raise _missing("GetJobRun")

        return self.world.call(f"glue.get_job_run {RunId}", effect)

    def get_job_runs(self, *, JobName: str, MaxResults: int = 200, NextToken: str = "0") -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            first = int(NextToken)
            runs = list(reversed(self.runs))
            page = [{"Id": run.id, "JobRunState": run.state, "Arguments": run.arguments} for run in runs[first : first + 2]]
            return {"JobRuns": page} | ({"NextToken": str(first + 2)} if first + 2 < len(runs) else {})

        return self.world.call("glue.get_job_runs", effect)

    # ── the catalog ──

    def get_table(self, *, DatabaseName: str, Name: str) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            if Name not in self.tables:
                raise _missing("GetTable")
            return {"Table": copy.deepcopy(self.tables[Name])}

        return self.world.call(f"glue.get_table {Name}", effect)

    def create_table(self, *, DatabaseName: str, TableInput: dict[str, Any]) -> None:  # noqa: N803
        def effect() -> None:
            if TableInput["Name"] in self.tables:
                raise _already("CreateTable")
            self.tables[TableInput["Name"]] = copy.deepcopy(TableInput) | {"VersionId": "0"}

        self.world.call(f"glue.create_table {TableInput['Name']}", effect)

    def update_table(self, *, DatabaseName: str, TableInput: dict[str, Any], VersionId: str | None = None) -> None:  # noqa: N803
        def effect() -> None:
            there = self.tables.get(TableInput["Name"])
            if there is None:
                raise _missing("UpdateTable")
            if VersionId not in (None, there["VersionId"]):
                raise error("ConcurrentModificationException", "UpdateTable")
            self.tables[TableInput["Name"]] = copy.deepcopy(TableInput) | {"VersionId": str(int(there["VersionId"]) + 1)}

        self.world.call(f"glue.update_table {TableInput['Name']}", effect)

    def get_partition(self, *, DatabaseName: str, TableName: str, PartitionValues: list[str]) -> dict[str, Any]:  # noqa: N803
        def effect() -> dict[str, Any]:
            found = self.partitions.get((TableName, tuple(PartitionValues)))
            if found is None:
                raise _missing("GetPartition")
            return {"Partition": copy.deepcopy(found)}

        return self.world.call(f"glue.get_partition {TableName} {PartitionValues}", effect)

    def create_partition(self, *, DatabaseName: str, TableName: str, PartitionInput: dict[str, Any]) -> None:  # noqa: N803
        values = tuple(PartitionInput["Values"])

        def effect() -> None:
            if (TableName, values) in self.partitions:
                raise _already("CreatePartition")
            self._put(TableName, values, PartitionInput)

        self.world.call(f"glue.create_partition {TableName} {values}", effect)

    def update_partition(
        self,
        *,
        DatabaseName: str,  # noqa: N803
        TableName: str,  # noqa: N803
        PartitionValueList: list[str],  # noqa: N803
        PartitionInput: dict[str, Any],  # noqa: N803
    ) -> None:
        values = tuple(PartitionValueList)

        def effect() -> None:
            if (TableName, values) not in self.partitions:
                raise _missing("UpdatePartition")
            self._put(TableName, values, PartitionInput)

        self.world.call(f"glue.update_partition {TableName} {values}", effect)

    def delete_partition(self, *, DatabaseName: str, TableName: str, PartitionValues: list[str]) -> None:  # noqa: N803
        values = tuple(PartitionValues)

        def effect() -> None:
            before = self.partitions.pop((TableName, values), None)
            if before is None:
                raise _missing("DeletePartition")
            self.on_partition(TableName, values, before, None)

        self.world.call(f"glue.delete_partition {TableName} {values}", effect)

    def _put(self, table: str, values: tuple[str, ...], made: dict[str, Any]) -> None:
        before = self.partitions.get((table, values))
        self.partitions[table, values] = after = copy.deepcopy(made)
        self.on_partition(table, values, before, after)
