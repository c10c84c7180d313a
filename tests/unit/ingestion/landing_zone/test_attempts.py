"""The records of what is under way."""

from __future__ import annotations

import pytest

from ingestion.errors import UnreadableObject
from ingestion.landing_zone import attempts
from tests.unit.ingestion.landing_zone.calls import files
from tests.unit.ingestion.landing_zone.source import attempt, zone


def test_an_attempt_is_recorded_as_it_is_and_forgotten() -> None:
    s3 = files()
    for _ in range(2):
        attempts.begin(attempt(1), zone(s3))
        assert s3.keys("landing") == {attempt(1).attempt_key: attempt(1).model_dump_json(indent=1).encode()}
    for _ in range(2):
        attempts.end([attempt(1)], attempt(1).keys, zone(s3))
        assert s3.keys("landing") == {}


def test_earlier_attempts_are_overtaken_and_neither_ones_own_nor_later_ones() -> None:
    s3 = files()
    for load in (1, 2, 3):
        attempts.begin(attempt(load), zone(s3))
    assert attempts.overtaken_by(attempt(2), zone(s3)) == [attempt(1)]


@pytest.mark.parametrize("body", [b"{", b'{"version": 2}', b"\xff", attempt(2).model_dump_json().encode()])
def test_a_record_that_is_none_ends_the_run_by_its_key(body: bytes) -> None:
    s3 = files()
    s3.put_object(Bucket="landing", Key=attempt(1).attempt_key, Body=body)
    with pytest.raises(UnreadableObject, match=f"s3://landing/{attempt(1).attempt_key} is not as this project writes it"):
        attempts.overtaken_by(attempt(3), zone(s3))
