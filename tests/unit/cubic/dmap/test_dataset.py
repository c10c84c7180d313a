"""Entries of a listing, wild ones too, and how far a feed has got."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cubic import keys
from cubic.dmap.dataset import Dataset, watermark

ENTRY = {
    "id": "agg_sample",
    "dataset_id": "agg_sample_20220304",
    "url": "https://files.example/agg_sample.csv.gz?sig=s",
    "start_date": "2022-03-04",
    "end_date": "2022-03-04",
    "last_updated": "2022-03-05T12:12:24.897363",
}
TODAY = date(2022, 3, 10)


def dataset(**changes: object) -> Dataset:
    return Dataset.model_validate_json(json.dumps(ENTRY | changes))


def test_a_file_of_one_day_is_named_for_it_and_a_longer_one_for_its_first_and_last() -> None:
    assert dataset().key == "cubic/dmap/agg_sample/20220304.csv"
    assert dataset(end_date="2022-04-03").key == "cubic/dmap/agg_sample/20220304-20220403.csv"


def test_a_time_without_a_zone_is_utc_and_one_with_a_zone_is_brought_to_it() -> None:
    same = datetime(2022, 3, 5, 12, 12, 24, 897363, tzinfo=UTC)
    assert dataset().last_updated == dataset(last_updated="2022-03-05T07:12:24.897363-05:00").last_updated == same


@pytest.mark.parametrize("missing", ENTRY)
def test_an_entry_without_one_of_its_fields_is_invalid(missing: str) -> None:
    with pytest.raises(ValidationError):
        Dataset.model_validate_json(json.dumps({name: value for name, value in ENTRY.items() if name != missing}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ".."}, {"id": "a/b"}, {"id": ""}, {"id": "a\n"}, {"dataset_id": ""}, {"dataset_id": "a b"},
        {"dataset_id": "a\0"}, {"url": ""}, {"url": None}, {"start_date": "2022-05-45"}, {"start_date": 1},
        {"end_date": "2022:05:17"}, {"end_date": "2022-03-03"}, {"last_updated": "2022:05:18T12:12:24"},
        {"last_updated": 1646}, {"last_updated": None}, {"last_updated": "0001-01-01T00:00:00+14:00"},
        {"last_updated": "9999-12-31T23:59:59-14:00"},
    ],
)  # fmt: skip
def test_an_entry_with_a_field_of_another_form_is_invalid(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        dataset(**wrong)


values = st.none() | st.booleans() | st.integers() | st.text() | st.datetimes().map(str) | st.dates().map(str)
entries = st.dictionaries(st.sampled_from(sorted(ENTRY)), values).map(lambda changes: ENTRY | changes)


@given(entries | st.dictionaries(st.text(), values) | st.recursive(values, st.lists))
def test_whatever_an_entry_is_it_is_invalid_or_a_file_that_register_load_takes(entry: object) -> None:
    try:
        read = Dataset.model_validate_json(json.dumps(entry))
    except ValidationError:
        return
    file = keys.parse(read.key)
    assert isinstance(file, keys.DataFile)
    assert (file.stream, file.table_prefix) == (keys.Stream.DMAP, f"cubic/dmap/{read.id}/")
    assert read.last_updated.utcoffset() == timedelta(0)


times = st.datetimes(datetime(2022, 3, 1), datetime(2022, 3, 20), timezones=st.just(UTC))  # noqa: DTZ001  made aware


@given(st.lists(times), st.lists(times | st.none()))
def test_what_is_undone_is_in_the_next_listing(done: list[datetime], undone: list[datetime | None]) -> None:
    reached = watermark(done, undone, TODAY)
    if reached is not None:
        assert None not in undone
        assert all(time.date() >= reached for time in undone if time)
        assert reached <= TODAY
        assert any(time.date() == reached for time in done) or reached == TODAY


@given(st.lists(times, min_size=1))
def test_a_feed_that_is_fetched_wholly_begins_with_its_last_day(done: list[datetime]) -> None:
    assert watermark(done, [], TODAY) == min(max(done).date(), TODAY)


def test_nothing_done_before_the_first_that_is_undone_moves_nothing() -> None:
    first, second = datetime(2022, 3, 4, tzinfo=UTC), datetime(2022, 3, 5, tzinfo=UTC)
    assert watermark([second], [first], TODAY) is None
    assert watermark([], [], TODAY) is None
    assert watermark([second], [None], TODAY) is None, "it may be older than all"
