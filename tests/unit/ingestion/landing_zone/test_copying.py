"""Copying and deleting: what is asked for, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ingestion.errors import AccessDenied, NotYet
from ingestion.landing_zone.copying import copy_all, delete_all, differences, sizes
from tests.fakes import FakeS3, client_error
from tests.unit.ingestion.landing_zone.calls import files
from tests.unit.ingestion.landing_zone.source import attempt, key_of, plan_of, zone

PLAN = plan_of(attempt(1))
ONE, OTHER = key_of("1-0"), key_of("1-1")


def asked(s3: FakeS3, operation: str) -> list[dict[str, Any]]:
    return [request for name, request in s3.calls if name == operation]


def test_what_is_there_with_its_size_is_not_copied_and_what_has_another_is() -> None:
    s3 = files()
    s3.put_object(Bucket="landing", Key=ONE, Body=b"x")
    s3.put_object(Bucket="landing", Key=OTHER, Body=b"half")
    assert copy_all(PLAN, zone(s3), lambda: 900) == []
    assert [request["Key"] for request in asked(s3, "copy_object")] == [OTHER]


@pytest.mark.parametrize(("seconds", "left"), [((900, 900), None), ((900, 119), 1), ((119, 60), 2)])
def test_no_copy_is_begun_within_two_minutes_of_the_end_and_the_next_invocation_goes_on(
    seconds: tuple[float, ...], left: int | None
) -> None:
    s3, time = files(), iter(seconds)
    if left:
        with pytest.raises(NotYet, match=f"{left} of 2 objects still to be copied") as wait:
            copy_all(PLAN, zone(s3), lambda: next(time))
        assert wait.value.delay_seconds == 0
    assert copy_all(PLAN, zone(s3), lambda: 900) == []
    assert len(asked(s3, "copy_object")) == 2


def test_what_is_missing_or_of_another_size_differs_by_name() -> None:
    s3 = files()
    s3.put_object(Bucket="landing", Key=OTHER, Body=b"half")
    assert differences(PLAN, zone(s3)) == [f"{ONE} (None bytes, not 1)", f"{OTHER} (4 bytes, not 1)"]


@pytest.mark.parametrize(
    ("code", "expected"), [("AccessDenied", AccessDenied), ("SlowDown", NotYet), ("InternalError", ClientError)]
)
def test_an_object_that_cannot_be_copied_is_named(code: str, expected: type[Exception]) -> None:
    def refuse(_: dict[str, Any]) -> None:
        raise client_error(code, "CopyObject")

    s3 = files()
    s3.before["copy_object"] = refuse
    with pytest.raises(expected) as error:
        copy_all(PLAN, zone(s3), lambda: 900)
    assert expected is ClientError or f"copying s3://files/load-1/1-0 to s3://landing/{ONE}" in str(error.value)


def test_a_listing_has_every_page_of_every_prefix_and_nothing_beside() -> None:
    s3 = files()
    for n in range(1_001):
        s3.put_object(Bucket="landing", Key=f"a/{n:04}", Body=b"xx")
    s3.put_object(Bucket="landing", Key="b/1", Body=b"")
    s3.put_object(Bucket="landing", Key="c/1", Body=b"")
    found = sizes(["a/", "b/"], zone(s3))
    assert len(found) == 1_002
    assert (found["a/1000"], found["b/1"]) == (2, 0)


def test_deleting_takes_a_thousand_keys_at_a_time_and_none_where_there_are_none() -> None:
    s3 = files()
    delete_all([], zone(s3))
    assert asked(s3, "delete_objects") == []
    delete_all((f"{n:04}" for n in range(1_001)), zone(s3))
    assert [len(request["Keys"]) for request in asked(s3, "delete_objects")] == [1_000, 1]


@pytest.mark.parametrize(("code", "expected"), [("AccessDenied", AccessDenied), ("InternalError", ClientError)])
def test_a_key_that_s3_refuses_to_delete_is_no_success(code: str, expected: type[Exception]) -> None:
    class Refusing(FakeS3):
        def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
            return {"Errors": [{"Key": Delete["Objects"][0]["Key"], "Code": code, "Message": f"{Bucket} says no"}]}

    with pytest.raises(expected, match=f"{ONE}.*landing says no"):
        delete_all([ONE], zone(Refusing()))


def test_an_iterator_of_keys_will_do() -> None:
    def some() -> Iterator[str]:
        yield ONE

    s3 = files()
    s3.put_object(Bucket="landing", Key=ONE, Body=b"x")
    delete_all(some(), zone(s3))
    assert s3.keys("landing") == {}
