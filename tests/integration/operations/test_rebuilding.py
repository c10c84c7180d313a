"""Partitions made anew from the archive, with the functions of files around it, on moto's AWS and a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError

from cubic.errors import BadConfiguration
from cubic.starting import Job
from cubic.store import claiming, configuration
from ingestion.landing_zone.zone import Bucket
from operations.cubic import metadata, rebuilding
from operations.cubic.rebuilding import Rebuilder
from tests import cubic
from tests.fakes import client_error
from tests.incoming import ARCHIVE, CT, DATABASE, INCOMING, JOB, LOAD1, SPRINGBOARD, Cubic, texts

if TYPE_CHECKING:
    from cubic.store.database import PostgreSql

TABLE, CHANGES = cubic.NAME, f"{cubic.NAME}__ct"
ROWS, INSERTED = b"id,name\r\n1,a\r\n2,b\r\n", b"header__change_oper,header__change_seq,id,name\r\nI,1,4,d\r\n"
DMAP, DMAP_TABLE = "cubic/dmap/agg_sample/", "cubic__dmap__agg_sample"
CT_NAME = CT.removeprefix(cubic.CHANGES)
[S0, S5, S50] = texts(0, 5, 50)


@dataclass
class Clock:
    """The world's, and something that happens when somebody waits."""

    world: Cubic
    when_waiting: Callable[[], object] = lambda: None

    def now(self) -> Any:
        return self.world.clock.now()

    def monotonic(self) -> float:
        return self.world.clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self.world.clock.sleep(seconds)
        self.when_waiting()


@dataclass
class Glue:
    """The world's, where the job has run before its run is looked at."""

    world: Cubic
    when_looked_at: Callable[[], object]

    def get_job_run(self, **of: Any) -> Any:
        self.when_looked_at()
        return self.world.session.client("glue").get_job_run(**of)


class Operator:
    """Rebuilds, and loses partitions that are to be rebuilt."""

    def __init__(self, world: Cubic) -> None:
        self.world, self.clock, self.glue = world, Clock(world), Glue(world, world.run_job)
        self.said: list[str] = []
        glue: Any = self.glue
        springboard = Bucket(world.session.client("s3"), SPRINGBOARD, lambda: ThreadPoolExecutor(4))
        job = Job(world.session.client("glue"), JOB, {})
        ask = metadata.directly(world.db, self.clock)
        self.by = Rebuilder(ask, springboard, ARCHIVE, job, glue, self.clock, self.said.append)

    def rebuild(self, table: str = TABLE, snapshot: str | None = S0) -> dict[str, tuple[int | None, str | None]]:
        """The rows and the remark of each file."""
        found = rebuilding.rebuild(table, rebuilding.snapshot(snapshot), self.by)
        return {one.load.s3_key.rsplit("/", 1)[1]: (one.rows, one.remark) for one in found}

    def lose(self, table: str, *values: str) -> None:
        """Deletes a partition."""
        at: Any = {"DatabaseName": DATABASE, "TableName": table, "PartitionValues": list(values)}
        self.world.glue.delete_partition(**at)

    def open_batches(self) -> int:
        with self.world.db.transaction() as cursor:
            cursor.execute("SELECT FROM cubic_batches WHERE ended_at IS NULL")
            return cursor.rowcount


@pytest.fixture
def world(aws: str, database: PostgreSql) -> Cubic:
    made = Cubic(database)
    made.configure(cubic.PREFIX, "id")
    made.upload(LOAD1, ROWS)
    made.upload(CT, INSERTED, 10)
    made.settle()
    made.sweep()
    made.settle()
    return made


@pytest.fixture
def operator(world: Cubic) -> Operator:
    return Operator(world)


def test_what_is_lost_is_there_again_and_no_load_has_changed(world: Cubic, operator: Operator) -> None:
    before = world.end()
    operator.lose(TABLE, S0, "LOAD001.csv.gz")
    operator.lose(CHANGES, S0, CT_NAME)
    assert operator.rebuild() == {"LOAD001.csv.gz": (2, None), CT_NAME: (1, None)}
    assert world.end() == before
    assert operator.open_batches() == 0
    world.sweep()
    world.settle()
    assert world.end() == before
    assert (world.told(), world.errors) == ([], [])
    assert [key for key in world.keys(SPRINGBOARD) if not key.endswith(".json")] == []


def test_the_job_is_told_that_it_rebuilds_from_the_versions_of_the_archive(world: Cubic, operator: Operator) -> None:
    world.s3.put_object(Bucket=ARCHIVE, Key=world.keys(ARCHIVE)[0], Body=b"somebody has overwritten it")
    operator.rebuild()
    batches = [json.loads(world.object(SPRINGBOARD, key)) for key in world.keys(SPRINGBOARD) if key.endswith("batch.json")]
    [rebuilt] = [batch for batch in batches if batch["rebuild"]]
    assert [load["snapshot"] for load in rebuilt["loads"]] == [S0, S0]
    assert world.raw(TABLE) == {(S0, "LOAD001.csv.gz"): ROWS}


