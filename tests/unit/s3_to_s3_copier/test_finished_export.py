"""What RDS says of an export that it calls COMPLETE: what of it ends the run, and what lands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingestion.messages import Run
from ingestion.s3_uri import split_s3_uri
from liberator import naming
from liberator.errors import ExportUnusable
from liberator.messages import CopyExport
from tests.lake import DAY, RUN, TABLES, Lake

# The one example that AWS gives: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.Monitoring.html
GENERAL = '{"skippedTables":[],"skippedObjectives":[],"general":[{"reason":"FAILED_TO_EXTRACT_TABLES_LIST_FOR_DATABASE"}]}'
COMPLETE = [{"target": f"liberator.{table}", "status": "COMPLETE"} for table in TABLES]


def warned(lake: Lake, message: str, run: Run = RUN) -> CopyExport:
    command = lake.export("task-1", run=run)
    lake.rds.tasks["task-1"]["WarningMessage"] = message
    return command


def said(lake: Lake, entries: list[dict[str, Any]]) -> CopyExport:
    command = lake.export("task-1")
    for key in lake.s3.keys("exports"):
        if "export_tables_info" in key:
            del lake.s3.buckets["exports"][key]
    lake.side_files("task-1", entries)
    return command


@pytest.mark.parametrize(
    ("message", "warning"),
    [
        (GENERAL, "FAILED_TO_EXTRACT_TABLES_LIST_FOR_DATABASE"),
        ('{"general":[{"reason":"STRING_CONVERSION","target":"liberator.pcns"}]}', "liberator.pcns"),
        ('{"skippedTables":["sys.sys_config"]}', "skipped: sys.sys_config"),
        ('{"skippedTables":[{"table":"a table of next year","reason":"?"}],"new":1}', "a table of next year"),
        ("Some strings were converted to UTF-8.", "Some strings were converted"),
        ('["no object"]', "no object"),
    ],
)
def test_a_warning_that_takes_no_counted_table_away_lands_and_is_told(lake: Lake, message: str, warning: str) -> None:
    event = lake.copy(warned(lake, message))
    assert event
    assert event.warnings == 1
    [told] = lake.manifest().warnings
    assert warning in told


def test_nothing_is_told_where_a_warning_is_empty(lake: Lake) -> None:
    event = lake.copy(warned(lake, '{"skippedTables":[],"skippedObjectives":[],"general":[]}'))
    assert event
    assert (event.warnings, lake.manifest().warnings) == (0, ())


@pytest.mark.parametrize(
    "message",
    [
        '{"skippedTables":["liberator.pcns"]}',
        '{"skippedTables":["pcns"]}',
        '{"skippedTables":[{"target":"liberator.pcns","reason":"A row is larger than 2 GB"}]}',
        '{"skippedObjectives":["liberator.pcns"]}',
    ],
)
def test_a_counted_table_that_is_skipped_ends_the_run_and_is_named(lake: Lake, message: str) -> None:
    with pytest.raises(ExportUnusable, match=r"skipped or not complete \['pcns'\].*Load the dump again"):
        lake.copy(warned(lake, message))
    assert lake.landed() == set()


@pytest.mark.parametrize("message", [GENERAL, "Some strings were converted.", '{"skippedTables":["liberator.pcns"]}'])
def test_where_nobody_counted_every_warning_ends_the_run(lake: Lake, message: str) -> None:
    with pytest.raises(ExportUnusable, match="RDS says"):
        lake.copy(warned(lake, message, Run(import_date=DAY, backdated=True)))
    assert lake.landed() == set()


@pytest.mark.parametrize("status", ["FAILED", "", "SKIPPED"])
def test_a_counted_table_that_is_not_complete_ends_the_run_and_is_named(lake: Lake, status: str) -> None:
    entry = {"target": "liberator.pcns", "status": status, "warningMessage": "A row is larger than 2 GB"}
    with pytest.raises(ExportUnusable, match=r"skipped or not complete \['pcns'\].*larger than 2 GB"):
        lake.copy(said(lake, [*COMPLETE[:1], entry, *COMPLETE[2:]]))
    assert lake.landed() == set()


@pytest.mark.parametrize(
    "entry",
    [
        {"target": "liberator.pcns", "status": "COMPLETE", "warningMessage": "Strings were converted"},
        {"target": "liberator", "status": "COMPLETE", "warningMessage": "The database has no tables"},
        {"target": "liberator", "warningMessage": "The database has no tables"},
        {"target": "innodb", "status": "FAILED", "warningMessage": "The database has no tables"},
    ],
)
def test_a_warning_of_a_whole_table_or_of_a_whole_database_lands_and_is_told(lake: Lake, entry: dict[str, str]) -> None:
    rest = [it for it in COMPLETE if it["target"] != entry["target"]]
    event = lake.copy(said(lake, [*rest, entry]))
    assert event
    assert (event.tables, event.warnings) == (3, 1)
    assert entry["warningMessage"] in lake.manifest().warnings[0]


def test_a_view_that_is_exported_does_not_land(lake: Lake) -> None:
    command = lake.export("task-1", TABLES | {"pcns_by_street": 4})
    _counted(lake, TABLES, ["pcns_by_street"])
    event = lake.copy(command)
    assert event
    assert event.tables == len(TABLES)
    assert not any("street" in key for key in lake.landed())


def test_a_table_that_nobody_counted_ends_the_run(lake: Lake) -> None:
    command = lake.export("task-1", TABLES | {"extra": 4})
    _counted(lake, TABLES, [])
    with pytest.raises(ExportUnusable, match=r"not counted \['extra'\]"):
        lake.copy(command)
    assert lake.landed() == set()


def _counted(lake: Lake, tables: dict[str, int], views: list[str]) -> None:
    bucket, key = split_s3_uri(naming.row_counts_uri(str(RUN.origin), "task-1"))
    counts = json.loads(lake.s3.keys(bucket)[key]) | {"tables": tables, "views": views}
    lake.put(key, json.dumps(counts).encode(), bucket)
