from __future__ import annotations

from datetime import timedelta

from cubic.loads import Ingested, Reason, ReasonCode, Refused
from cubic.store import claiming, finishing, moving, sweeping
from cubic.store.database import Database
from tests.cubic import CHANGES, NAME, PREFIX, after, configure, ingest, move, register

HOURS = timedelta(hours=6).total_seconds()


def archive(db: Database, *names: str, seconds: float = 0) -> list[int]:
    loads = [register(db, PREFIX + name, seconds + n) for n, name in enumerate(names)]
    for load in ingest(db, after(seconds)):
        move(db, load, after(seconds))
    return loads


def test_a_full_load_settles_once_changes_have_come(database: Database) -> None:
    configure(database)
    archive(database, "LOAD001.csv", "LOAD002.csv")
    assert sweeping.settle(database, after(10)) == []
    register(database, f"{CHANGES}20220304-134606000.csv", 10)
    assert sweeping.settle(database, after(11)) == [NAME]
    assert sweeping.settle(database, after(12)) == []


def test_a_full_load_settles_after_six_hours_without_changes(database: Database) -> None:
    configure(database)
    archive(database, "LOAD001.csv", "LOAD002.csv")
    assert sweeping.settle(database, after(HOURS)) == []
    assert sweeping.settle(database, after(HOURS + 1)) == [NAME]


def test_how_long_a_full_load_waits_for_changes_is_configured(database: Database) -> None:
    configure(database)
    archive(database, "LOAD001.csv")
    assert sweeping.settle(database, after(9), timedelta(seconds=10)) == []
    assert sweeping.settle(database, after(10), timedelta(seconds=10)) == [NAME]


def test_a_full_load_with_a_gap_or_a_file_on_its_way_does_not_settle(database: Database) -> None:
    configure(database)
    archive(database, "LOAD001.csv", "LOAD003.csv")
    register(database, f"{CHANGES}20220304-134606000.csv", 10)
    assert sweeping.settle(database, after(HOURS * 2)) == []
    missing = register(database, f"{PREFIX}LOAD002.csv", 11)
    assert sweeping.settle(database, after(HOURS * 2)) == []
    ingest(database, after(12))
    going = moving.begin(database, missing)
    assert going is not None
    moving.kept(database, going, "v")
    assert moving.ended(database, going, after(13)) == NAME
    assert moving.ended(database, going, after(13)) is None


def test_case_18_hexadecimal_and_decimal_numbers_both_settle(database: Database) -> None:
    for table, names in {
        "HEX": [f"{n:08X}" for n in range(1, 11)],
        "DEC": [f"{n:08d}" for n in range(1, 11)],
    }.items():
        prefix = f"cubic/ods_qlik/{table}/"
        configure(database, prefix)
        for n, name in enumerate(names):
            register(database, f"{prefix}LOAD{name}.csv.gz", n)
        for load in ingest(database, after(20), f"cubic__ods_qlik__{table.lower()}"):
            move(database, load, after(20))
    assert sweeping.settle(database, after(HOURS * 2)) == ["cubic__ods_qlik__dec", "cubic__ods_qlik__hex"]


def test_the_newest_counts_until_one_is_settled_and_then_the_latest_settled(database: Database) -> None:
    configure(database)
    assert sweeping.current(database, NAME) is None
    archive(database, "LOAD001.csv")
    assert sweeping.current(database, NAME) == after(0)
    register(database, f"{PREFIX}LOAD001.csv", 100)
    assert sweeping.current(database, NAME) == after(100)
    assert sweeping.settle(database, after(HOURS * 2)) == [NAME]
    assert sweeping.current(database, NAME) == after(0)
    for load in ingest(database, after(101)):
        move(database, load, after(102))
    assert sweeping.settle(database, after(HOURS * 2)) == [NAME]
    assert sweeping.current(database, NAME) == after(100)


def test_an_earlier_snapshot_never_settles_after_a_later_one(database: Database) -> None:
    configure(database)
    archive(database, "LOAD001.csv", "LOAD003.csv")
    archive(database, "LOAD001.csv", seconds=100)
    assert sweeping.settle(database, after(HOURS * 2)) == [NAME]
    late = register(database, f"{PREFIX}LOAD002.csv", 50)
    ingest(database, after(HOURS * 2))
    move(database, late, after(HOURS * 2))
    assert sweeping.settle(database, after(HOURS * 2)) == []
    assert sweeping.current(database, NAME) == after(100)


def test_a_refused_file_counts_once_another_version_of_it_is_archived(database: Database) -> None:
    configure(database)
    archive(database, "LOAD001.csv")
    refused = register(database, f"{PREFIX}LOAD002.csv", 1)
    batch = claiming.claim(database, NAME, after(2))
    assert batch is not None
    finishing.finish(database, batch.id, {refused: Refused(Reason(ReasonCode.CUT_GZIP, "It ends early."))}, after(3))
    move(database, refused, after(4))
    assert sweeping.settle(database, after(HOURS * 2)) == []
    archive(database, "LOAD002.csv", seconds=5)
    assert sweeping.settle(database, after(HOURS * 2)) == [NAME]


def test_a_beginning_found_late_has_the_snapshot_that_it_took_files_of_settle_again(database: Database) -> None:
    configure(database)
    archive(database, "LOAD001.csv")
    archive(database, "LOAD002.csv", seconds=20)
    assert sweeping.settle(database, after(HOURS * 2)) == [NAME]
    late = register(database, f"{PREFIX}LOAD001.csv", 10)
    with database.transaction() as cursor:
        cursor.execute("SELECT FROM cubic_table_ods_snapshots WHERE settled_at IS NOT NULL")
        assert cursor.fetchall() == []
    batch = claiming.claim(database, NAME, after(21))
    assert batch is not None
    finishing.finish(database, batch.id, {late: Ingested(1)}, after(22))
    move(database, late, after(23))
    sweeping.settle(database, after(HOURS * 2))
    assert sweeping.current(database, NAME) == after(10)


def test_a_first_file_that_is_put_in_again_alone_does_not_settle(database: Database) -> None:
    configure(database)
    bad, *_ = [register(database, f"{PREFIX}LOAD00{n}.csv", n) for n in (1, 2, 3)]
    batch = claiming.claim(database, NAME, after(4))
    assert batch is not None
    refused = Refused(Reason(ReasonCode.CUT_GZIP, "It is cut."))
    finishing.finish(
        database, batch.id, {it.load_id: refused if it.load_id == bad else Ingested(1) for it in batch.loads}, after(5)
    )
    for load in batch.loads:
        move(database, load.load_id, after(6))
    archive(database, "LOAD001.csv", seconds=100)
    assert sweeping.settle(database, after(100 + HOURS)) == []
    archive(database, "LOAD002.csv", "LOAD003.csv", seconds=200)
    assert sweeping.settle(database, after(202 + HOURS)) == [NAME]
