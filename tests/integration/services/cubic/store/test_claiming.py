from __future__ import annotations

import threading
from collections import Counter

import pytest
from psycopg.errors import ForeignKeyViolation

from cubic.loads import Batch, Ingested, Reason, ReasonCode, Refused
from cubic.store import claiming, configuration, finishing, registering, sweeping
from cubic.store.database import Database
from local.emulator.postgres_server import PostgresServer
from tests.cubic import CHANGES, NAME, PREFIX, after, configure, database_of, found, ingest, move, register, status

RAGGED = Refused(Reason(ReasonCode.RAGGED_ROW, "Row 7 has 4 fields and the header 3; have it written again."))


def claim(db: Database, seconds: float = 0, table: str = NAME) -> Batch:
    batch = claiming.claim(db, table, after(seconds))
    assert batch is not None
    return batch


def keys_of(batch: Batch) -> list[str]:
    return [load.s3_key.rpartition("/")[2] for load in batch.loads]


def test_the_oldest_come_first_and_at_most_50_of_them(database: Database) -> None:
    configure(database)
    for n in reversed(range(1, 61)):
        register(database, f"{PREFIX}LOAD{n:03d}.csv", n)
    assert keys_of(claim(database)) == [f"LOAD{n:03d}.csv" for n in range(1, 51)]