def test_it_waits_for_the_batch_that_is_open(world: Cubic, operator: Operator) -> None:
    world.upload(CT.replace("444", "555"), INSERTED, 20)
    world.round("register")
    world.round("start")
    assert operator.open_batches() == 1
    operator.clock.when_waiting = world.settle
    assert list(operator.rebuild()) == ["LOAD001.csv.gz", CT_NAME]
    assert any(line.startswith("Another batch") for line in operator.said)
    assert (operator.open_batches(), world.errors) == (0, [])


def test_meanwhile_no_batch_of_the_table_is_claimed_so_that_a_newer_version_stays(world: Cubic, operator: Operator) -> None:
    newer = INSERTED.replace(b"d", b"newer")

    def comes() -> None:
        world.upload(CT, newer, 20)
        world.settle()
        assert world.loads()[-1] == (CT_NAME, "ready")
        world.run_job()

    operator.glue.when_looked_at = comes
    operator.rebuild()
    operator.glue.when_looked_at = world.run_job
    world.sweep()
    world.settle()
    assert world.raw(CHANGES) == {(S0, CT_NAME): newer}
    assert operator.rebuild()[CT_NAME] == (1, None)
    assert world.raw(CHANGES) == {(S0, CT_NAME): newer}


def test_meanwhile_no_load_moves_to_another_snapshot(world: Cubic, operator: Operator) -> None:
    def comes() -> None:
        world.upload(LOAD1, b"id,name\r\n9,z\r\n", 5)
        world.round("register")
        world.sweep()
        world.round("sweep")
        assert world.round("move")
        assert world.raw(CHANGES).keys() == {(S0, CT_NAME)}
        world.run_job()

    operator.glue.when_looked_at = comes
    operator.rebuild()
    operator.glue.when_looked_at = world.run_job
    for _ in range(2):
        world.sweep()
        world.settle()
    assert world.raw(CHANGES) == {(S5, CT_NAME): INSERTED}
    assert world.raw(TABLE).keys() == {(S0, "LOAD001.csv.gz"), (S5, "LOAD001.csv.gz")}
    assert (world.told(), world.errors) == ([], [])


def test_a_load_on_its_way_to_another_snapshot_is_left_out(world: Cubic, operator: Operator) -> None:
    world.upload(LOAD1, b"id,name\r\n9,z\r\n", 5)
    world.round("register")
    [(rows, remark)] = operator.rebuild(snapshot=S5).values()
    assert rows is None
    assert "another snapshot" in (remark or "")
    assert operator.open_batches() == 0


def test_interrupted_before_it_has_a_run_it_leaves_nothing(world: Cubic, operator: Operator) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), world.meanwhile("CopyObject", interrupted):
        operator.rebuild()
    assert operator.open_batches() == 0
    assert operator.rebuild()["LOAD001.csv.gz"] == (2, None)


def test_interrupted_while_it_waits_the_functions_end_it(world: Cubic, operator: Operator) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    operator.glue.when_looked_at = interrupted
    with pytest.raises(KeyboardInterrupt):
        operator.rebuild()
    assert operator.open_batches() == 1
    world.run_job()
    world.upload(CT.replace("444", "555"), INSERTED, 20)
    world.settle()
    world.sweep()
    world.settle()
    assert operator.open_batches() == 0
    assert {status for _, status in world.loads()} == {"archived"}


def start(world: Cubic) -> None:
    """Starts a run of the batch that has its document and no run."""
    [batch] = {key.split("/")[1] for key in world.keys(SPRINGBOARD) if key.endswith("batch.json")} - world.ran
    world.glue.start_job_run(JobName=JOB, Arguments={"--batch": batch})


def dies_at_the_start(world: Cubic, operator: Operator, *, started: bool) -> None:
    """The operator is gone before the run, which was started or not, is recorded."""

    def dies() -> None:
        if started:
            start(world)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), world.meanwhile("StartJobRun", dies):
        operator.rebuild()
    assert operator.open_batches() == 1


@pytest.mark.parametrize("started", [False, True])
def test_one_that_lost_its_operator_at_the_start_is_ended_by_the_functions(
    world: Cubic, operator: Operator, started: bool
) -> None:
    dies_at_the_start(world, operator, started=started)
    world.run_job()
    world.upload(CT.replace("444", "555"), INSERTED, 20)
    world.settle()
    assert world.loads()[-1] == (CT_NAME.replace("444", "555"), "ready")
    world.clock.sleep(claiming.LEASE.total_seconds())
    for _ in range(3):
        world.sweep()
        world.settle()
    assert operator.open_batches() == 0
    assert world.loads()[-1] == (CT_NAME.replace("444", "555"), "archived")
    assert world.raw(TABLE) == {(S0, "LOAD001.csv.gz"): ROWS}
    assert (world.told(), world.errors) == ([], [])


