"""Files from Incoming to the archive, through all five functions; the numbers are those of the cases of the design."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.client import BaseClient

from cubic import cleaning, current_view, doorbells, moving
from cubic.loads import Found
from cubic.messages import SweepIncoming
from cubic.store import claiming, registering, sweeping
from ingestion.errors import Transient
from tests import cubic
from tests.fakes import client_error
from tests.incoming import ARCHIVE, CT, DATABASE, ERROR, INCOMING, JOB, LOAD1, RAW, SPRINGBOARD, Cubic, Killed, texts

if TYPE_CHECKING:
    from cubic.store.database import PostgreSql

TABLE, CHANGES = cubic.NAME, f"{cubic.NAME}__ct"
LOAD2 = LOAD1.replace("001", "002")
DMAP, DMAP_KEY = "cubic/dmap/agg_sample/", "cubic/dmap/agg_sample/20220304.csv"
ROWS = b"id,name\r\n1,a\r\n2,b\r\n"
INSERTED = b"header__change_oper,header__change_seq,id,name\r\nI,1,4,d\r\n"
[S0, S50] = texts(0, 50)


@pytest.fixture
def world(aws: str, database: PostgreSql) -> Cubic:
    made = Cubic(database)
    made.configure(cubic.PREFIX, "id")
    return made


def view(world: Cubic, name: str = f"{TABLE}__current") -> dict[str, Any]:
    """The view as Athena reads it from the catalog."""
    table = world.glue.get_table(DatabaseName=DATABASE, Name=name)["Table"]
    assert (table["TableType"], table["Parameters"]["presto_view"]) == ("VIRTUAL_VIEW", "true")
    text = table["ViewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */")
    return dict(json.loads(base64.b64decode(text)))


def test_case_1_a_load_goes_to_its_snapshot_and_to_the_archive(world: Cubic) -> None:
    world.upload(LOAD1)
    world.settle()
    assert world.loads() == [("LOAD001.csv.gz", "archived")]
    assert world.raw(TABLE) == {(S0, "LOAD001.csv.gz"): ROWS}
    assert (world.keys(INCOMING), world.keys(ERROR)) == ([], [])
    assert world.keys(ARCHIVE) == [f"cubic/ods_qlik/EDW.SAMPLE/snapshot={S0}/LOAD001.csv.gz"]
    assert (world.told(), world.errors) == ([], [])
    assert world.s3.head_object(Bucket=ARCHIVE, Key=world.keys(ARCHIVE)[0])["Metadata"]["load-id"] == "1"


def test_case_2_changes_go_to_the_same_snapshot_and_the_view_shows_it(world: Cubic) -> None:
    world.upload(LOAD1)
    world.upload(CT, INSERTED, 10)
    world.settle()
    world.sweep()
    world.settle()
    assert world.raw(CHANGES) == {(S0, "20220304-134556444.csv.gz"): INSERTED}
    shown = view(world)
    assert f"'{S0}'" in shown["originalSql"]
    assert [column["name"] for column in shown["columns"]] == ["id", "name"]
    assert (shown["schema"], shown["catalog"]) == (DATABASE, "awsdatacatalog")


UPLOADS = [
    (LOAD1, ROWS, 0),
    (CT, INSERTED, 10),
    (LOAD1, b"id,name\r\n9,z\r\n", 50),
    (CT.replace("444", "555"), INSERTED, 60),
]
ORDERS = [(0, 1, 2, 3), (1, 0, 3, 2), (3, 2, 1, 0), (3, 1, 0, 2), (2, 3, 1, 0)]


def goes_through(world: Cubic, order: Sequence[int]) -> Any:
    """The end after all events in an order, each of which is dealt with wholly before the next comes."""
    versions = [world.upload(key, body, at, event=False) for key, body, at in UPLOADS]
    for n in order:
        world.event(UPLOADS[n][0], versions[n])
        world.settle()
    for _ in range(2):  # the first finds what a late snapshot has reassigned
        world.sweep()
        world.settle()
    assert world.errors == []
    return world.end()


@pytest.mark.parametrize("order", [*ORDERS, ()], ids=[*map(str, ORDERS), "no event, sweep only"])
def test_case_3_the_order_of_events_does_not_change_the_end(world: Cubic, order: Sequence[int]) -> None:
    loads, buckets, raw = goes_through(world, order)
    assert [status for _, status in loads] == ["archived"] * 4
    assert raw[TABLE] == {(S0, "LOAD001.csv.gz"): ROWS, (S50, "LOAD001.csv.gz"): UPLOADS[2][1]}
    assert raw[CHANGES] == {
        (S0, "20220304-134556444.csv.gz"): INSERTED,
        (S50, "20220304-134556555.csv.gz"): INSERTED,
    }
    assert buckets == {
        INCOMING: [],
        ERROR: [],
        ARCHIVE: [
            f"cubic/ods_qlik/EDW.SAMPLE/snapshot={S0}/LOAD001.csv.gz",
            f"cubic/ods_qlik/EDW.SAMPLE/snapshot={S50}/LOAD001.csv.gz",
            f"cubic/ods_qlik/EDW.SAMPLE__ct/snapshot={S0}/20220304-134556444.csv.gz",
            f"cubic/ods_qlik/EDW.SAMPLE__ct/snapshot={S50}/20220304-134556555.csv.gz",
        ],
    }
    assert f"'{S50}'" in view(world)["originalSql"]
    assert world.told() == []


def test_case_3_a_snapshot_that_is_found_between_the_run_and_the_move_takes_the_rows_along(world: Cubic) -> None:
    world.upload(LOAD1)
    world.settle()
    world.upload(CT, INSERTED, 60)
    for name in ("register", "start", "finish"):
        world.round(name)
    world.upload(LOAD1, b"id,name\r\n9,z\r\n", 50)
    world.round("register")
    world.settle()
    assert world.raw(CHANGES) == {(S50, "20220304-134556444.csv.gz"): INSERTED}
    assert [world.object(ARCHIVE, key) for key in world.keys(ARCHIVE, cubic.CHANGES)] == [INSERTED]
    assert world.keys(ARCHIVE, cubic.CHANGES) == [f"{cubic.CHANGES}snapshot={S50}/20220304-134556444.csv.gz"]
    assert (world.told(), world.errors) == ([], [])


def test_case_5_a_file_that_is_overwritten_while_it_is_ingested_is_two_loads_with_rows_of_their_own(world: Cubic) -> None:
    world.upload(LOAD1)
    world.round("register")
    world.round("start")
    world.upload(LOAD1, b"id,name\r\n3,c\r\n", 50)
    assert world.loads() == [("LOAD001.csv.gz", "ingesting")]
    world.settle()
    assert world.loads() == [("LOAD001.csv.gz", "archived")] * 2
    assert world.raw(TABLE) == {(S0, "LOAD001.csv.gz"): ROWS, (S50, "LOAD001.csv.gz"): b"id,name\r\n3,c\r\n"}
    assert [world.object(ARCHIVE, key) for key in world.keys(ARCHIVE)] == [ROWS, b"id,name\r\n3,c\r\n"]


def test_case_6_a_file_without_a_snapshot_waits_and_goes_on_with_it(world: Cubic) -> None:
    world.upload(LOAD2, seconds=10)
    world.settle()
    assert world.loads() == [("LOAD002.csv.gz", "ready")]
    world.upload(LOAD1, seconds=0)
    world.settle()
    assert world.loads() == [("LOAD001.csv.gz", "archived"), ("LOAD002.csv.gz", "archived")]


def test_case_6_a_file_whose_snapshot_never_comes_is_refused_and_people_hear(world: Cubic) -> None:
    world.upload(LOAD2)
    world.settle()
    world.clock.sleep(25 * 3600)
    world.sweep()
    world.settle()
    assert world.loads() == [("LOAD002.csv.gz", "errored")]
    [told] = world.told()
    assert (told["error"], told["stage"]) == ("LoadRefused", "move_load")
    assert "no_snapshot" in told["reason"]
    assert world.keys(INCOMING) == []
    [kept] = world.keys(ERROR)
    assert kept.endswith("LOAD002.csv.gz")


def test_case_8_the_same_event_five_times_is_one_load(world: Cubic) -> None:
    version = world.upload(LOAD1)
    for _ in range(4):
        world.event(LOAD1, version)
    world.settle()
    world.event(LOAD1, version)
    world.settle()
    assert world.loads() == [("LOAD001.csv.gz", "archived")]
    assert world.errors == []


def test_case_8_the_same_changes_again_are_there_once(world: Cubic) -> None:
    world.upload(LOAD1)
    for at in (10, 20):
        world.upload(CT, INSERTED, at)
        world.settle()
    assert world.raw(CHANGES) == {(S0, "20220304-134556444.csv.gz"): INSERTED}
    assert [status for _, status in world.loads()] == ["archived"] * 3
    assert len(world.keys(ARCHIVE, "cubic/ods_qlik/EDW.SAMPLE__ct/")) == 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_case_12_of_a_day_that_is_published_twice_the_later_one_counts(world: Cubic, order: Sequence[int]) -> None:
    world.configure(DMAP)
    bodies = [b"a\r\n1\r\n2\r\n", b"a\r\n1\r\n2\r\n3\r\n"]
    versions = [world.upload(DMAP_KEY, body, at, event=False) for at, body in enumerate(bodies)]
    for n in order:
        world.event(DMAP_KEY, versions[n])
        world.settle()
    assert world.raw("cubic__dmap__agg_sample") == {("20220304.csv",): bodies[1]}
    assert sorted(world.object(ARCHIVE, key) for key in world.keys(ARCHIVE)) == bodies
    assert world.keys(INCOMING) == []


def test_case_19_an_empty_file_is_refused(world: Cubic) -> None:
    world.upload(LOAD1, b"")
    world.settle()
    assert world.loads() == [("LOAD001.csv.gz", "errored")]
    [told] = world.told()
    assert "empty_file" in told["reason"]
    assert f"s3://{ERROR}/" in told["reason"]


def test_case_19_files_of_a_table_that_is_not_configured_stay_until_it_is_and_people_hear_once(world: Cubic) -> None:
    world.upload(DMAP_KEY)
    world.upload(DMAP_KEY.replace("04", "05"), event=False)
    for _ in range(3):
        world.settle()
        world.sweep()
    world.settle()
    assert (world.loads(), len(world.keys(INCOMING))) == ([], 2)
    [told] = world.told()
    assert (told["error"], DMAP in told["reason"]) == ("UnknownFile", True)
    world.configure(DMAP)
    world.sweep()
    world.settle()
    assert [status for _, status in world.loads()] == ["archived"] * 2


def test_names_that_are_nobodys_stay_untouched_and_people_hear_once_of_a_kind(world: Cubic) -> None:
    for n in range(3):
        world.upload(f"{cubic.PREFIX}notes {n}.txt")
    world.upload(f"{cubic.PREFIX}other.txt", event=False)
    for _ in range(2):
        world.settle()
        world.sweep()
    world.settle()
    assert sorted(told["error"] for told in world.told()) == ["UnknownFile"] * 2
    assert len(world.keys(INCOMING)) == 4
    assert world.messages("dlq") == []


def test_a_description_is_kept_for_its_file_and_goes_with_it(world: Cubic) -> None:
    seen: list[Any] = []
    world.job = lambda load, _: (seen.append(load.description), (2, None))[1]  # type: ignore[func-returns-value]
    world.upload(LOAD1.replace(".csv.gz", ".dfm"), b'\xef\xbb\xbf{"dataInfo": {"columns": []}}')
    world.upload(LOAD1, seconds=1)
    world.settle()
    assert seen == [{"dataInfo": {"columns": []}}]
    assert (world.keys(INCOMING), len(world.keys(ARCHIVE))) == ([], 1)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"a": "\\u0000"}', b'{"a": "\\ud800"}', b'{"a": NaN}', b"\xff"])
def test_a_bad_description_stays_untouched_and_people_hear_once(world: Cubic, body: bytes) -> None:
    world.upload(LOAD1.replace(".csv.gz", ".dfm"), body)
    for _ in range(2):
        world.settle()
        world.sweep()
    world.settle()
    [told] = world.told()
    assert told["error"] == "BadDescription"
    assert (len(world.keys(INCOMING)), world.errors) == (1, [])


def test_a_version_that_is_gone_before_it_is_registered_needs_nobody(world: Cubic) -> None:
    version = world.upload(LOAD1, event=False)
    world.s3.delete_object(Bucket=INCOMING, Key=LOAD1, VersionId=version)
    world.event(LOAD1, version)
    world.upload(LOAD1, event=False)
    world.s3.delete_object(Bucket=INCOMING, Key=LOAD1)
    [mark] = world.s3.list_object_versions(Bucket=INCOMING)["DeleteMarkers"]
    world.event(LOAD1, mark["VersionId"])
    world.settle()
    assert (world.loads(), world.told(), world.errors, world.messages("dlq")) == ([], [], [], [])


def test_a_version_that_is_gone_before_its_copy_is_refused_and_others_go_on(world: Cubic) -> None:
    world.upload(LOAD1)
    gone = world.upload(LOAD2, seconds=1)
    world.round("register")
    world.s3.delete_object(Bucket=INCOMING, Key=LOAD2, VersionId=gone)
    world.settle()
    assert world.loads() == [("LOAD001.csv.gz", "archived"), ("LOAD002.csv.gz", "erroring")]
    for _ in range(2):
        world.sweep()
        world.settle()
    [told] = world.told()
    assert (told["error"], "LOAD002" in told["reason"]) == ("FileLost", True)


def test_an_overwritten_version_is_taken_by_the_sweep_although_its_event_was_lost(world: Cubic) -> None:
    world.upload(LOAD1, event=False)
    world.upload(LOAD1, b"id,name\r\n3,c\r\n", 50, event=False)
    world.s3.delete_object(Bucket=INCOMING, Key=LOAD1)
    world.sweep()
    world.settle()
    assert len(world.raw(TABLE)) == 2
    assert world.keys(INCOMING) == []


def test_a_sweep_that_time_runs_short_for_goes_on_where_it_stopped(world: Cubic, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(5):
        world.upload(LOAD1.replace("001", f"00{n + 1}"), seconds=n, event=False)
    monkeypatch.setattr(BaseClient, "_make_api_call", two_versions_at_a_time)
    world.sweep()
    sweeps = 0
    while messages := world.messages("sweep"):
        for message in messages:
            assert world.handle("sweep", message, seconds_left=5)
            sweeps += 1
    assert sweeps == 3
    monkeypatch.undo()
    world.settle()
    assert [status for _, status in world.loads()] == ["archived"] * 5


_CALL = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001


def two_versions_at_a_time(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
    return _CALL(client, operation, parameters | ({"MaxKeys": 2} if operation == "ListObjectVersions" else {}))


def test_where_glue_takes_no_more_runs_the_message_waits_and_goes_on_with_what_it_claimed(
    world: Cubic,
) -> None:
    world.upload(LOAD1)
    world.round("register")
    busy = client_error("ConcurrentRunsExceededException", "StartJobRun")
    with world.refusing("StartJobRun", busy):
        world.round("start")
        world.round("start")
    [batch] = [key.split("/")[1] for key in world.keys(SPRINGBOARD) if key.endswith("batch.json")]
    world.clock.sleep(claiming.LEASE.total_seconds())
    world.sweep()
    world.settle()
    assert world.loads() == [("LOAD001.csv.gz", "archived")]
    assert world.ran == {batch}
    assert world.told() == []


@pytest.mark.parametrize("deaths", [1, 2, 3])
def test_a_run_that_dies_is_tried_again_and_three_deaths_are_enough(world: Cubic, deaths: int) -> None:
    world.dies = deaths
    world.upload(LOAD1)
    world.settle()
    assert world.loads() == [("LOAD001.csv.gz", "errored" if deaths == 3 else "archived")]
    assert [told["error"] for told in world.told()] == (["LoadRefused"] if deaths == 3 else [])


def test_a_run_that_dies_after_its_commit_has_ingested_the_load(world: Cubic) -> None:
    world.dies_late = 3
    world.upload(LOAD1)
    world.settle()
    assert world.loads() == [("LOAD001.csv.gz", "archived")]
    assert len(world.ran) == 1
    assert world.told() == []


@pytest.mark.parametrize("state", ["RUNNING", "A STATE OF NEXT YEAR"])
def test_a_run_that_goes_on_is_looked_at_again_and_a_sweep_makes_no_more_messages_of_it(world: Cubic, state: str) -> None:
    world.upload(LOAD1)
    world.round("register")
    world.round("start")
    with world.run_state(state):
        for _ in range(3):
            world.sweep()
            world.round("sweep")
            world.round("finish")
        [waiting] = world.messages("finish")
        assert json.loads(waiting["Body"])["poll"]["attempt"] > 1
        assert world.loads() == [("LOAD001.csv.gz", "ingesting")]
    assert world.handle("finish", waiting)
    world.settle()
    assert world.loads() == [("LOAD001.csv.gz", "archived")]


def test_the_event_of_a_run_is_enough(world: Cubic) -> None:
    world.upload(LOAD1)
    world.round("register")
    world.round("start")
    for message in world.messages("finish"):
        world.sqs.delete_message(QueueUrl=world.queues["finish"], ReceiptHandle=message["ReceiptHandle"])
    [run] = world.glue.get_job_runs(JobName=JOB)["JobRuns"]
    detail = {"jobName": JOB, "jobRunId": run["Id"], "state": "SUCCEEDED"}
    world.send("finish", json.dumps({"source": "aws.glue", "detail-type": "Glue Job State Change", "detail": detail}))
    world.settle()
    assert world.loads() == [("LOAD001.csv.gz", "archived")]


def test_a_run_that_glue_has_forgotten_is_a_dead_one(world: Cubic) -> None:
    world.dies = 1
    world.upload(LOAD1)
    world.round("register")
    world.round("start")
    with world.refusing("GetJobRun", client_error("EntityNotFoundException", "GetJobRun")):
        world.round("finish")
    assert world.loads() == [("LOAD001.csv.gz", "ready")]
    world.settle()
    assert world.loads() == [("LOAD001.csv.gz", "archived")]


def test_five_refusals_in_a_row_pause_the_table_and_people_hear_of_each_and_of_that(world: Cubic) -> None:
    world.upload(LOAD1)
    for n in range(7):
        world.upload(CT.replace("444", f"44{n}"), b"ragged\r\n", n + 1)
        world.settle()
    world.sweep()
    world.settle()
    errors = [told["error"] for told in world.told()]
    assert sorted(errors) == ["LoadRefused"] * 5 + ["TablePaused"]
    assert [status for _, status in world.loads()] == ["archived"] + ["errored"] * 5 + ["ready"] * 2


def test_a_key_column_that_is_not_there_is_told_once_and_stops_nothing(world: Cubic) -> None:
    world.configure(cubic.PREFIX, "number")
    world.upload(LOAD1)
    for _ in range(3):
        world.settle()
        world.sweep()
    world.settle()
    [told] = world.told()
    assert (told["error"], "number" in told["reason"]) == ("BadConfiguration", True)
    assert world.loads() == [("LOAD001.csv.gz", "archived")]


def test_where_the_time_is_short_a_sweep_leaves_views_to_the_next_ones_and_each_has_its_turn(
    world: Cubic, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        world.configure(f"cubic/ods_qlik/EDW.T{number}/", "id")
    seen: list[list[str]] = []
    monkeypatch.setattr(current_view, "refresh", lambda _glue, _database, table, _snapshot: seen[-1].append(table.name))
    for _ in range(6):
        seen.append([])
        world.consumers["sweep"].take(SweepIncoming().model_dump_json(), lambda: 900 if len(seen[-1]) < 2 else 5)
        world.clock.sleep(15 * 60)
    assert [len(some) for some in seen] == [2] * 6
    assert len({table for some in seen for table in some}) == 6


def test_a_new_column_comes_into_the_view_with_the_next_sweep(world: Cubic) -> None:
    world.upload(LOAD1)
    world.settle()
    world.sweep()
    world.settle()
    table = world.glue.get_table(DatabaseName=DATABASE, Name=TABLE)["Table"]
    storage: Any = table["StorageDescriptor"] | {
        "Columns": [{"Name": name, "Type": "string"} for name in ("id", "name", "new")]
    }
    world.glue.update_table(DatabaseName=DATABASE, TableInput={"Name": TABLE, "StorageDescriptor": storage})
    world.sweep()
    world.settle()
    assert [column["name"] for column in view(world)["columns"]] == ["id", "name", "new"]


def test_what_no_partition_names_is_deleted_some_days_later_and_what_one_names_stays(
    world: Cubic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaning, "KEPT", timedelta(days=3) - timedelta(days=365 * 50))  # moto's times are the machine's
    world.upload(LOAD1)
    world.upload(CT, INSERTED, 10)
    world.settle()
    world.upload(CT, INSERTED + b"U,2,4,e\r\n", 20)
    world.settle()
    dead = f"cubic/ods_qlik/EDW.SAMPLE/snapshot={S0}/identifier=LOAD001.csv.gz/run=jr_dead/part-0.parquet"
    world.s3.put_object(Bucket=RAW, Key=dead, Body=b"half")
    before = world.raw(TABLE), world.raw(CHANGES)
    assert len(world.keys(RAW)) == 4
    world.sweep()
    world.settle()
    assert len(world.keys(RAW)) == 2
    assert world.keys(SPRINGBOARD) == []
    assert (world.raw(TABLE), world.raw(CHANGES)) == before


def test_the_copies_of_ended_batches_go_at_once_those_of_others_and_young_folders_stay(world: Cubic) -> None:
    world.upload(LOAD1)
    world.settle()
    world.clock.time = world.s3.list_objects_v2(Bucket=SPRINGBOARD)["Contents"][0]["LastModified"]
    dead = f"cubic/ods_qlik/EDW.SAMPLE/snapshot={S0}/identifier=LOAD001.csv.gz/run=jr_dead/part-0.parquet"
    world.s3.put_object(Bucket=RAW, Key=dead, Body=b"half")
    world.upload(CT, INSERTED, 10)
    world.round("register")
    world.round("start")
    world.sweep()
    world.round("sweep")
    assert dead in world.keys(RAW)
    names = sorted(key.rsplit("/", 1)[1] for key in world.keys(SPRINGBOARD))
    assert names == ["2", "batch.json", "batch.json", "result.json", "result.json"]


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
def test_a_move_that_is_killed_at_any_call_is_done_when_it_is_repeated(world: Cubic, after: bool) -> None:
    """Each call with another file, until there is no call of that number."""
    version = world.upload(LOAD1, event=False)
    registering.register(world.db, Found(LOAD1, version, cubic.START, len(ROWS), "etag"), cubic.START)
    for n in range(40):
        key = CT.replace("444", f"{n:03}")
        version = world.upload(key, INSERTED, n, event=False)
        described = world.upload(key.replace(".csv.gz", ".dfm"), b"{}", n, event=False)
        found = Found(key, version, cubic.after(n), len(INSERTED), "etag")
        registering.describe(world.db, Found(key.replace(".csv.gz", ".dfm"), described, cubic.after(n), 2, "etag"), {})
        registering.register(world.db, found, cubic.after(n))
        load = cubic.ingest(world.db, cubic.after(n))[-1]
        message = doorbells.move(load, cubic.START)
        # s3.copy copies in a thread of its own, which ends alone.
        with world.killed_at(n, after=after) as faults, suppress(Killed, Transient):
            world.take("move", message)
        world.take("move", message)
        assert world.told() == [], faults.calls[n]
        if len(faults.calls) <= n:
            break
    assert n > 8
    assert [key for key in world.keys(INCOMING) if key != LOAD1] == []
    assert {status for _, status in world.loads()[1:]} == {"archived"}
    assert [world.object(ARCHIVE, key) for key in world.keys(ARCHIVE)] == [INSERTED] * (n + 1)
    assert world.told() == []


@pytest.mark.parametrize("after", [False, True], ids=["before its effect", "after its effect"])
def test_a_start_that_is_killed_at_any_call_leaves_one_run_when_it_is_repeated(world: Cubic, after: bool) -> None:
    for n in range(40):
        key = LOAD1.replace("001", f"{n + 1:03}")
        found = Found(key, world.upload(key, ROWS, n, event=False), cubic.after(n), len(ROWS), "etag")
        registering.register(world.db, found, cubic.after(n))
        message = doorbells.start(TABLE, cubic.START)
        with world.killed_at(n, after=after) as faults, suppress(Killed):
            world.take("start", message)
        world.clock.sleep(claiming.LEASE.total_seconds())
        world.take("start", message)
        world.run_job()
        assert len(world.glue.get_job_runs(JobName=JOB)["JobRuns"]) == n + 1
        [open_] = sweeping.undone(world.db, world.clock.now()).finish
        world.take("finish", doorbells.finish(open_, cubic.START))
        if len(faults.calls) <= n:
            break
    assert n > 8
    assert set(world.raw(TABLE).values()) == {ROWS}
    assert len(world.raw(TABLE)) == n + 1
    assert {status for _, status in world.loads()} == {"ready_for_archiving"}


@pytest.mark.parametrize("name", ["register", "finish"])
def test_a_function_that_is_killed_at_any_call_leaves_nothing_behind_for_good(world: Cubic, name: str) -> None:
    for n in range(40):
        key = LOAD1.replace("001", f"{n + 1:03}")
        world.upload(key, ROWS, n)
        if name == "finish":
            world.round("register")
            world.round("start")
        with world.killed_at(n, after=bool(n % 2)) as faults:
            world.round(name)
        if len(faults.calls) <= n:
            break
    for _ in range(2):
        world.settle()
        world.sweep()
    world.settle()
    assert n > 2
    assert world.loads() == [(f"LOAD{k + 1:03}.csv.gz", "archived") for k in range(n + 1)]
    assert (world.keys(INCOMING), world.told()) == ([], [])


def test_a_sweep_that_is_killed_at_any_call_leaves_the_same_end(world: Cubic) -> None:
    world.upload(LOAD1)
    world.settle()
    world.upload(LOAD2, seconds=1, event=False)
    world.upload(CT, INSERTED, 2, event=False)
    for n in range(60):
        world.sweep()
        with world.killed_at(n, after=bool(n % 2)) as faults:
            world.round("sweep")
        if len(faults.calls) <= n:
            break
    world.settle()
    assert n > 10
    assert [status for _, status in world.loads()] == ["archived"] * 3
    assert (world.keys(INCOMING), world.told()) == ([], [])


def test_two_moves_of_one_load_at_once_end_it_once(world: Cubic) -> None:
    version = world.upload(LOAD1, event=False)
    registering.register(world.db, Found(LOAD1, version, cubic.START, len(ROWS), "etag"), cubic.START)
    [load] = cubic.ingest(world.db, cubic.START)
    message = doorbells.move(load, cubic.START)
    with world.meanwhile("CopyObject", lambda: world.take("move", message)):
        world.take("move", message)
    assert (world.keys(INCOMING), len(world.keys(ARCHIVE)), world.told()) == ([], 1, [])
    assert world.loads() == [("LOAD001.csv.gz", "archived")]


def test_a_foreign_object_at_the_reserved_key_is_not_overwritten(world: Cubic) -> None:
    kept = f"cubic/ods_qlik/EDW.SAMPLE/snapshot={S0}/LOAD001.csv.gz"
    world.s3.put_object(Bucket=ARCHIVE, Key=kept, Body=b"foreign")
    world.upload(LOAD1)
    world.settle()
    [told] = world.told()
    assert (told["error"], world.object(ARCHIVE, kept)) == ("CopyMismatch", b"foreign")
    assert world.keys(INCOMING) == [LOAD1]


def test_a_large_file_is_archived_by_parts(world: Cubic, monkeypatch: pytest.MonkeyPatch) -> None:
    # 12 MiB stand for 5 GB: moto keeps objects in memory.
    monkeypatch.setattr(moving, "TRANSFER", TransferConfig(multipart_threshold=1 << 20, multipart_chunksize=5 << 20))
    world.upload(LOAD1, b"id\r\n" + b"x" * (12 << 20))
    world.settle()
    [kept] = world.keys(ARCHIVE)
    head = world.s3.head_object(Bucket=ARCHIVE, Key=kept)
    assert head["ETag"].strip('"').endswith("-3")
    assert (head["Metadata"]["load-id"], world.keys(INCOMING)) == ("1", [])
