"""Many dumps at once, and an export of many objects: nothing is lost, doubled or mixed.

`make load-test` sets LOAD=full for the full sizes; otherwise a twenty-fifth and a twentieth of them.
"""

from __future__ import annotations

import io
import json
import os
import threading
import time
import zipfile
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ingestion import partition
from ingestion.landing_zone.copying import CONCURRENCY, RESERVE_SECONDS
from ingestion.landing_zone.manifest import key_of
from liberator import naming
from liberator.manifest import ExportManifest
from local.demo import landed
from tests.e2e.conftest import System

FULL = os.environ.get("LOAD") == "full"
DUMPS, OBJECTS = (200, 10_000) if FULL else (8, 500)  # RDS exports five at once
GROUP, SAME_DAY = (20, {9, 13}) if FULL else (8, {3, 5})
SECONDS = 1200 if FULL else 180  # a deadline, not an expectation

pytestmark = pytest.mark.timeout(2 * SECONDS)

type Start = Callable[..., System]


@dataclass(frozen=True)
class Upload:
    """Dump `number`, as it was uploaded: its day, key and correlation id, and when, to the second."""

    number: int
    day: date
    key: str
    correlation_id: str
    uploaded_at: datetime


def rows_of_dump(number: int) -> dict[str, list[int]]:
    """Every table's only column: the dump's number in each row, and in a table's name."""
    return {"permits": [number] * (1 + number % 7), f"only_{number}": [number]}


def keys_at_once() -> Iterator[tuple[date, str]]:
    """Days and keys in the order of the uploads: of each group of dumps three are of one day, two of these of one key."""
    for number in range(DUMPS):
        day = date(2021, 1, 1) + timedelta(days=number if number % GROUP not in SAME_DAY else number // GROUP * GROUP)
        short, long = naming.dump_keys(day)
        yield day, long if number % GROUP == min(SAME_DAY) else short


def upload(system: System, folder: Path, number: int, day: date, key: str) -> Upload:
    path = folder / f"{number}.zip"
    sql = [
        f"CREATE TABLE {t} (dump INT); INSERT INTO {t} VALUES {','.join(f'({v})' for v in r)};"
        for t, r in rows_of_dump(number).items()
    ]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("dump.sql", "\n".join(sql))
    system.upload(path, key)
    bucket = system.name_of("DataBucket")
    head = system.s3.head_object(Bucket=bucket, Key=key)
    return Upload(number, day, key, f"s3://{bucket}/{key}@{head['VersionId']}", head["LastModified"])


def test_dumps_that_arrive_at_once_all_land_one_after_the_other(system: Start, tmp_path: Path) -> None:
    # A run has to outlast the moment between a copier's look at the runs and its start, as on AWS: two copies of a message
    # are told apart by the run that is active.
    running = system(time_scale=1 / 900, snapshot_seconds=0.2, export_seconds=1.0, workflow_seconds=2.5)
    running.ecs.base_environment = {**running.ecs.base_environment, "PROGRESS_SECONDS": "0.4"}  # how often RDS is asked, too
    running.rds.hold_exports = running.hold_workflows = True
    uploads = [upload(running, tmp_path, number, day, key) for number, (day, key) in enumerate(keys_at_once())]
    await_log(running, "ExportTaskLimitReached")  # RDS runs five at once
    running.rds.hold_exports = False
    await_log(running, "is running for another export")  # Glue runs one at once
    running.hold_workflows = False
    assert running.story.wait_for(lambda _: len(running.ecs.exit_codes) == DUMPS, SECONDS)
    running.wait_until_idle(SECONDS)
    assert running.ecs.exit_codes == [0] * DUMPS
    assert_nothing_was_told_to_people(running)

    log = Log(running.log_path)
    loaded = log.by_upload("Snapshot available")
    assert loaded.keys() == {u.correlation_id for u in uploads}

    # one after the other in the database, and the others say what they wait for
    begun = log.by_upload("Loading into the database")
    turns = sorted((begun[load], loaded[load]) for load in loaded)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(turns))
    arrived, waited = log.by_upload("Found the dump"), log.by_upload("Waiting for another load to end")
    in_line = {load for load in arrived if any(begin < arrived[load] < end - timedelta(seconds=0.3) for begin, end in turns)}
    assert in_line
    assert in_line <= waited.keys()

    updates = {update["export_task_identifier"]: update for update in running.updates()}
    assert len(updates) == len(running.updates())
    runs = [run["export_task_identifier"] for run in running.runs("BackdatedWorkflow")]
    for day in {u.day for u in uploads}:
        bucket = running.name_of("LandingBucket")
        manifest = landed.read_manifest(
            running.s3, f"s3://{bucket}/{key_of(naming.landing_prefix('liberator'), partition.name(day))}"
        )
        latest = max((u for u in uploads if u.day == day), key=lambda u: (u.uploaded_at, loaded[u.correlation_id]))
        assert manifest.correlation_id == latest.correlation_id
        assert rows_of(running, manifest) == rows_of_dump(latest.number)
        assert landed.unnamed(running.s3, bucket, manifest, day) == []
        assert manifest.export_task_identifier in updates.keys() & set(runs)
    assert [run for run, times in Counter(runs).items() if times > 1] == []
    assert set(runs) == updates.keys() - (log.superseded() - set(runs))  # overtaken while the workflow was busy
    assert running.runs("DailyWorkflow") == []


