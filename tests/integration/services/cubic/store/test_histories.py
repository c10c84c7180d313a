"""The order in which files become known, and how often, cannot change the end."""

from __future__ import annotations

from datetime import datetime
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cubic import keys, snapshots
from cubic.loads import Found
from cubic.snapshots import Version
from cubic.store import registering
from cubic.store.database import Database
from tests.cubic import CHANGES, PREFIX, after, configure, empty, found

type Places = dict[tuple[str, datetime, str], datetime | None]

files = st.sampled_from(
    [f"{PREFIX}LOAD{n:03d}.csv.gz" for n in (1, 2, 3)]
    + [f"{PREFIX}LOAD_1_1.csv", f"{CHANGES}20220304-134556444.csv.gz", f"{CHANGES}20220304-134557444.csv.gz"]
)
histories = st.lists(
    st.builds(
        lambda key, seconds, version: found(key, seconds, version=version), files, st.integers(0, 8), st.sampled_from("abc")
    ),
    min_size=1,
    max_size=10,
    unique_by=lambda file: (file.s3_key, file.s3_modified, file.s3_version),
)


def places(db: Database) -> Places:
    with db.transaction() as cursor:
        cursor.execute(
            "SELECT s3_key, s3_modified, s3_version, snapshot FROM cubic_loads "
            "LEFT JOIN cubic_load_ods_snapshots ON load_id = id"
        )
        return {(row["s3_key"], row["s3_modified"], row["s3_version"]): row["snapshot"] for row in cursor}


def begun(db: Database) -> list[tuple[datetime, str, datetime, str]]:
    with db.transaction() as cursor:
        cursor.execute(
            "SELECT snapshot, snapshot_s3_key, s3_modified, s3_version FROM cubic_table_ods_snapshots "
            "JOIN cubic_loads ON id = load_id ORDER BY snapshot"
        )
        return [tuple(row.values()) for row in cursor]  # type: ignore[misc]


def registered(db: Database, history: list[Found]) -> tuple[Places, list[tuple[datetime, str, datetime, str]]]:
    empty(db)
    configure(db)
    for file in history:
        registering.register(db, file, after(0))
    return places(db), begun(db)


@given(histories, st.randoms(use_true_random=False))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_case_3_files_known_in_any_order_and_twice_get_the_snapshots_that_they_get_in_order_of_time(
    database: Database, history: list[Found], random: Random
) -> None:
    in_time = registered(database, sorted(history, key=lambda file: (file.s3_modified, file.s3_version)))
    assert registered(database, random.sample(history * 2, 2 * len(history))) == in_time
    table = [Version(n, keys.data_file(file.s3_key), file.s3_modified, file.s3_version) for n, file in enumerate(history)]
    by_rule = snapshots.assign(table)
    assert in_time[0] == {(file.s3_key, file.s3_modified, file.s3_version): by_rule[n] for n, file in enumerate(history)}
