"""The workflow engine of the local run, with scripts that stand in for the jobs': triggers, retries, ends, and who hears."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local import ROOT
from local.emulator.aws import LocalAws
from local.emulator.cloud import PARAMETERS
from local.emulator.glue_jobs import GlueJobs
from local.emulator.story import Story
from local.emulator.template import load

# Writes down what it is given, then ends as its own name says in the file `ends`, one end for each run.
SCRIPT = """
import json, os, pathlib, sys
folder, name = pathlib.Path(FOLDER), pathlib.Path(__file__).stem
with (folder / "given").open("a") as log:
    log.write(json.dumps([name, sys.argv[1:], os.environ["AWS_ACCESS_KEY_ID"]]) + "\\n")
ends = json.loads((folder / "ends").read_text())
end = ends[name].pop(0)
(folder / "ends").write_text(json.dumps(ends))
print("2021-06-04 02:00:00,000 Staged " + json.dumps({"table": "t"}))
sys.exit(end)
"""
ASSETS = "dataplatform-stg-liberator-glue-assets"
WORKFLOW = "dataplatform-stg-parking-liberator-data-workflow"

type Run = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def events() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def run(tmp_path: Path, events: list[dict[str, Any]]) -> Iterator[Run]:
    """Runs the daily workflow with jobs that end so; what the story has of it."""
    template = load(ROOT / "template.yaml", PARAMETERS)
    with LocalAws(1.0) as aws:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket=ASSETS, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
        s3.put_object(Bucket=ASSETS, Key="lake.zip", Body=b"")
        for name in ("landing_to_raw", "transform"):
            script = SCRIPT.replace("FOLDER", repr(str(tmp_path)))
            s3.put_object(Bucket=ASSETS, Key=f"liberator/{name}.py", Body=script.encode())

        def carry_out(**ends: list[int | str]) -> list[tuple[str, str]]:
            (tmp_path / "ends").write_text(json.dumps(ends))
            story = Story()
            jobs = GlueJobs(template, aws, io.BytesIO(), story, events.append)
            jobs.carry_out(WORKFLOW, "wr_1")
            return [(entry.stage, entry.text.removeprefix("dataplatform-stg-liberator-")) for entry in story.entries]

        yield carry_out


def given(folder: Path) -> list[tuple[str, dict[str, str], str]]:
    """Name, arguments and access key of each script that ran."""
    lines = [json.loads(line) for line in (folder / "given").read_text().splitlines()]
    return [(name, dict(zip(arguments[::2], arguments[1::2], strict=True)), key) for name, arguments, key in lines]


def test_the_second_job_follows_the_first(run: Run, tmp_path: Path, events: list[dict[str, Any]]) -> None:
    assert run(landing_to_raw=[0], transform=[0]) == [
        ("Glue job started", "landing-to-raw"),
        ("Glue job", "landing-to-raw: Staged: table t"),
        ("Glue job ended", "landing-to-raw SUCCEEDED "),
        ("Glue job started", "transform"),
        ("Glue job", "transform: Staged: table t"),
        ("Glue job ended", "transform SUCCEEDED "),
        ("Workflow ended", "landing-to-raw SUCCEEDED, dataplatform-stg-liberator-transform SUCCEEDED"),
    ]
    assert [event["detail"]["state"] for event in events] == ["SUCCEEDED", "SUCCEEDED"]


def test_a_job_gets_the_templates_arguments_as_they_are_and_works_in_its_role(run: Run, tmp_path: Path) -> None:
    run(landing_to_raw=[0], transform=[0])
    (_, first, its_role), (_, second, other_role) = given(tmp_path)
    assert (first["--WORKFLOW_NAME"], first["--WORKFLOW_RUN_ID"]) == (WORKFLOW, "wr_1")
    assert first["--landing"] == "s3://dataplatform-stg-landing-zone"
    assert first["--raw"] == second["--raw"] == "s3://dataplatform-stg-raw-zone"
    assert first["--raw_database"] == "dataplatform_stg_parking_raw_zone"
    assert second["--transforms"] == f"s3://{ASSETS}/liberator/transforms"
    assert (its_role, other_role) == ("dataplatform-stg-liberator-landing-to-raw", "dataplatform-stg-liberator-transform")


def test_a_job_that_fails_is_tried_again_and_told(run: Run, events: list[dict[str, Any]]) -> None:
    story = run(landing_to_raw=["1 of 3 tables", 0], transform=[0])
    assert [text for stage, text in story if stage == "Glue job ended"] == [
        "landing-to-raw FAILED 1 of 3 tables",
        "landing-to-raw SUCCEEDED (attempt 2) ",
        "transform SUCCEEDED ",
    ]
    detail = events[0]["detail"]
    assert (detail["state"], detail["message"]) == ("FAILED", "1 of 3 tables")


def test_nothing_follows_a_job_that_has_failed_for_good(run: Run, tmp_path: Path) -> None:
    story = run(landing_to_raw=[1, 1], transform=[0])
    assert story[-1] == ("Workflow ended", "landing-to-raw FAILED")
    assert [name for name, *_ in given(tmp_path)] == ["landing_to_raw"] * 2