@pytest.mark.parametrize("way", ["killed", "out of time"])
def test_a_copy_that_ends_early_three_times_goes_on_where_it_stopped(system: Start, tmp_path: Path, way: str) -> None:
    """Killed, as by Lambda at its timeout, the message comes back from SQS; short of time, the copier puts it back."""
    running = system(copies=lambda _event, _way: 0)  # without RDS's events there is one message for the export
    running.rds.part_rows = 1  # so that each row is an object
    requests = Killed(running) if way == "killed" else OutOfTime(running)
    with zipfile.ZipFile(tmp_path / "dump.zip", "w") as archive:
        rows = ",".join(f"({n})" for n in range(OBJECTS))
        archive.writestr("dump.sql", f"CREATE TABLE permits (id INT PRIMARY KEY); INSERT INTO permits VALUES {rows};")
    running.upload(tmp_path / "dump.zip", naming.dump_keys(date(2021, 6, 4))[0])

    assert running.story.wait_for(lambda _: bool(running.updates()), SECONDS)
    running.wait_until_idle()
    assert_nothing_was_told_to_people(running)
    ended = [entry for entry in running.story.entries if entry.stage == "Invocation failed"]
    put_back = [entry for entry in running.story.messages() if entry.stage == "CopyExport" and entry.delay == 0]
    made, keys = requests.copies.total(), len(requests.copies)
    if way == "killed":
        assert (len(ended), len(put_back)) == (3, 0)
        # what S3 had been asked for when the asker was killed may not have been there yet when the next one looked
        assert OBJECTS <= made <= OBJECTS + 3 * CONCURRENCY
    else:
        assert ended == []
        assert len(put_back) >= 3
        assert made == OBJECTS
    assert keys == OBJECTS
    [update] = running.updates()
    assert len(running.events("LandingZoneUpdated")) == 1
    manifest = landed.read_manifest(running.s3, update["manifest"])
    assert sorted(rows_of(running, manifest)["permits"]) == list(range(OBJECTS))
    assert landed.unnamed(running.s3, running.name_of("LandingBucket"), manifest, date(2021, 6, 4)) == []
    [run] = running.runs("BackdatedWorkflow")
    assert run["export_task_identifier"] == update["export_task_identifier"]


class CopyRequests(ABC):
    """Counts CopyObject to the landing zone, by the key; S3 answers each after `counted`."""

    def __init__(self, system: System) -> None:
        self.copies: Counter[str] = Counter()
        self._landing = f"arn:aws:s3:::{system.name_of('LandingBucket')}/"
        self._lock = threading.Lock()
        self.copier = system.functions["S3ToS3CopierFunction"]
        system.aws.on_request = self._asked

    def _asked(self, request: Any, resource: str) -> None:
        if resource.startswith(self._landing) and "x-amz-copy-source" in request.headers:
            with self._lock:
                self.copies[resource] += 1
                number = self.copies.total()
            self.counted(number)

    @abstractmethod
    def counted(self, number: int) -> None:
        """May end the invocation, or keep it waiting."""


class Killed(CopyRequests):
    """The function's processes are killed at each quarter of the copies."""

    def counted(self, number: int) -> None:
        if number in {OBJECTS // 4, OBJECTS // 2, OBJECTS // 4 * 3}:
            self.copier.stop()


class OutOfTime(CopyRequests):
    """S3 answers a tenth of the copies of an invocation; the rest when the copier is to begin no more.

    The copier's time begins when its process is up, however long that takes on a busy machine, and before its first copy.
    """

    def __init__(self, system: System) -> None:
        super().__init__(system)
        self._seconds = 20 if FULL else 4
        self.copier.timeout = RESERVE_SECONDS + self._seconds
        self._no_more_at: float | None = None
        self._answered = 0.0
        invoke = self.copier.invoke

        def invoke_again(event: dict[str, Any]) -> Any:
            self._no_more_at, self._answered = None, self.copies.total() + OBJECTS / 10
            return invoke(event)

        vars(self.copier)["invoke"] = invoke_again

    def counted(self, number: int) -> None:
        self._no_more_at = self._no_more_at or time.monotonic() + self._seconds
        if number > self._answered:
            time.sleep(max(0.0, self._no_more_at - time.monotonic()))


def rows_of(system: System, manifest: ExportManifest) -> dict[str, list[int]]:
    """Table → the values of its only column, as a reader of the lake finds them."""

    def values(key: str) -> list[int]:
        body = system.s3.get_object(Bucket=system.name_of("LandingBucket"), Key=key)["Body"].read()
        return [row for (row,) in zip(*pq.read_table(io.BytesIO(body)).to_pydict().values(), strict=True)]

    return {t.name: [value for o in t.objects for value in values(o.key)] for t in manifest.tables}


def assert_nothing_was_told_to_people(system: System) -> None:
    told = system.events("IngestionFailed") + system.events("Alert")
    assert [(event.get("stage"), event.get("reason"), (event.get("message") or "")[:150]) for event in told] == []
    for queue in ("rds-snapshot-to-s3", "s3-to-s3-copier", "prod-to-preprod", "undelivered-events"):
        assert system.dead_letters(queue) == []


def await_log(system: System, text: str) -> None:
    for _ in range(5 * SECONDS):
        if text in system.log_path.read_text() or system.story.wait_for(lambda _: False, 0.2):
            return
    pytest.fail(f"Nobody says {text}.")


class Log:
    """What the loaders and functions have logged."""

    def __init__(self, path: Path) -> None:
        self._lines = [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]

    def by_upload(self, message: str) -> dict[str, datetime]:
        """Correlation id → when its loader said so first."""
        found: dict[str, datetime] = {}
        for line in self._lines:
            if line.get("service") == "dump_loader" and line.get("message") == message:
                at = datetime.strptime(line["timestamp"], "%Y-%m-%d %H:%M:%S,%f%z")
                found.setdefault(line["correlation_id"], at)
        return found

    def superseded(self) -> set[str]:
        """The exports whose copier found a later one of their day."""
        return {line["attempt"] for line in self._lines if line.get("message", "").startswith("Superseded: ")}
