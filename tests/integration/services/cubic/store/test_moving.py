from __future__ import annotations

import pytest

from cubic.loads import Ingested, Reason, ReasonCode, Refused
from cubic.store import claiming, finishing, moving, registering, sweeping
from cubic.store.database import Database
from cubic.store.moving import Move, Outcome, Version
from tests.cubic import CHANGES, NAME, PREFIX, after, configure, found, ingest, move, register, status

RAGGED = Refused(Reason(ReasonCode.RAGGED_ROW, "Row 7 has 4 fields and the header 3; have it written again."))


def begin(db: Database, load: int) -> Move:
    going = moving.begin(db, load)
    assert going is not None
    return going


def refuse(db: Database, load: int) -> None:
    batch = claiming.claim(db, NAME, after(0))
    assert batch is not None
    outcomes = {one.load_id: RAGGED if one.load_id == load else Ingested(1) for one in batch.loads}
    finishing.finish(db, batch.id, outcomes, after(0))


def test_a_move_begun_again_is_the_same_and_goes_on_where_it_was(database: Database) -> None:
    configure(database)
    load = register(database, f"{PREFIX}LOAD001.csv.gz")
    assert moving.begin(database, load) is None
    ingest(database, after(1))
    going = begin(database, load)
    assert begin(database, load) == going
    assert going.kept_key == f"{PREFIX}snapshot=20220304T134556Z/LOAD001.csv.gz"
    assert going.source == Version(f"{PREFIX}LOAD001.csv.gz", "v0")
    assert (going.outcome, going.kept, going.refile) == (Outcome.ARCHIVE, None, False)
    for _ in range(2):
        moving.kept(database, going, "version in the archive")
    assert begin(database, load).kept == Version(going.kept_key, "version in the archive")
    assert status(database, load) == "archiving"
    for _ in range(2):
        moving.ended(database, going, after(2))
    assert status(database, load) == "archived"
    assert moving.begin(database, load) is None
    moving.kept(database, going, "too late")
    with database.transaction() as cursor:
        cursor.execute("SELECT kept_version FROM cubic_loads")
        assert cursor.fetchall() == [{"kept_version": "version in the archive"}]


def test_a_refused_load_goes_to_the_error_bucket(database: Database) -> None:
    configure(database)
    load = register(database, f"{PREFIX}LOAD001.csv.gz")
    refuse(database, load)
    going = begin(database, load)
    assert going.outcome is Outcome.ERROR
    moving.kept(database, going, "version in the error bucket")
    moving.ended(database, going, after(1))
    assert status(database, load) == "errored"
    assert moving.begin(database, load) is None


def test_a_load_that_is_not_there_does_not_move(database: Database) -> None:
    assert moving.begin(database, 7) is None


def test_a_second_version_of_changes_is_kept_beside_the_first(database: Database) -> None:
    configure(database)
    register(database, f"{PREFIX}LOAD001.csv")
    loads = [register(database, f"{CHANGES}20220304-134556444.csv", seconds) for seconds in (1, 2, 3)]
    ingest(database, after(4))
    kept = [begin(database, load).kept_key for load in loads]
    folder = f"{CHANGES}snapshot=20220304T134556Z/"
    assert kept == [f"{folder}{part}20220304-134556444.csv" for part in ("", f"load={loads[1]}/", f"load={loads[2]}/")]


def test_the_archive_and_the_error_bucket_keep_their_keys_apart(database: Database) -> None:
    configure(database, "cubic/dmap/agg_sample/")
    key = "cubic/dmap/agg_sample/20220304.csv"
    register(database, key, 0, size=0)
    register(database, key, 1)
    ingest(database, after(2), "cubic__dmap__agg_sample")
    assert [begin(database, load).kept_key for load in (1, 2)] == [key, key]


def test_the_descriptions_of_a_version_go_with_it(database: Database) -> None:
    configure(database)
    loads = [register(database, f"{PREFIX}LOAD001.csv", seconds) for seconds in (0, 100)]
    for seconds in (1, 2, 99):
        registering.describe(database, found(f"{PREFIX}LOAD001.dfm", seconds), {})
    ingest(database, after(101))
    assert [[one.version for one in begin(database, load).descriptions] for load in loads] == [["v1", "v2"], ["v99"]]


@pytest.mark.parametrize("outcome", Outcome)
def test_a_description_that_comes_after_the_move_of_its_file_is_moved_away_too(database: Database, outcome: Outcome) -> None:
    configure(database)
    load = register(database, f"{PREFIX}LOAD001.csv", size=int(outcome is Outcome.ARCHIVE))
    ingest(database, after(1))
    move(database, load, after(2))
    assert moving.begin(database, load) is None
    registering.describe(database, found(f"{PREFIX}LOAD001.dfm", 3), {})
    register(database, f"{PREFIX}LOAD001.csv", 100)
    registering.describe(database, found(f"{PREFIX}LOAD001.dfm", 101), {})
    assert sweeping.undone(database, after(102)).move == (load,)
    going = begin(database, load)
    assert [one.version for one in going.descriptions] == ["v3"]
    assert going.outcome is outcome
    assert going.kept is not None
    assert going.kept.key == going.kept_key
    moving.kept(database, going, going.kept.version)
    assert moving.ended(database, going, after(103)) is None
    assert moving.begin(database, load) is None
    assert sweeping.undone(database, after(104)).move == ()