def test_the_first_is_taken_whatever_its_size_and_others_while_they_fit(database: Database) -> None:
    configure(database)
    most = claiming.MOST_BYTES
    for n, size in enumerate([most + 1, most // 2, most // 2, 1], start=1):
        register(database, f"{PREFIX}LOAD{n:03d}.csv", n, size=size)
    batches = []
    for _ in range(3):
        batch = claim(database)
        batches.append(keys_of(batch))
        finishing.finish(database, batch.id, {load.load_id: Ingested(1) for load in batch.loads}, after(0))
    assert batches == [["LOAD001.csv"], ["LOAD002.csv", "LOAD003.csv"], ["LOAD004.csv"]]


def test_a_batch_is_of_one_table_and_the_database_takes_no_other_into_it(database: Database) -> None:
    configure(database)
    configure(database, "cubic/dmap/agg_sample/")
    load = register(database, f"{PREFIX}LOAD001.csv", 10)
    older = register(database, "cubic/dmap/agg_sample/20220304.csv", 0)
    batch = claim(database)
    assert [it.load_id for it in batch.loads] == [load]
    with pytest.raises(ForeignKeyViolation), database.transaction() as cursor:
        cursor.execute("UPDATE cubic_loads SET status = 'ingesting', batch_id = %s WHERE id = %s", (batch.id, older))


def test_two_versions_of_one_file_go_into_two_batches_the_older_first(database: Database) -> None:
    configure(database)
    register(database, f"{PREFIX}LOAD001.csv")
    older, newer = (register(database, f"{CHANGES}20220304-134556444.csv", seconds) for seconds in (1, 2))
    batch = claim(database)
    assert older in [load.load_id for load in batch.loads]
    finishing.finish(database, batch.id, {load.load_id: Ingested(1) for load in batch.loads}, after(3))
    assert [load.load_id for load in claim(database).loads] == [newer]


def test_a_table_has_one_open_batch(database: Database) -> None:
    configure(database)
    configure(database, "cubic/dmap/agg_sample/")
    for n in (1, 2):
        register(database, f"{PREFIX}LOAD00{n}.csv", n)
    register(database, "cubic/dmap/agg_sample/20220304.csv")
    batch = claim(database)
    assert claiming.claim(database, NAME, after(1)) is None
    assert keys_of(claim(database, table="cubic__dmap__agg_sample")) == ["20220304.csv"]
    assert claiming.open_batch(database, batch.id) == batch


def test_a_batch_whose_claimer_is_gone_is_given_out_again(database: Database) -> None:
    configure(database)
    register(database, f"{PREFIX}LOAD001.csv")
    batch = claim(database)
    register(database, f"{PREFIX}LOAD002.csv")
    assert claiming.claim(database, NAME, after(899)) is None
    assert sweeping.undone(database, after(899)).start == ()
    assert sweeping.undone(database, after(900)).start == (NAME,)
    assert claim(database, 900) == batch
    assert claiming.claim(database, NAME, after(901)) is None
    claiming.started(database, batch.id, "jr_1")
    claiming.started(database, batch.id, "jr_2")
    assert claiming.claim(database, NAME, after(10_000)) is None
    opened = claiming.open_batch(database, batch.id)
    assert opened is not None
    assert opened.job_run_id == "jr_1"
    assert sweeping.undone(database, after(10_000)).finish == (batch.id,)


def test_a_batch_for_which_there_is_no_room_is_released(database: Database) -> None:
    configure(database)
    load = register(database, f"{PREFIX}LOAD001.csv")
    batch = claim(database)
    for _ in range(2):
        claiming.release(database, batch.id)
    assert status(database, load) == "ready"
    assert claiming.open_batch(database, batch.id) is None
    assert claim(database).id != batch.id


def test_a_batch_that_runs_is_not_released(database: Database) -> None:
    configure(database)
    load = register(database, f"{PREFIX}LOAD001.csv")
    batch = claim(database)
    claiming.started(database, batch.id, "jr_1")
    claiming.release(database, batch.id)
    assert status(database, load) == "ingesting"


def test_a_paused_or_inactive_table_is_not_claimed_from(database: Database) -> None:
    configure(database)
    register(database, f"{PREFIX}LOAD001.csv")
    configuration.pause(database, NAME, "a person looks at it")
    assert claiming.claim(database, NAME, after(0)) is None
    assert sweeping.undone(database, after(0)).start == ()
    configuration.resume(database, NAME)
    assert sweeping.undone(database, after(0)).start == (NAME,)
    table = configuration.table(database, NAME).config
    configuration.put_table(database, table.model_copy(update={"is_active": False}))
    assert claiming.claim(database, NAME, after(0)) is None


def test_a_table_that_is_not_there_gives_nothing(database: Database) -> None:
    assert claiming.claim(database, "cubic__dmap__nobodys", after(0)) is None


def test_a_load_that_was_in_a_dead_run_goes_alone_and_is_refused_after_three(database: Database) -> None:
    configure(database)
    loads = [register(database, f"{PREFIX}LOAD00{n}.csv", n) for n in (1, 2)]
    finishing.finish(database, claim(database).id, {}, after(1))
    for _ in range(2):
        batch = claim(database)
        assert [load.load_id for load in batch.loads] == loads[:1]
        finished = finishing.finish(database, batch.id, {}, after(1))
    assert finished is not None
    assert finished.move == (loads[0],)
    assert finished.more
    assert [status(database, load) for load in loads] == ["ready_for_erroring", "ready"]


def test_a_load_that_a_result_leaves_out_is_ready_again(database: Database) -> None:
    configure(database)
    loads = [register(database, f"{PREFIX}LOAD00{n}.csv", n) for n in (1, 2)]
    finishing.finish(database, claim(database).id, {loads[0]: Ingested(3)}, after(1))
    assert [status(database, load) for load in loads] == ["ready_for_archiving", "ready"]


def test_a_batch_that_ends_twice_ends_once_and_says_again_what_is_to_move(database: Database) -> None:
    configure(database)
    load = register(database, f"{PREFIX}LOAD001.csv")
    batch = claim(database)
    first = finishing.finish(database, batch.id, {load: RAGGED}, after(1))
    assert first is not None
    assert (first.table, first.move, first.more, first.paused) == (NAME, (load,), False, None)
    assert finishing.finish(database, batch.id, {load: Ingested(1)}, after(2)) == first
    assert status(database, load) == "ready_for_erroring"


def test_five_loads_in_a_row_refused_for_one_reason_pause_the_table(database: Database) -> None:
    configure(database)
    other = Refused(Reason(ReasonCode.CUT_GZIP, "It ends early."))
    outcomes = [RAGGED, RAGGED, other, RAGGED, RAGGED, RAGGED, RAGGED]
    loads = [register(database, f"{PREFIX}LOAD{n:03d}.csv", n) for n in range(1, 12)]
    batch = claim(database)
    assert len(batch.loads) == 11
    finished = finishing.finish(database, batch.id, dict(zip(loads, outcomes, strict=False)), after(20))
    assert finished is not None
    assert finished.paused is None
    assert finished.more
    # The next goes alone, as it was in a run that lost it.
    finished = finishing.finish(database, claim(database, 21).id, {loads[7]: RAGGED}, after(22))
    assert finished is not None
    assert finished.paused is not None
    assert "ragged_row: Row 7" in finished.paused
    assert not finished.more
    assert configuration.table(database, NAME).paused_because == finished.paused
    assert claiming.claim(database, NAME, after(23)) is None
    configuration.resume(database, NAME)
    finished = finishing.finish(database, claim(database, 24).id, {loads[8]: RAGGED}, after(25))
    assert finished is not None
    assert finished.paused is None


def test_a_load_that_is_ingested_breaks_the_row_of_refusals(database: Database) -> None:
    configure(database)
    loads = [register(database, f"{PREFIX}LOAD{n:03d}.csv", n) for n in range(1, 10)]
    outcomes = dict.fromkeys(loads, RAGGED) | {loads[4]: Ingested(1)}
    finished = finishing.finish(database, claim(database).id, outcomes, after(20))
    assert finished is not None
    assert finished.paused is None


def test_a_file_put_again_after_it_was_refused_takes_its_place(database: Database) -> None:
    configure(database)
    first, refused = (register(database, f"{PREFIX}LOAD00{n}.csv", n) for n in (1, 2))
    again = register(database, f"{PREFIX}LOAD002.csv", 3)
    batch = claim(database)
    assert [load.load_id for load in batch.loads] == [first, refused]  # the newer version waits for the next snapshot
    finishing.finish(database, batch.id, {first: Ingested(1), refused: RAGGED}, after(4))
    [load] = claim(database, 5).loads
    assert (load.load_id, load.snapshot) == (again, after(1))


@pytest.mark.parametrize("extension", [".csv", ".csv.gz"])
def test_a_claimed_load_has_the_description_of_its_own_version(database: Database, extension: str) -> None:
    configure(database)
    register(database, f"{PREFIX}LOAD001{extension}", 0)
    registering.describe(database, found(f"{PREFIX}LOAD001.dfm", 2), {"of": "the first"})
    register(database, f"{PREFIX}LOAD001{extension}", 100)
    register(database, f"{PREFIX}LOAD002{extension}", 101)
    [one, other] = claim(database).loads
    assert one.description == {"of": "the first"}
    assert other.description is None
    registering.describe(database, found(f"{PREFIX}LOAD001.dfm", 99), {"of": "the second"})
    finishing.finish(database, sweeping_batch(database), {one.load_id: Ingested(1), other.load_id: Ingested(1)}, after(102))
    [second] = claim(database).loads
    assert second.description == {"of": "the second"}


def sweeping_batch(db: Database):  # type: ignore[no-untyped-def]
    """The only batch that is open."""
    with db.transaction() as cursor:
        cursor.execute("SELECT id FROM cubic_batches WHERE ended_at IS NULL")
        [row] = cursor.fetchall()
        return row["id"]


def test_eight_competing_claimers_take_240_loads_none_twice(database: Database, postgres: PostgresServer) -> None:
    prefixes = [f"cubic/ods_qlik/T{n}/" for n in range(4)]
    for prefix in prefixes:
        configure(database, prefix)
        for n in range(1, 61):
            register(database, f"{prefix}LOAD{n:03d}.csv", n)
    tables = [table.name for table in configuration.tables(database)]
    taken: Counter[int] = Counter()
    faults: list[BaseException] = []
    together = threading.Barrier(8)

    def work() -> None:
        mine = database_of(postgres)
        try:
            together.wait()
            while undone := sweeping.undone(mine, after(1000)).start:
                for table in undone:
                    if batch := claiming.claim(mine, table, after(1000)):
                        taken.update(load.load_id for load in batch.loads)
                        outcomes = {load.load_id: Ingested(1) for load in batch.loads}
                        finishing.finish(mine, batch.id, outcomes, after(1001))
        except BaseException as fault:
            faults.append(fault)
            raise
        finally:
            mine.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert len(tables) == 4
    assert sorted(taken.items()) == [(load, 1) for load in range(1, 241)]


def test_a_claim_goes_on_while_a_load_of_its_table_is_registered(database: Database, postgres: PostgresServer) -> None:
    configure(database)
    register(database, f"{PREFIX}LOAD001.csv")
    other = database_of(postgres)
    with other.transaction() as cursor:
        cursor.execute(
            "INSERT INTO cubic_loads (table_id, status, s3_key, s3_modified, s3_size, s3_version, s3_etag, registered_at) "
            "SELECT table_id, status, s3_key, s3_modified, s3_size, 'other', s3_etag, registered_at FROM cubic_loads"
        )
        assert len(claim(database).loads) == 1
    other.close()


def test_loads_without_snapshots_are_claimed_at_once(database: Database) -> None:
    configure(database, "cubic/kafka/sample/")
    load = register(database, "cubic/kafka/sample/vytxeTZskVKR7C7WgdSP3d.json")
    assert ingest(database, after(1), "cubic__kafka__sample") == [load]


def test_a_version_is_not_claimed_before_the_one_in_its_place_has_moved(database: Database) -> None:
    configure(database)
    for seconds in (0, 20):
        register(database, f"{PREFIX}LOAD001.csv", seconds)
    newer = register(database, f"{PREFIX}LOAD002.csv", 21)
    ingest(database, after(22))
    for load in (1, 2, newer):
        move(database, load, after(23))
    register(database, f"{PREFIX}LOAD002.csv", 1)
    older = register(database, f"{PREFIX}LOAD002.csv", 19)
    register(database, f"{PREFIX}LOAD001.csv", 40)
    while batch := claiming.claim(database, NAME, after(41)):
        assert older not in [load.load_id for load in batch.loads]
        finishing.finish(database, batch.id, {load.load_id: Ingested(1) for load in batch.loads}, after(41))
    move(database, newer, after(42))
    assert claim(database).loads[0].load_id == older


def test_a_batch_that_ends_rings_for_its_own_loads_and_for_all_of_the_table_when_it_is_asked_again(
    database: Database,
) -> None:
    configure(database)
    moves, batches = [], []
    for n in (1, 2):
        register(database, f"{PREFIX}LOAD00{n}.csv", n)
        batches.append(claim(database))
        finished = finishing.finish(database, batches[-1].id, {n: Ingested(1)}, after(n))
        assert finished is not None
        moves.append(finished.move)
    assert moves == [(1,), (2,)]
    again = finishing.finish(database, batches[0].id, {1: Ingested(1)}, after(3))
    assert again is not None
    assert again.move == (1, 2)
