from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubic import keys, snapshots
from cubic.keys import LoadNumber
from cubic.snapshots import Version

START = datetime(2022, 3, 4, 13, 45, 56, tzinfo=UTC)
LOAD1, LOAD2, LOAD3 = (f"cubic/ods_qlik/EDW.SAMPLE/LOAD00{n}.csv.gz" for n in (1, 2, 3))
CHANGES = "cubic/ods_qlik/EDW.SAMPLE__ct/20220304-134556444.csv.gz"


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def assigned(*versions: tuple[str, float] | tuple[str, float, str]) -> list[float | None]:
    """The second after START of each version's snapshot."""
    table = [
        Version(number, keys.data_file(key), after(at), *(rest or (f"v{number}",)))
        for number, (key, at, *rest) in enumerate(versions)
    ]
    found = snapshots.assign(table)
    return [None if (s := found[n]) is None else (s - START).total_seconds() for n in range(len(table))]


def test_text_is_utc_whatever_the_zone() -> None:
    assert snapshots.text(START.astimezone(timezone(timedelta(hours=-5)))) == "20220304T134556Z"


def test_files_belong_to_the_greatest_snapshot_that_is_not_later() -> None:
    assert assigned((LOAD1, 0), (LOAD2, 5), (CHANGES, 7), (LOAD1, 10), (CHANGES, 10)) == [0, 0, 0, 10, 10]


def test_a_file_before_any_snapshot_waits() -> None:
    assert assigned((LOAD2, 0), (CHANGES, 1), (LOAD1, 2)) == [None, None, 2]


def test_two_beginnings_in_one_second_take_the_next_free_ones_in_order_of_version() -> None:
    assert assigned((LOAD1, 0, "b"), (LOAD1, 0, "a"), (LOAD1, 1, "c"), (CHANGES, 1, "d")) == [1, 0, 2, 1]


def test_a_second_version_of_a_file_waits_for_the_next_snapshot() -> None:
    assert assigned((LOAD1, 0), (LOAD2, 1), (LOAD2, 2), (LOAD3, 2)) == [0, 0, None, 0]
    assert assigned((LOAD1, 0), (LOAD2, 1), (LOAD2, 2), (LOAD1, 3)) == [0, 0, 3, 3]


def test_a_third_version_waits_behind_the_second_that_waits() -> None:
    assert assigned((LOAD1, 0), (LOAD2, 1), (LOAD2, 2), (LOAD2, 3)) == [0, 0, None, None]
    assert assigned((LOAD1, 0), (LOAD2, 1), (LOAD2, 2), (LOAD2, 3), (LOAD1, 4)) == [0, 0, 4, None, 4]


def test_a_version_that_is_errored_leaves_its_place_to_the_next() -> None:
    first = Version(1, keys.data_file(LOAD2), after(1), "a", counts=False)
    second = Version(2, keys.data_file(LOAD2), after(2), "b")
    assert snapshots.assign_versions([START], [first, second]) == {1: START, 2: START}


def test_a_newer_version_of_changes_stays_in_the_snapshot() -> None:
    assert assigned((LOAD1, 0), (CHANGES, 1), (CHANGES, 2)) == [0, 0, 0]


histories = st.lists(st.tuples(st.sampled_from([LOAD1, LOAD2, LOAD3, CHANGES]), st.integers(0, 6)), max_size=12)


@given(histories, st.randoms())
def test_the_order_in_which_versions_are_known_changes_nothing(history: list[tuple[str, float]], random) -> None:  # type: ignore[no-untyped-def]
    table = [Version(n, keys.data_file(key), after(at), f"v{n}") for n, (key, at) in enumerate(history)]
    shuffled = random.sample(table, len(table))
    assert snapshots.assign(shuffled) == snapshots.assign(table)


@given(histories)
def test_no_full_load_file_is_twice_in_a_snapshot_and_none_is_before_its_snapshot_but_where_it_waited(
    history: list[tuple[str, float]],
) -> None:
    table = [Version(n, keys.data_file(key), after(at), f"v{n}") for n, (key, at) in enumerate(history)]
    places = snapshots.assign(table)
    full = [(version.file.key, places[version.load_id]) for version in table if version.file.number]
    placed = [place for place in full if place[1] is not None]
    assert len(placed) == len(set(placed))
    for version in table:
        place = places[version.load_id]
        if place is not None and version.file.is_ct:
            assert place <= version.s3_modified


@pytest.mark.parametrize(
    ("names", "whole"),
    [
        ([], False),
        (["001"], True),
        (["1", "02", "003"], True),
        (["002"], False),
        (["001", "003"], False),
        (["9", "1", "2", "3", "4", "5", "6", "7", "8", "A"], True),
        (["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"], True),
        ([f"{n:08X}" for n in range(1, 18)], True),
        ([f"{n:08X}" for n in range(1, 18) if n != 10], False),
        ([f"{n:08d}" for n in range(1, 18)], True),
    ],
)
def test_a_full_load_has_no_gap_in_decimal_or_in_hexadecimal(names: list[str], whole: bool) -> None:
    assert snapshots.gapless([LoadNumber(name) for name in names]) == whole


def test_a_parallel_full_load_has_no_gap_in_any_segment_nor_among_them() -> None:
    one, two, three = (LoadNumber("1", segment) for segment in (1, 2, 3))
    assert snapshots.gapless([one, two, LoadNumber("2", 1)])
    assert not snapshots.gapless([one, two, LoadNumber("3", 1)])
    assert not snapshots.gapless([one, three])


@given(
    st.lists(st.tuples(st.text("0123456789ABCDEFabcdef", min_size=1, max_size=6), st.none() | st.integers(0, 3)), max_size=6)
)
def test_any_numbers_can_be_judged(numbers: list[tuple[str, int | None]]) -> None:
    snapshots.gapless([LoadNumber(*number) for number in numbers])