def test_a_beginning_found_late_has_what_is_archived_made_good(database: Database) -> None:
    configure(database)
    register(database, f"{PREFIX}LOAD001.csv", 0)
    load = register(database, f"{PREFIX}LOAD002.csv", 20)
    ingest(database, after(21))
    move(database, load, after(22))
    late = register(database, f"{PREFIX}LOAD001.csv", 10)
    assert sweeping.undone(database, after(23)).move == (1, load)
    going = begin(database, load)
    assert going == begin(database, load)
    assert going.refile
    assert (going.snapshot, going.raw_snapshot) == (after(10), after(0))
    assert going.kept == Version(f"{PREFIX}snapshot=20220304T134556Z/LOAD002.csv", going.kept.version if going.kept else "")
    assert going.kept_key == f"{PREFIX}snapshot=20220304T134606Z/LOAD002.csv"
    for _ in range(2):
        moving.refiled(database, going, "new version")
    assert moving.begin(database, load) is None
    assert status(database, load) == "archived"
    ingest(database, after(24))
    assert sweeping.undone(database, after(25)).move == (1, late)


def test_a_snapshot_that_changes_while_a_load_is_ingested_is_made_good_after_its_move(database: Database) -> None:
    configure(database)
    register(database, f"{PREFIX}LOAD001.csv", 0)
    load = register(database, f"{PREFIX}LOAD002.csv", 20)
    batch = claiming.claim(database, NAME, after(21))
    assert batch is not None
    register(database, f"{PREFIX}LOAD001.csv", 10)
    # The run dies: the next one writes to the same folder, which may hold a partition of the first.
    finishing.finish(database, batch.id, {1: Ingested(1)}, after(22))
    batch = claiming.claim(database, NAME, after(23))
    while batch and load not in [one.load_id for one in batch.loads]:
        finishing.finish(database, batch.id, {one.load_id: Ingested(1) for one in batch.loads}, after(23))
        batch = claiming.claim(database, NAME, after(23))
    assert batch is not None
    assert [one.snapshot for one in batch.loads] == [after(0)]
    finishing.finish(database, batch.id, {load: Ingested(1)}, after(24))
    going = begin(database, load)
    assert not going.refile
    assert going.kept_key == f"{PREFIX}snapshot=20220304T134606Z/LOAD002.csv"
    moving.kept(database, going, "v")
    moving.ended(database, going, after(25))
    going = begin(database, load)
    assert going.refile
    assert going.kept == Version(going.kept_key, "v")
    moving.refiled(database, going, "v")
    assert moving.begin(database, load) is None


def test_a_key_stays_reserved_while_the_copy_to_it_may_be_on_its_way(database: Database) -> None:
    configure(database)
    register(database, f"{PREFIX}LOAD001.csv", 0)
    load = register(database, f"{PREFIX}LOAD002.csv", 20)
    ingest(database, after(21))
    going = begin(database, load)
    register(database, f"{PREFIX}LOAD001.csv", 10)
    again = begin(database, load)
    assert again.kept_key == going.kept_key
    moving.kept(database, again, "v")
    moving.ended(database, again, after(22))
    assert begin(database, load).refile


def test_two_refiled_files_do_not_take_one_key(database: Database) -> None:
    configure(database)
    register(database, f"{PREFIX}LOAD001.csv", 0)
    loads = [register(database, f"{CHANGES}20220304-134556444.csv", seconds) for seconds in (20, 30)]
    ingest(database, after(31))
    for load in loads:
        move(database, load, after(32))
    register(database, f"{PREFIX}LOAD001.csv", 10)
    one, other = (begin(database, load) for load in loads)
    assert one.kept_key != other.kept_key
    for going in (other, one):
        moving.refiled(database, going, "new version")
    assert [moving.begin(database, load) for load in loads] == [None, None]


@pytest.mark.parametrize("times", [1, 2])
def test_moves_that_nobody_ended_are_found_again(database: Database, times: int) -> None:
    configure(database)
    load = register(database, f"{PREFIX}LOAD001.csv", 0)
    ingest(database, after(1))
    for _ in range(times):
        assert sweeping.undone(database, after(2)).move == (load,)
        begin(database, load)
    move(database, load, after(3))
    assert sweeping.undone(database, after(4)).move == ()


def test_two_refused_files_do_not_take_one_key(database: Database) -> None:
    configure(database)
    first, second = (register(database, f"{CHANGES}20220304-134606000.csv", n, size=0) for n in (0, 1))
    for load in (first, second):
        move(database, load, after(2))
    assert [status(database, load) for load in (first, second)] == ["errored", "errored"]
