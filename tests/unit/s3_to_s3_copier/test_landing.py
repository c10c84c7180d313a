"""What lands, what is committed, and what is announced, where moto is too slow or too kind."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from ingestion.errors import CopyMismatch, NotFound, NotYet, UnreadableObject
from ingestion.landing_zone import manifest
from ingestion.s3_uri import split_s3_uri
from liberator import naming
from liberator.errors import ExportUnusable
from liberator.messages import CopyExport
from liberator.row_counts import Remark, RemarkKind
from tests.fakes import SNAPSHOT_TIME, client_error
from tests.lake import MANIFEST, RUN, UPLOADED_AT, Lake, partition

LATER = SNAPSHOT_TIME + timedelta(hours=1)


def lands(lake: Lake, command: CopyExport) -> None:
    """It lands, and its workflow has ended before the next one."""
    assert lake.copy(command)
    lake.glue.set_status("COMPLETED")


def is_whole(lake: Lake, task: str) -> bool:
    """The day is that of the export, and nothing else is left of it."""
    committed = lake.manifest()
    return committed.export_task_identifier == task and lake.landed() == committed.keys and lake.attempts() == set()


def same_file(lake: Lake, task: str, **more: Any) -> CopyExport:
    """An export whose one file has the same name in every export."""
    command = lake.export(task, {"pcns": 1}, parts=0, **more)
    lake.put(f"{task}/liberator/liberator.pcns/1/part-00000-a-c000.gz.parquet", b"one" if task == "task-1" else b"other")
    return command


def test_however_many_tables_a_day_has_sns_takes_its_event(lake: Lake) -> None:
    event = lake.copy(lake.export("task-1", {f"a_table_of_which_there_are_thousands_{n}": 0 for n in range(3_000)}))
    assert event
    assert event.tables == 3_000
    assert len(event.model_dump_json()) < 1_000


def test_the_manifest_has_the_loaders_remarks(lake: Lake) -> None:
    command = lake.export("task-1", {"pcns": 1})
    remark = Remark(kind=RemarkKind.VALUES_CHANGED, text="Out of range value", code=1264, table="pcns", count=3)
    _count(lake, remarks=[remark.model_dump()])
    lake.copy(command)
    assert lake.manifest().remarks == (remark,)


def test_the_manifest_says_what_the_dump_calls_a_renamed_table_and_its_renamed_columns(lake: Lake) -> None:
    command = lake.export("task-1", {"a_b_1f": 3, "plain": 1, "half": 2})
    for key in lake.s3.keys("exports"):
        if "export_tables_info" in key:
            del lake.s3.buckets["exports"][key]
    columns = [{"columnName": name, "originalType": "int", "expectedExportedType": "int32"} for name in ("id", "odd_2c")]
    metadata = {"schemaMetadata": {"originalTypeMappings": columns}, "status": "COMPLETE"}
    lake.side_files("task-1", [{"target": f"liberator.{name}", **metadata} for name in ("a_b_1f", "plain", "half")])
    _count(
        lake, originals={"a_b_1f": {"table": "a b", "columns": {"odd_2c": "odd name"}}, "half": {"columns": {"id": "Id;"}}}
    )
    lake.copy(command)
    tables = {
        t.name: (t.original_name, t.rows, [(c.name, c.original_name) for c in t.columns]) for t in lake.manifest().tables
    }
    assert tables == {
        "a_b_1f": ("a b", 3, [("id", None), ("odd_2c", "odd name")]),
        "half": (None, 2, [("id", "Id;"), ("odd_2c", None)]),
        "plain": (None, 1, [("id", None), ("odd_2c", None)]),
    }


def _count(lake: Lake, **changed: Any) -> None:
    bucket, key = split_s3_uri(naming.row_counts_uri(str(RUN.origin), "task-1"))
    lake.put(key, json.dumps(json.loads(lake.s3.keys(bucket)[key]) | changed).encode(), bucket)


def test_of_one_upload_the_later_snapshot_wins_whatever_the_exports_are_called(lake: Lake) -> None:
    lands(lake, lake.export("task-1", at=LATER))
    assert lake.copy(lake.export("task-2")) is None
    assert is_whole(lake, "task-1")


def test_a_superseded_copy_leaves_the_winner_its_files(lake: Lake) -> None:
    early, late = same_file(lake, "task-1"), same_file(lake, "task-2", at=LATER)
    lands(lake, late)
    assert lake.copy(early) is None
    assert is_whole(lake, "task-2")
    assert lake.s3.keys("landing")[partition("pcns", "part-00000-a-c000.gz.parquet")] == b"other"


def test_a_copy_that_is_cleared_away_before_its_check_by_the_later_one_is_superseded(lake: Lake) -> None:
    early, late = lake.export("task-1"), lake.export("task-2", at=LATER)

    def overtaken(request: dict[str, Any]) -> None:
        checks = request["Prefix"].startswith("parking/") and sum("task-1" in key for key in lake.s3.buckets["landing"]) >= 4
        if checks and lake.s3.before.pop("list_objects_v2", None):  # listings go on side by side
            lands(lake, late)

    lake.s3.before["list_objects_v2"] = overtaken
    lake.copy(early)
    assert [event.export_task_identifier for event in lake.announced] == ["task-2"]
    assert is_whole(lake, "task-2")


def test_what_is_lost_after_it_was_copied_is_not_committed(lake: Lake) -> None:
    def loses_one(request: dict[str, Any]) -> None:
        if request["Prefix"].startswith("parking/") and any("pcns" in key for key in lake.s3.buckets["landing"]):
            lake.s3.buckets["landing"].popitem()

    command = lake.export("task-1", {"pcns": 1})
    lake.s3.before["list_objects_v2"] = loses_one
    with pytest.raises(CopyMismatch, match=r"1 of 2 objects.*pcns.*\(None bytes, not 1\)"):
        lake.copy(command)
    assert MANIFEST not in lake.s3.buckets["landing"]


def test_a_copy_of_another_size_is_made_again_and_one_that_is_there_is_not(lake: Lake) -> None:
    command = lake.export("task-1", {"pcns": 5})
    whole, half = (partition("pcns", f"part-0000{part}-task-1-c000.gz.parquet") for part in (0, 1))
    lake.put(whole, b"xxxxx", "landing")
    lake.put(half, b"xx", "landing")
    lands(lake, command)
    assert [request["Key"] for call, request in lake.s3.calls if call == "copy_object"] == [half]
    assert lake.s3.keys("landing")[half] == b"xxxxx"


@pytest.mark.parametrize(("seconds", "copied"), [(121, 2), (119, 0), (60, 0)])
def test_no_copy_is_begun_within_two_minutes_of_the_functions_end(lake: Lake, seconds: float, copied: int) -> None:
    command = lake.export("task-1", {"pcns": 1})
    if copied:
        assert lake.copy(command, lambda: seconds)
    else:
        with pytest.raises(NotYet, match="2 of 2 objects") as wait:
            lake.copy(command, lambda: seconds)
        assert wait.value.delay_seconds == 0
    assert len(lake.landed()) == copied


def test_what_a_dead_copy_left_is_deleted_before_its_record(lake: Lake) -> None:
    """Its record is all that tells of it."""
    dead = lake.export("task-1", {"pcns": 1})
    lake.s3.before["copy_object"] = lambda _: _dies()
    with pytest.raises(RuntimeError):
        lake.copy(dead)
    lake.s3.before = {"delete_objects": lambda request: _dies() if partition("pcns", "") in request["Keys"][0] else None}
    lake.put(partition("pcns", "part-00000-task-1-c000.gz.parquet"), b"x", "landing")
    later = lake.export("task-2", at=LATER)
    with pytest.raises(RuntimeError):
        lake.copy(later)
    assert lake.attempts() == {"task-1", "task-2"}
    lake.s3.before = {}
    lands(lake, later)
    assert is_whole(lake, "task-2")


@pytest.mark.parametrize("meanwhile", ["deleted", "written", "written first"])
def test_a_commit_over_a_manifest_that_has_changed_since_is_tried_again_at_once(lake: Lake, meanwhile: str) -> None:
    """Not taken for superseded: who wrote it may be the earlier one."""
    if meanwhile != "written first":
        lands(lake, lake.export("task-1"))
    later = lake.export("task-2", at=LATER)

    def happens(request: dict[str, Any]) -> None:
        if request["Key"] == MANIFEST:
            lake.s3.before = {}
            match meanwhile:
                case "deleted":
                    del lake.s3.buckets["landing"][MANIFEST]
                case "written":
                    lake.put(MANIFEST, lake.s3.keys("landing")[MANIFEST] + b"\n", "landing")
                case _:
                    lands(lake, lake.export("task-1"))

    lake.s3.before["put_object"] = happens
    with pytest.raises(NotYet, match="at the same time") as wait:
        lake.copy(later)
    assert wait.value.delay_seconds == 0
    lands(lake, later)
    assert lake.manifest().export_task_identifier == "task-2"


def test_a_manifest_that_is_deleted_since_it_was_read_is_no_failure(lake: Lake) -> None:
    lands(lake, lake.export("task-1"))
    read = lake.committed()
    assert read
    del lake.s3.buckets["landing"][MANIFEST]
    assert not manifest.write(read.manifest, lake.zone, over=read)


@pytest.mark.parametrize(
    "stale",
    [
        "parking/liberator/liberator.pcns/import_year=2021/import_month=06/import_day=03/import_date=20210603/x.parquet",
        "parking/other/other.pcns/import_year=2021/import_month=06/import_day=04/import_date=20210604/x.parquet",
        "x",
    ],
)
def test_a_manifest_that_calls_others_objects_stale_deletes_nothing(lake: Lake, stale: str) -> None:
    lands(lake, lake.export("task-1"))
    forged = lake.manifest().model_copy(update={"stale": (stale,)})
    lake.put(MANIFEST, forged.model_dump_json().encode(), "landing")
    lake.put(stale, b"kept", "landing")
    with pytest.raises(UnreadableObject, match="not of parking/liberator/, import_date=20210604"):
        lake.copy(lake.export("task-2", at=LATER))
    assert lake.s3.keys("landing")[stale] == b"kept"


@pytest.mark.parametrize("status", ["FAILED", "CANCELED"])
def test_an_export_that_will_never_be_whole_is_not_waited_for(lake: Lake, status: str) -> None:
    lake.rds.add_task("task-1", status=status, FailureCause="the role cannot write")
    with pytest.raises(ExportUnusable, match="the role cannot write"):
        lake.copy(CopyExport(run=RUN, correlation_id="x", export_task_identifier="task-1"))


@pytest.mark.parametrize("breaks", ["failed", "failed, and RDS says not of when", "not whole"])
@pytest.mark.parametrize("later", [{"at": LATER}, {"uploaded_at": UPLOADED_AT + timedelta(seconds=1)}])
def test_an_export_that_cannot_land_ends_quietly_once_a_later_load_of_its_day_has_landed(
    lake: Lake, breaks: str, later: dict[str, Any]
) -> None:
    command = lake.export("task-1")
    _broken(lake, breaks)
    with pytest.raises(ExportUnusable):
        lake.copy(command)
    lands(lake, lake.export("task-2", **later))
    before = lake.s3.keys("landing")
    if breaks == "failed, and RDS says not of when" and "at" in later:
        with pytest.raises(ExportUnusable):
            lake.copy(command)
    else:
        assert lake.copy(command) is None
    assert (lake.s3.keys("landing"), len(lake.runs())) == (before, 1)


@pytest.mark.parametrize("breaks", ["failed", "not whole"])
@pytest.mark.parametrize(
    "earlier", [{"at": SNAPSHOT_TIME - timedelta(hours=1)}, {"at": LATER, "uploaded_at": UPLOADED_AT - timedelta(seconds=1)}]
)
def test_what_an_earlier_load_has_landed_is_no_comfort(lake: Lake, breaks: str, earlier: dict[str, Any]) -> None:
    lands(lake, lake.export("task-0", **earlier))
    command = lake.export("task-1")
    _broken(lake, breaks)
    with pytest.raises(ExportUnusable):
        lake.copy(command)


def test_nor_is_a_later_one_where_nobody_knows_which_upload_this_was(lake: Lake) -> None:
    command = lake.export("task-1")
    _broken(lake, "failed")
    lands(lake, lake.export("task-2", at=LATER))
    del lake.s3.buckets["data"]["parking/liberator_dump_210604.task-1.row-counts.json"]
    with pytest.raises(ExportUnusable, match="the role cannot write"):
        lake.copy(command)


def _broken(lake: Lake, how: str) -> None:
    """The export task-1."""
    task = lake.rds.tasks["task-1"]
    match how:
        case "not whole":
            task["WarningMessage"] = '{"skippedTables":["liberator.pcns"]}'
        case "failed":
            task |= {"Status": "FAILED", "FailureCause": "the role cannot write"}
        case _:
            task |= {"Status": "FAILED"}
            del task["SnapshotTime"]


def test_an_export_of_another_database_does_not_land(lake: Lake) -> None:
    command = lake.export("task-1")
    exported = lake.s3.buckets["exports"]
    lake.s3.buckets["exports"] = {key.replace("liberator", "other"): versions for key, versions in exported.items()}
    lake.side_files("task-1", [{"target": f"other.{t}", "status": "COMPLETE"} for t in ("permits", "pcns", "empty")])
    with pytest.raises(ExportUnusable, match=r"holds database other; only liberator"):
        lake.copy(command)
    assert lake.s3.keys("landing") == {}


def test_rows_without_a_file_are_noticed_and_an_empty_tables_lack_of_one_is_none(lake: Lake) -> None:
    with pytest.raises(ExportUnusable, match=r"with rows but no file \['pcns'\]"):
        lake.copy(lake.export("task-1", {"pcns": 1, "empty": 0}, parts=0))
    assert lake.landed() == set()
    assert lake.copy(lake.export("task-2", {"empty": 0}))


@pytest.mark.parametrize("status", ["RUNNING", "STOPPING"])
def test_a_workflow_is_waited_for_until_its_run_has_ended(lake: Lake, status: str) -> None:
    lake.glue.start_workflow_run(Name="daily", RunProperties={"export_task_identifier": "yesterday's"})
    lake.glue.set_status(status)
    command = lake.export("task-1")
    with pytest.raises(NotYet, match="another export"):
        lake.copy(command)
    assert lake.announced == []
    for ended in ("COMPLETED", "STOPPED", "ERROR"):
        lake.glue.set_status(ended)
        lake.copy(command)
    assert [run["export_task_identifier"] for run in lake.runs()] == ["yesterday's", "task-1"]


def test_a_workflow_that_does_not_exist_ends_the_run_by_its_name(lake: Lake) -> None:
    del lake.glue.workflows["daily"]
    with pytest.raises(NotFound, match="workflow daily"):
        lake.copy(lake.export("task-1"))


def test_throttling_by_s3_is_waited_out(lake: Lake) -> None:
    def slow(_: Any) -> None:
        raise client_error("SlowDown")

    command = lake.export("task-1")
    lake.s3.before["copy_object"] = slow
    with pytest.raises(NotYet, match=r"SlowDown while copying s3://exports/task-1/"):
        lake.copy(command)


def test_the_latest_upload_wins_over_a_later_snapshot_of_an_earlier_one(lake: Lake) -> None:
    lands(lake, lake.export("task-1", uploaded_at=UPLOADED_AT + timedelta(seconds=1)))
    assert lake.copy(lake.export("task-2", at=LATER)) is None
    assert is_whole(lake, "task-1")


def _dies() -> None:
    raise RuntimeError("killed")
