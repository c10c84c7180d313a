"""Keys of manifests and attempts, and the objects that a manifest may name."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from ingestion import partition
from ingestion.landing_zone.manifest import attempts_prefix, key_of
from tests.unit.ingestion.landing_zone.source import DAY, attempt

NAME = partition.name(DAY)
PREFIXES = [("a/one/", "a/one2/"), ("a/one/", "a/other/"), ("a/one_old/", "a/one/"), ("a/", "b/")]


@pytest.mark.parametrize(("one", "other"), PREFIXES)
def test_two_sources_share_neither_manifests_nor_attempts(one: str, other: str) -> None:
    assert key_of(one, NAME) != key_of(other, NAME)
    assert not attempts_prefix(other, NAME).startswith(attempts_prefix(one, NAME))


def test_two_days_share_neither() -> None:
    days = [NAME, partition.name(date(2021, 6, 5))]
    assert len({attempts_prefix("a/", day) for day in days}) == len({key_of("a/", day) for day in days}) == 2


@pytest.mark.parametrize(
    "key",
    [
        "data/bikes/bikes/import_year=2021/import_month=06/import_day=03/import_date=20210603/x",
        "data/bikes/bikes/import_date=20210604/x",
        "data/cars/cars/import_year=2021/import_month=06/import_day=04/import_date=20210604/x",
        "_manifests/data/bikes/import_date=20210604.json",
        "x",
    ],
)
@pytest.mark.parametrize("where", ["object", "stale"])
def test_a_manifest_names_nothing_but_its_own_sources_objects_of_its_own_day(key: str, where: str) -> None:
    named = attempt(1).model_dump()
    if where == "stale":
        named["stale"] = [key]
    else:
        named["tables"][0]["objects"] = [{"key": key, "size": 1}]
    with pytest.raises(ValidationError, match="1 keys are not of data/bikes/, import_date=20210604"):
        type(attempt(1)).model_validate(named)
