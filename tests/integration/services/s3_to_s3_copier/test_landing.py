"""s3_to_s3_copier on moto's S3 and Glue: what lands, what is committed, and what two copies at once do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingestion.errors import AccessDenied, BadName, NotFound, NotYet, UnreadableObject
from ingestion.landing_zone import manifest
from ingestion.messages import Run
from liberator.errors import ExportUnusable
from liberator.manifest import ExportedColumn
from liberator.messages import CopyExport
from tests.fakes import SNAPSHOT_TIME
from tests.integration.services.conftest import finish_runs
from tests.lake import DAY, RUN, TABLES, UPLOADED_AT, Lake, partition


def test_an_export_lands_under_its_date_is_committed_and_its_workflow_runs(lake: Lake) -> None:
    event = lake.copy(lake.export("task-1"))
    expected = {
        partition(table, f"part-0000{part}-task-1-c000.gz.parquet") for table in ("permits", "pcns") for part in (0, 1)
    }
    assert lake.landed() == expected == lake.manifest().keys
    assert event
    assert event.manifest == "s3://landing/_manifests/parking/liberator/import_date=20210604.json"
    assert (event.tables, event.objects, event.bytes, event.rows, event.warnings) == (3, 4, 10, 5, 0)
    assert [(t.name, len(t.objects), t.rows) for t in lake.manifest().tables] == [
        ("empty", 0, 0),
        ("pcns", 2, 2),
        ("permits", 2, 3),
    ]
    assert lake.runs() == [
        {
            "import_date": "2021-06-04",
            "backdated": "false",
            "export_task_identifier": "task-1",
            "landing_prefix": "s3://landing/parking/liberator/",
            "manifest": event.manifest,
            "correlation_id": "dump@1",
        }
    ]


def test_a_backdated_run_starts_the_backdated_workflow_alone(lake: Lake) -> None:
    lake.copy(lake.export("task-1", run=RUN.model_copy(update={"backdated": True})))
    assert lake.runs() == []
    [properties] = lake.runs("backdated")
    assert properties["backdated"] == "true"


def test_the_same_message_again_changes_nothing(lake: Lake) -> None:
    command = lake.export("task-1")
    lake.copy(command)
    before = lake.sizes("landing")
    assert lake.copy(command) is None, "announced once"
    assert lake.sizes("landing") == before
    assert len(lake.runs()) == 1


def test_a_past_export_can_be_landed_again_after_its_objects_were_lost(lake: Lake) -> None:
    command = lake.export("task-1")
    lake.copy(command)
    lake.s3.delete_object(Bucket="landing", Key=partition("permits", "part-00000-task-1-c000.gz.parquet"))
    lake.copy(command)
    assert lake.landed() == lake.manifest().keys


def test_a_second_export_of_the_day_replaces_the_first(lake: Lake) -> None:
    lake.copy(lake.export("task-1"))
    finish_runs()
    lake.copy(lake.export("task-2", TABLES | {"new": 1}, at=SNAPSHOT_TIME + timedelta(hours=1)))
    assert all("task-2" in key for key in lake.landed())
    assert lake.landed() == lake.manifest().keys
    assert [run["export_task_identifier"] for run in lake.runs()] == ["task-1", "task-2"]


def test_an_earlier_snapshot_that_comes_late_is_superseded_and_leaves_nothing(lake: Lake) -> None:
    late = lake.export("task-1")
    lake.copy(lake.export("task-2", at=SNAPSHOT_TIME + timedelta(hours=1)))
    before = lake.sizes("landing")
    assert lake.copy(late) is None
    assert lake.sizes("landing") == before
    assert len(lake.runs()) == 1


@pytest.mark.parametrize("hours", [-1, 1])
def test_the_latest_upload_of_a_day_wins_whichever_was_loaded_first(lake: Lake, hours: int) -> None:
    """The two names of a day are two files: neither's load knows of the other's."""
    other = RUN.model_copy(update={"origin": "s3://data/parking/liberator_dump_20210604.zip"})
    newer = lake.export("task-1", uploaded_at=UPLOADED_AT + timedelta(seconds=1))
    older = lake.export("task-2", at=SNAPSHOT_TIME + timedelta(hours=hours), run=other)
    lake.copy(newer)
    assert lake.copy(older) is None
    assert (lake.manifest().export_task_identifier, lake.landed()) == ("task-1", lake.manifest().keys)


def test_a_snapshot_of_no_known_dump_counts_from_when_it_was_taken(lake: Lake) -> None:
    nameless = RUN.model_copy(update={"origin": None})
    lake.copy(lake.export("task-1", uploaded_at=SNAPSHOT_TIME - timedelta(hours=2)))
    finish_runs()
    lake.copy(lake.export("task-2", at=SNAPSHOT_TIME + timedelta(hours=1), run=nameless))
    finish_runs()
    assert lake.manifest().export_task_identifier == "task-2"
    lake.copy(lake.export("task-3", at=SNAPSHOT_TIME + timedelta(hours=3), uploaded_at=SNAPSHOT_TIME + timedelta(hours=2)))
    assert lake.manifest().export_task_identifier == "task-3"


def test_a_commit_over_a_manifest_that_has_changed_since_it_was_read_is_refused(lake: Lake) -> None:
    lake.copy(lake.export("task-1"))
    read = lake.committed()
    assert read
    assert manifest.write(read.manifest.model_copy(update={"correlation_id": "other"}), lake.zone, over=read)
    assert not manifest.write(read.manifest, lake.zone, over=read)
    assert lake.manifest().correlation_id == "other"


def test_a_workflow_that_runs_for_another_export_is_waited_for_before_anything_is_announced(lake: Lake) -> None:
    lake.glue.start_workflow_run(Name="daily", RunProperties={"export_task_identifier": "yesterday's"})
    command = lake.export("task-1")
    with pytest.raises(NotYet, match="another export: ") as wait:
        lake.copy(command)
    assert wait.value.delay_seconds is None
    assert lake.manifest().export_task_identifier == "task-1"
    assert lake.announced == []
    finish_runs()
    assert lake.copy(command)


def test_when_time_runs_short_the_next_invocation_goes_on(lake: Lake) -> None:
    command = lake.export("task-1", {"permits": 1}, parts=9)
    left = iter([900.0] * 4 + [10.0] * 100)
    with pytest.raises(NotYet, match="5 of 9") as wait:
        lake.copy(command, lambda: next(left))
    assert wait.value.delay_seconds == 0
    assert len(lake.landed()) == 4
    assert lake.committed() is None
    kept = {o["Key"]: o["LastModified"] for o in lake.s3.list_objects_v2(Bucket="landing", Prefix="parking/")["Contents"]}
    assert lake.copy(command)
    now = {o["Key"]: o["LastModified"] for o in lake.s3.list_objects_v2(Bucket="landing", Prefix="parking/")["Contents"]}
    assert len(now) == 9
    assert kept.items() <= now.items(), "what was there was not copied again"


def test_more_objects_than_a_page_holds_all_land(lake: Lake) -> None:
    command = lake.export("task-1", {"permits": 1}, parts=1)
    for part in range(1, 1100):
        lake.put(f"task-1/liberator/liberator.permits/1/part-{part:05}-y-c000.gz.parquet", b"y")
    lake.export("task-10")  # another task, whose prefix begins with the first one's name
    assert lake.copy(command)
    assert len(lake.landed()) == 1100
    assert lake.landed() == lake.manifest().keys


def test_an_export_under_a_prefix_of_the_bucket_lands_as_any_other(lake: Lake) -> None:
    command = lake.export("task-1")
    for key in lake.sizes("exports"):
        lake.s3.copy_object(CopySource=f"exports/{key}", Bucket="exports", Key=f"rds/daily/{key}")
        lake.s3.delete_object(Bucket="exports", Key=key)
    lake.rds.tasks["task-1"]["S3Prefix"] = "rds/daily"
    lake.copy(command)
    assert len(lake.landed()) == 4


def test_parts_of_one_name_in_two_batches_both_land(lake: Lake) -> None:
    command = lake.export("task-1", {"permits": 1}, parts=0)
    for batch in (1, 2):
        lake.put(f"task-1/liberator/liberator.permits/{batch}/part-00000-z-c000.gz.parquet", b"z" * batch)
    lake.copy(command)
    assert lake.landed() == {partition("permits", f"{batch}-part-00000-z-c000.gz.parquet") for batch in (1, 2)}


@pytest.mark.parametrize("status", ["STARTING", "IN_PROGRESS", "CANCELING", "A_STATUS_OF_NEXT_YEAR"])
def test_a_running_export_is_waited_for(lake: Lake, status: str) -> None:
    lake.rds.add_task("task-1", status=status)
    with pytest.raises(NotYet, match=status):
        lake.copy(CopyExport(run=RUN, correlation_id="x", export_task_identifier="task-1"))


@pytest.mark.parametrize("status", ["FAILED", "CANCELED", "failed"])
def test_an_export_that_failed_or_was_cancelled_ends_the_run_with_its_cause(lake: Lake, status: str) -> None:
    lake.rds.add_task("task-1", status=status, FailureCause="the role cannot write")
    with pytest.raises(ExportUnusable, match="the role cannot write"):
        lake.copy(CopyExport(run=RUN, correlation_id="x", export_task_identifier="task-1"))


def _warned(lake: Lake) -> None:
    lake.rds.tasks["task-1"]["WarningMessage"] = '{"skippedTables":["liberator.pcns"]}'


def _failed_table(lake: Lake) -> None:
    statuses = [{"target": f"liberator.{t}", "status": "COMPLETE"} for t in ("permits", "empty")]
    lake.side_files("task-1", [*statuses, {"target": "liberator.pcns", "status": "FAILED"}])


def _no_export_info(lake: Lake) -> None:
    lake.s3.delete_object(Bucket="exports", Key="task-1/export_info_task-1.json")


def _a_part_of_tables_info_missing(lake: Lake) -> None:
    lake.s3.delete_object(Bucket="exports", Key="task-1/export_tables_info_task-1_from_1_to_2.json")


def _table_not_exported(lake: Lake) -> None:
    for first, last in ((1, 2), (3, 3)):
        lake.s3.delete_object(Bucket="exports", Key=f"task-1/export_tables_info_task-1_from_{first}_to_{last}.json")
    lake.side_files("task-1", [{"target": f"liberator.{t}", "status": "COMPLETE"} for t in ("permits", "empty")])
    for part in (0, 1):
        lake.s3.delete_object(
            Bucket="exports", Key=f"task-1/liberator/liberator.pcns/{part + 1}/part-0000{part}-task-1-c000.gz.parquet"
        )


def _rows_but_no_file(lake: Lake) -> None:
    for part in (0, 1):
        lake.s3.delete_object(
            Bucket="exports", Key=f"task-1/liberator/liberator.pcns/{part + 1}/part-0000{part}-task-1-c000.gz.parquet"
        )


def _table_that_nothing_names(lake: Lake) -> None:
    lake.put("task-1/liberator/liberator.pcns_old/1/part-00000-pcns-c000.gz.parquet", b"x")


def _two_databases(lake: Lake) -> None:
    lake.put("task-1/pcns/pcns.t/1/part-00000-a-c000.gz.parquet", b"x")


BROKEN = [
    _warned,
    _failed_table,
    _table_not_exported,
    _rows_but_no_file,
    _table_that_nothing_names,
    _two_databases,
]


@pytest.mark.parametrize("breaks", BROKEN)
def test_an_export_that_is_not_whole_lands_nothing_and_names_the_table(lake: Lake, breaks: Any) -> None:
    command = lake.export("task-1")
    breaks(lake)
    with pytest.raises(ExportUnusable, match="pcns"):
        lake.copy(command)
    assert lake.landed() == set()


@pytest.mark.parametrize("breaks", [_no_export_info, _a_part_of_tables_info_missing])
def test_an_export_without_its_side_files_lands_nothing(lake: Lake, breaks: Any) -> None:
    command = lake.export("task-1")
    breaks(lake)
    with pytest.raises(ExportUnusable, match="export_info"):
        lake.copy(command)
    assert lake.landed() == set()


@pytest.mark.parametrize(
    "info",
    [{"exportTaskIdentifier": "task-0", "status": "COMPLETE"}, {"exportTaskIdentifier": "task-1", "status": "FAILED"}],
)
def test_an_export_whose_own_file_says_otherwise_lands_nothing(lake: Lake, info: dict[str, str]) -> None:
    command = lake.export("task-1")
    lake.put("task-1/export_info_task-1.json", json.dumps(info).encode())
    with pytest.raises(ExportUnusable, match=f"{info['exportTaskIdentifier']} is {info['status']}"):
        lake.copy(command)
    assert lake.landed() == set()


@pytest.mark.parametrize(
    ("bucket", "key", "then"),
    [
        ("data", "parking/liberator_dump_210604.task-1.row-counts.json", "Load the dump again"),
        ("landing", "_manifests/parking/liberator/import_date=20210604.json", "redrive"),
        ("landing", "_manifests/parking/liberator/attempts/import_date=20210604/task-0.json", "redrive"),
    ],
)
@pytest.mark.parametrize("body", [b"{", b'{"version": 2}', b"\xff"])
def test_what_we_wrote_and_cannot_read_any_more_ends_the_run_by_name(
    lake: Lake, bucket: str, key: str, then: str, body: bytes
) -> None:
    command = lake.export("task-1")
    lake.put(key, body, bucket)
    with pytest.raises(UnreadableObject, match=f"s3://{bucket}/{key} .*{then}"):
        lake.copy(command)
    assert lake.runs() == []


def test_an_unknown_kind_of_object_stops_the_copy(lake: Lake) -> None:
    command = lake.export("task-1")
    lake.put("task-1/liberator/liberator.permits/1/part-00000.orc", b"x")
    with pytest.raises(BadName, match=r"part-00000\.orc"):
        lake.copy(command)
    assert lake.landed() == set()


def test_missing_row_counts_end_the_run(lake: Lake) -> None:
    command = lake.export("task-1")
    lake.s3.delete_object(Bucket="data", Key="parking/liberator_dump_210604.task-1.row-counts.json")
    with pytest.raises(NotFound, match="row counts"):
        lake.copy(command)


def test_a_command_that_names_no_dump_lands_without_row_counts(lake: Lake) -> None:
    event = lake.copy(lake.export("task-1", run=Run(import_date=DAY, backdated=True)))
    assert event
    assert (event.rows, {table.rows for table in lake.manifest().tables}) == (None, {None})


def test_access_denied_ends_the_run_and_names_the_object(lake: Lake) -> None:
    command = lake.export("task-1")
    lake.deny("s3:PutObject", "landing/parking/*")
    with pytest.raises(AccessDenied, match=r"copying s3://exports/task-1/"):
        lake.copy(command)


def test_the_manifest_of_the_day_is_for_readers_of_any_language(lake: Lake) -> None:
    lake.copy(lake.export("task-1"))
    stored = lake.s3.get_object(Bucket="landing", Key="_manifests/parking/liberator/import_date=20210604.json")[
        "Body"
    ].read()
    document = json.loads(stored)
    assert document["export_task_identifier"] == "task-1"
    assert datetime.fromisoformat(document["snapshot_time"]) == datetime(2021, 6, 4, 10, 15, 30, tzinfo=UTC)
    assert document["tables"][2]["name"] == "permits"
    assert document["tables"][2]["objects"][0]["size"] == 3


def test_the_manifest_says_what_mysqls_types_were(lake: Lake) -> None:
    command = lake.export("task-1", {"permits": 3, "archive": 0})
    mapping = {
        "columnName": "issued",
        "originalType": "date",
        "expectedExportedType": "binary (UTF8)",
        "originalNumPrecision": 0,
    }
    lake.side_files(
        "task-1",
        [
            {"target": "liberator.permits", "status": "COMPLETE", "schemaMetadata": {"originalTypeMappings": [mapping]}},
            {"target": "liberator.archive", "status": "COMPLETE"},
        ],
    )
    lake.copy(command)
    issued = ExportedColumn(name="issued", original_type="date", exported_type="binary (UTF8)")
    assert {table.name: table.columns for table in lake.manifest().tables} == {"permits": (issued,), "archive": ()}