@pytest.mark.parametrize("started", [False, True])
def test_one_that_lost_its_operator_at_the_start_is_ended_before_the_next(
    world: Cubic, operator: Operator, started: bool
) -> None:
    """Though its table is paused, so that nobody else looks for a batch without a run."""
    configuration.pause(world.db, TABLE, "it is rebuilt")
    dies_at_the_start(world, operator, started=started)
    world.clock.sleep(claiming.LEASE.total_seconds())
    waited: list[int] = []

    def passes() -> None:
        waited.append(len(waited))
        assert len(waited) < 5
        world.run_job()
        world.sweep()
        world.settle()

    operator.clock.when_waiting = passes
    assert operator.rebuild()["LOAD001.csv.gz"] == (2, None)
    assert len(waited) == started
    assert operator.open_batches() == 0
    assert world.errors == []


def test_a_start_whose_answer_is_lost_is_found_by_its_argument(world: Cubic, operator: Operator) -> None:
    def lost() -> None:
        start(world)
        raise EndpointConnectionError(endpoint_url="glue")

    with world.meanwhile("StartJobRun", lost):
        assert operator.rebuild()["LOAD001.csv.gz"] == (2, None)
    assert len(world.glue.get_job_runs(JobName=JOB)["JobRuns"]) == len(world.ran)


def test_where_glue_takes_no_more_runs_it_waits_and_keeps_its_batch(
    world: Cubic, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "LOOKS_EVERY", claiming.LEASE.total_seconds() * 0.6)
    attempts: list[int] = []

    def full() -> None:
        attempts.append(len(attempts))
        if len(attempts) < 4:
            world.once["StartJobRun"] = full
        raise client_error("ConcurrentRunsExceededException", "StartJobRun")

    def sweeps() -> None:
        world.sweep()
        world.settle()

    operator.clock.when_waiting = sweeps
    with world.meanwhile("StartJobRun", full):
        assert operator.rebuild()["LOAD001.csv.gz"] == (2, None)
    assert (len(attempts), world.errors) == (4, [])
    assert "ConcurrentRunsExceeded" in " ".join(operator.said)


def test_a_run_that_dies_is_told_and_the_partition_stays(world: Cubic, operator: Operator) -> None:
    world.dies = 1
    [(rows, remark), _] = operator.rebuild().values()
    assert rows is None
    assert "run the command again" in (remark or "")
    assert world.raw(TABLE) == {(S0, "LOAD001.csv.gz"): ROWS}
    assert operator.rebuild()["LOAD001.csv.gz"] == (2, None)


def test_a_file_that_is_gone_from_the_archive_is_told_and_the_others_are_rebuilt(world: Cubic, operator: Operator) -> None:
    key = world.keys(ARCHIVE, cubic.PREFIX)[0]
    version = world.s3.head_object(Bucket=ARCHIVE, Key=key)["VersionId"]
    world.s3.delete_object(Bucket=ARCHIVE, Key=key, VersionId=version)
    found = operator.rebuild()
    assert found[CT_NAME] == (1, None)
    assert "gone from the archive" in (found["LOAD001.csv.gz"][1] or "")


def test_rows_that_differ_are_told(world: Cubic, operator: Operator) -> None:
    with world.db.transaction() as cursor:
        cursor.execute("UPDATE cubic_loads SET rows = 3 WHERE s3_key = %s", (LOAD1,))
    assert operator.rebuild()["LOAD001.csv.gz"] == (2, "it had 3 rows before")


def test_a_table_without_snapshots_is_rebuilt_whole_in_batches_and_each_file_by_its_newest_version(
    world: Cubic, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "MOST_FILES", 2)
    world.configure(DMAP)
    for day in (4, 5, 6):
        world.upload(f"{DMAP}2022030{day}.csv", ROWS, day)
    world.settle()
    world.upload(f"{DMAP}20220304.csv", b"id\r\n1\r\n", 60)
    world.settle()
    before = world.end()
    for values in list(world.raw(DMAP_TABLE)):
        operator.lose(DMAP_TABLE, *values)
    found = operator.rebuild(DMAP_TABLE, None)
    assert found == {"20220305.csv": (2, None), "20220306.csv": (2, None), "20220304.csv": (1, None)}
    assert world.end() == before
    assert (operator.open_batches(), world.keys(INCOMING)) == (0, [])


def test_where_there_is_nothing_to_rebuild_it_says_so(world: Cubic, operator: Operator) -> None:
    with pytest.raises(BadConfiguration, match="no archived load of snapshot 20220304T134646Z"):
        operator.rebuild(snapshot=S50)
    with pytest.raises(BadConfiguration, match="is no snapshot"):
        operator.rebuild(snapshot="2022")
