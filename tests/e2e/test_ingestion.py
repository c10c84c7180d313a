"""One dump's way through the whole system, in every order in which messages can come."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from liberator import naming
from local.demo import landed
from tests.e2e.conftest import System
from tests.eventually import eventually

pytestmark = pytest.mark.timeout(180)

TODAY = datetime.now(UTC).date()
type Start = Callable[..., System]
type Dump = Callable[..., Path]


def upload(system: System, dump: Path, day: date = TODAY) -> None:
    system.upload(dump, naming.dump_keys(day)[0])


@pytest.mark.parametrize("runtime", ["source", "lambda"])
def test_the_dump_of_the_day_lands_and_starts_the_daily_workflow(
    system: Start, dump: Dump, runtime: str, request: pytest.FixtureRequest
) -> None:
    if runtime == "lambda":
        request.getfixturevalue("built")
    running = system(built=runtime == "lambda")
    upload(running, dump())
    running.wait_for("LandingZoneUpdated")
    [update] = running.updates()
    assert update["run"]["import_date"] == TODAY.isoformat()
    assert update["run"]["backdated"] is False
    running.assert_landed(update, {"permits": 30, "archive": 0})
    running.wait_until_idle()
    [properties] = running.runs("DailyWorkflow")
    assert properties["export_task_identifier"] == update["export_task_identifier"]
    assert running.runs("BackdatedWorkflow") == []
    assert running.replicated() == [naming.dump_keys(TODAY)[0]]
    running.wait_for("Task stopped")
    assert running.ecs.exit_codes == [0]
    assert '"message":"Done"' in running.log_path.read_text().replace(" ", "")


def test_the_messages_tell_the_story_in_order(system: Start, dump: Dump) -> None:
    running = system()
    upload(running, dump())
    running.wait_for("LandingZoneUpdated")
    seen = [(e.stage, e.queue) for e in running.story.messages()]
    snapshot, copier = "rds-snapshot-to-s3", "s3-to-s3-copier"
    notice = ("Notice", snapshot)  # the first message of a subscription, plain text
    creating, created = ("RDS-EVENT-0040", snapshot), ("RDS-EVENT-0042", snapshot)
    copy, exported = ("CopyExport", copier), ("RDS-EVENT-0161", copier)
    # A poll may see that the snapshot is there before its event says so.
    for story in ([notice, creating, created], [creating, copy, exported], [notice, ("Object Created", "prod-to-preprod")]):
        assert [seen.index(step) for step in story] == sorted(seen.index(step) for step in story)
    assert {e.delay for e in running.story.messages() if e.stage in {"ExportSnapshot", "CopyExport"}} <= {900, 0}
    assert running.events("IngestionFailed") == []


def test_what_rds_would_not_export_under_its_own_name_lands_too(system: Start, tmp_path: Path) -> None:
    """The local RDS skips and refuses such names as AWS does."""
    sql = """
        CREATE TABLE `empty one` (`id` INT); CREATE TABLE `a_b` (`id` INT); CREATE VIEW `a view` AS SELECT 1 AS `x y`;
        CREATE TABLE `a b` (`odd.col name` INT, CHECK (`odd.col name` > 0)); INSERT INTO `a b` VALUES (1), (2);
    """
    path = tmp_path / "odd.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("dump.sql", sql)
    running = system()
    upload(running, path)
    running.wait_for("LandingZoneUpdated")
    [update] = running.updates()
    tables = {t.original_name or t.name: t for t in landed.read_manifest(running.s3, update["manifest"]).tables}
    assert {original: t.rows for original, t in tables.items()} == {"a b": 2, "a_b": 0, "empty one": 0}
    running.assert_landed(update, {t.name: t.rows or 0 for t in tables.values()})
    [column] = tables["a b"].columns
    assert column.original_name == "odd.col name"


def test_an_old_dump_is_ingested_as_backdated_by_its_date(system: Start, dump: Dump) -> None:
    running = system()
    upload(running, dump(), date(2021, 6, 4))
    running.wait_for("LandingZoneUpdated")
    [update] = running.updates()
    assert update["run"]["backdated"] is True
    assert "import_date=20210604" in running.landing_objects()[0]
    running.assert_landed(update, {"permits": 30, "archive": 0})
    [properties] = running.runs("BackdatedWorkflow")
    assert properties["import_date"] == "2021-06-04"
    assert running.runs("DailyWorkflow") == []


def test_the_dump_of_yesterday_is_still_a_daily_one(system: Start, dump: Dump) -> None:
    running = system()
    upload(running, dump(), TODAY - timedelta(days=1))
    running.wait_for("LandingZoneUpdated")
    assert running.updates()[0]["run"]["backdated"] is False


def test_a_past_day_is_ingested_by_hand_with_an_override(system: Start, dump: Dump) -> None:
    running = system()
    running.bus.disabled.add("UploadRule")
    upload(running, dump(), date(2022, 6, 1))
    running.run_task_by_hand(IMPORT_DATE_OVERRIDE=" 2022-06-01 ")
    running.wait_for("LandingZoneUpdated")
    [update] = running.updates()
    assert (update["run"]["import_date"], update["run"]["backdated"]) == ("2022-06-01", True)
    assert "-2022-06-01-backdated-" in update["export_task_identifier"]
    assert running.replicated() == []


def test_the_same_day_again_replaces_what_was_there(system: Start, dump: Dump) -> None:
    running = system()
    upload(running, dump(30))
    running.wait_for("LandingZoneUpdated")
    running.wait_until_idle()
    upload(running, dump(20))
    running.wait_for("Task stopped", 2)
    running.wait_until_idle()
    first, last = running.updates()
    assert first["export_task_identifier"] != last["export_task_identifier"]
    running.assert_landed(last, {"permits": 20, "archive": 0})
    assert [run["export_task_identifier"] for run in running.runs("DailyWorkflow")] == [
        first["export_task_identifier"],
        last["export_task_identifier"],
    ]


def test_two_dumps_at_once_are_loaded_one_after_the_other(system: Start, dump: Dump) -> None:
    running = system()
    upload(running, dump(25), date(2021, 6, 4))
    upload(running, dump(35), date(2021, 6, 5))
    running.wait_for("Task stopped", 2)
    running.wait_until_idle()
    updates = {update["run"]["import_date"]: update for update in running.updates()}
    running.assert_landed(updates["2021-06-04"], {"permits": 25, "archive": 0})
    running.assert_landed(updates["2021-06-05"], {"permits": 35, "archive": 0})
    assert len(running.runs("BackdatedWorkflow")) == 2


SNAPSHOT, EXPORT = {"RDS-EVENT-0040", "RDS-EVENT-0042"}, {"RDS-EVENT-0161"}


@pytest.mark.parametrize("lost", [SNAPSHOT, EXPORT, SNAPSHOT | EXPORT], ids=["snapshot", "export", "both"])
def test_lost_events_are_made_good_by_polling(system: Start, dump: Dump, lost: set[str]) -> None:
    running = system(copies=lambda event, _way: 0 if event.event_id in lost else 1)
    upload(running, dump())
    running.wait_for("LandingZoneUpdated")
    running.assert_landed(running.updates()[0], {"permits": 30, "archive": 0})
    assert lost.isdisjoint(running.messages())


def test_events_that_come_twice_land_once(system: Start, dump: Dump) -> None:
    running = system(copies=lambda _event, _way: 2)
    upload(running, dump())
    running.wait_for("LandingZoneUpdated")
    running.wait_until_idle()
    running.assert_landed(running.updates()[0], {"permits": 30, "archive": 0})
    assert len(running.runs("DailyWorkflow")) == 1
    assert len(running.rds.tasks) == 1
    assert len(running.updates()) == 1


def test_a_slow_export_is_polled_until_it_is_complete(system: Start, dump: Dump) -> None:
    running = system(copies=lambda event, _way: 0 if event.event_id in EXPORT else 1)
    running.rds.hold_exports = True
    upload(running, dump())
    assert running.story.wait_for(lambda es: sum(e.stage == "CopyExport" for e in es) > 6, 60)
    running.rds.hold_exports = False
    running.wait_for("LandingZoneUpdated")


def test_a_failed_export_ends_the_run_and_a_person_hears(system: Start, dump: Dump) -> None:
    running = system()
    running.rds.fail_next_export = "the role cannot write"
    upload(running, dump())
    running.wait_for("IngestionFailed")
    failed = running.events("IngestionFailed")[0]
    assert (failed["stage"], failed["error"]) == ("s3_to_s3_copier", "ExportUnusable")
    assert "the role cannot write" in failed["reason"]
    running.wait_until_idle()
    assert eventually(lambda: running.dead_letters("s3-to-s3-copier"), bool)
    assert running.landing_objects() == []
    assert running.runs("DailyWorkflow") == []


def test_a_spent_budget_ends_the_wait_and_a_person_hears(system: Start, dump: Dump) -> None:
    running = system()
    running.rds.hold_exports = True
    upload(running, dump())
    assert running.story.wait_for(lambda es: any(e.stage == "CopyExport" for e in es), 60)
    [task] = running.rds.tasks
    poll = {"attempt": 48, "started_at": (datetime.now(UTC) - timedelta(hours=12)).isoformat()}
    message = json.loads((Path(__file__).parents[2] / "events/messages/CopyExport.json").read_text())
    run = message["run"] | {"import_date": TODAY.isoformat(), "backdated": False}
    running.send("s3-to-s3-copier", json.dumps(message | {"run": run, "export_task_identifier": task, "poll": poll}))
    running.wait_for("IngestionFailed")
    assert running.events("IngestionFailed")[0]["error"] == "BudgetSpent"
    [dead] = eventually(lambda: running.dead_letters("s3-to-s3-copier"), bool)  # a moment after people were told
    assert "IN_PROGRESS" in dead["MessageAttributes"]["reason"]["StringValue"]


def test_a_file_that_is_no_dump_ends_with_an_alert_and_leaves_yesterday_alone(
    system: Start, dump: Dump, tmp_path: Path
) -> None:
    running = system()
    upload(running, dump(), TODAY - timedelta(days=1))
    running.wait_for("LandingZoneUpdated")
    running.wait_until_idle()
    before = running.landing_objects()
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"this is not a zip")
    upload(running, broken)
    running.wait_for("Task stopped", 2)
    running.wait_for("Alert")
    [failed] = running.events("IngestionFailed")
    assert (failed["stage"], failed["error"]) == ("dump_loader", "DumpRejected")
    assert "A dump loader stopped" in running.events("Alert")[0]["text"]
    assert sorted(running.ecs.exit_codes) == [0, 1]
    assert running.landing_objects() == before
