from __future__ import annotations

from datetime import timedelta

from cubic.loads import LoadStatus
from cubic.store import claiming, finishing, moving, registering, sweeping
from cubic.store.database import Database
from tests.cubic import CHANGES, NAME, PREFIX, after, begun, configure, found, ingest, move, register, snapshots, status


def test_case_4_a_full_load_and_changes_of_one_second_are_both_registered(database: Database) -> None:
    configure(database)
    loads = [
        register(database, f"{PREFIX}LOAD001.csv.gz", 0),
        register(database, f"{CHANGES}20220304-134556000.csv.gz", 0),
        register(database, f"{PREFIX}LOAD002.csv.gz", 100),
        register(database, f"{CHANGES}20220304-134600000.csv.gz", 4),
    ]
    assert snapshots(database) == dict.fromkeys(loads, after(0))


def test_case_5_a_first_file_overwritten_while_it_is_ingested_begins_a_second_snapshot(database: Database) -> None:
    configure(database)
    first = register(database, f"{PREFIX}LOAD001.csv.gz", 0)
    batch = claiming.claim(database, NAME, after(1))
    assert batch is not None
    second = register(database, f"{PREFIX}LOAD001.csv.gz", 10)
    assert claiming.claim(database, NAME, after(11)) is None
    finishing.finish(database, batch.id, {}, after(12))
    assert ingest(database, after(13)) == [first, second]
    for load in (first, second):
        move(database, load, after(14))
    assert [status(database, load) for load in (first, second)] == ["archived", "archived"]
    assert snapshots(database) == {first: after(0), second: after(10)}


def test_case_6_a_later_file_waits_for_the_first_then_goes_on(database: Database) -> None:
    configure(database)
    registration = registering.register(database, found(f"{PREFIX}LOAD002.csv.gz", 5), after(6))
    assert registration is not None
    assert registration.waiting
    assert claiming.claim(database, NAME, after(7)) is None
    register(database, f"{PREFIX}LOAD001.csv.gz", 0)
    assert snapshots(database)[registration.load_id] == after(0)
    assert registration.load_id in ingest(database, after(8))


def test_case_6_after_the_budget_a_file_without_a_snapshot_is_errored(database: Database) -> None:
    configure(database)
    load = register(database, f"{PREFIX}LOAD002.csv.gz", 0)
    assert sweeping.give_up_waiting(database, after(24 * 3600 - 1)) == []
    [given_up] = sweeping.give_up_waiting(database, after(24 * 3600))
    assert (given_up.load_id, given_up.s3_key) == (load, f"{PREFIX}LOAD002.csv.gz")
    move(database, load, after(24 * 3600))
    assert status(database, load) == "errored"


def test_a_version_that_has_waited_in_vain_gives_its_place_back_to_the_newer_one_that_is_there(database: Database) -> None:
    configure(database)
    register(database, f"{PREFIX}LOAD001.csv.gz", 0)
    newer = register(database, f"{PREFIX}LOAD002.csv.gz", 20)
    for load in ingest(database, after(30)):
        move(database, load, after(30))
    older = register(database, f"{PREFIX}LOAD002.csv.gz", 10)  # its event was late; the newer one waits for a next snapshot
    assert snapshots(database).get(newer) is None
    [given_up] = sweeping.give_up_waiting(database, after(10 + 24 * 3600))
    assert given_up.load_id == older
    assert snapshots(database)[newer] == after(0)
    move(database, older, after(10 + 24 * 3600))
    sweeping.settle(database, after(10 + 24 * 3600))
    with database.transaction() as cursor:
        [settled] = cursor.execute("SELECT settled_at FROM cubic_table_ods_snapshots").fetchall()
    assert settled["settled_at"] is not None


def test_how_long_a_file_waits_for_its_snapshot_is_configured_and_told(database: Database) -> None:
    configure(database)
    load = register(database, f"{PREFIX}LOAD002.csv.gz", 0)
    assert sweeping.give_up_waiting(database, after(3599), timedelta(hours=1)) == []
    assert [it.load_id for it in sweeping.give_up_waiting(database, after(3600), timedelta(hours=1))] == [load]
    move = moving.begin(database, load)
    assert move is not None
    assert move.reason is not None
    assert "For 1 hours " in move.reason


def test_case_7_600_full_load_files_and_600_of_changes_are_1200_loads(database: Database) -> None:
    configure(database)
    files = [found(f"{PREFIX}LOAD{n:08d}.csv.gz", n) for n in range(1, 601)]
    files += [found(f"{CHANGES}20220304-{n:09d}.csv.gz", n) for n in range(1, 601)]
    assert registering.unregistered(database, files) == files
    for file in files:
        registering.register(database, file, after(1000))
    assert registering.unregistered(database, files) == []
    assert len(set(ingest(database, after(1001)))) == 1200


def test_case_8_the_same_event_five_times_is_one_load(database: Database) -> None:
    configure(database)
    once = [registering.register(database, found(f"{PREFIX}LOAD001.csv.gz"), after(1)) for _ in range(5)]
    assert {one.load_id for one in once if one} == {1}
    assert [one.new for one in once if one] == [True, False, False, False, False]
    assert begun(database) == [after(0)]


def test_a_file_of_a_prefix_that_is_not_configured_is_no_load(database: Database) -> None:
    file = found("cubic/kafka/sample/vytxeTZskVKR7C7WgdSP3d.json")
    assert registering.register(database, file, after(0)) is None
    configure(database, "cubic/kafka/sample/")
    registration = registering.register(database, file, after(0))
    assert registration is not None
    assert not registration.waiting


def test_an_empty_file_is_refused_and_begins_its_snapshot_all_the_same(database: Database) -> None:
    configure(database)
    registration = registering.register(database, found(f"{PREFIX}LOAD001.csv", size=0), after(0))
    assert registration is not None
    assert registration.status is LoadStatus.READY_FOR_ERRORING
    assert begun(database) == [after(0)]
    going = moving.begin(database, registration.load_id)
    assert going is not None
    assert going.outcome is moving.Outcome.ERROR


def test_a_description_is_kept_once_and_known(database: Database) -> None:
    file = found(f"{PREFIX}LOAD001.dfm")
    assert not registering.describe(database, file, {})
    configure(database)
    assert registering.unregistered(database, [file]) == [file]
    assert registering.describe(database, file, {"a": 1})
    assert registering.describe(database, file, {"a": 1})
    assert registering.unregistered(database, [file]) == []


def test_a_person_is_told_of_a_subject_once(database: Database) -> None:
    assert registering.first_told(database, "prefix cubic/dmap/x/")
    assert registering.first_told(database, "prefix cubic/dmap/x/")
    registering.told(database, "prefix cubic/dmap/x/")
    registering.told(database, "prefix cubic/dmap/x/")
    assert not registering.first_told(database, "prefix cubic/dmap/x/")


def test_people_are_told_again_after_some_time_where_it_is_to_be_so(database: Database) -> None:
    registering.told(database, "stream")
    assert not registering.first_told(database, "stream", again_after=timedelta(hours=6))
    for _ in range(2):
        with database.transaction() as cursor:
            cursor.execute("UPDATE cubic_told SET told_at = told_at - INTERVAL '6 hours'")
        assert registering.first_told(database, "stream", again_after=timedelta(hours=6))
        registering.told(database, "stream")
        assert not registering.first_told(database, "stream", again_after=timedelta(hours=6))
