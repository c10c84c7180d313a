"""Attempts at one partition: what lands, which wins, and that it ends well whatever happens at whichever call of S3."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from ingestion import partition
from ingestion.errors import CopyMismatch, NotYet
from ingestion.landing_zone.commit import land
from ingestion.landing_zone.manifest import attempts_prefix, read
from tests.fakes import FakeS3, client_error
from tests.unit.ingestion.landing_zone.calls import AtCall, at_each_call, files
from tests.unit.ingestion.landing_zone.source import DAY, PREFIX, FileManifest, attempt, key_of, plan_of, zone

MANIFEST = attempt(1).key
MOMENTS = pytest.mark.parametrize("when", ["before", "after"])


class Killed(Exception):
    """The end of a process."""


def run(s3: Any, load: int) -> FileManifest | None:
    return land(attempt(load), plan_of(attempt(load)), zone(s3), lambda: 900)


def until_it_ends(s3: Any, load: int) -> FileManifest | None:
    """As its message, put back at once, does."""
    for _ in range(3):
        try:
            return run(s3, load)
        except NotYet:
            continue
    raise AssertionError("put back for ever")


def killed(_: FakeS3) -> None:
    raise Killed


def committed(s3: FakeS3) -> int | None:
    """The load that is committed. A reader of the manifest finds all its objects at every moment."""
    found = read(MANIFEST, zone(s3))
    if found is None:
        return None
    assert found.manifest.keys <= s3.keys("landing").keys()
    return int(found.manifest.load.removeprefix("load-"))


def under_way(s3: FakeS3) -> set[str]:
    prefix = attempts_prefix(PREFIX, partition.name(DAY))
    return {key.removeprefix(prefix).removesuffix(".json") for key in s3.keys("landing") if key.startswith(prefix)}


def is_whole(s3: FakeS3, load: int) -> bool:
    """That load is committed, and nothing else is left of any other."""
    assert committed(s3) == load
    return s3.keys("landing").keys() == {MANIFEST} | attempt(load).keys


def test_an_attempt_lands_its_objects_and_the_manifest_that_names_them() -> None:
    s3 = files()
    landed = run(s3, 1)
    assert landed == attempt(1)
    assert s3.keys("landing").keys() == {MANIFEST, key_of("1-0"), key_of("1-1")}


def test_the_same_attempt_again_changes_nothing() -> None:
    s3 = files()
    run(s3, 1)
    before = s3.keys("landing")
    s3.calls.clear()
    assert run(s3, 1) == attempt(1)
    assert s3.keys("landing") == before
    written = [request["Key"] for operation, request in s3.calls if operation in {"put_object", "copy_object"}]
    assert written == [attempt(1).attempt_key]


@pytest.mark.parametrize("loads", [(1, 2), (2, 1), (3, 1, 2), (1, 3, 2), (2, 3, 1)])
def test_the_latest_attempt_wins_in_whichever_order_they_come(loads: tuple[int, ...]) -> None:
    s3 = files()
    latest = 0
    for load in loads:
        landed = run(s3, load)
        assert (landed is None) == (load < latest)
        latest = max(load, latest)
        assert is_whole(s3, latest)


def test_objects_of_one_name_in_both_attempts_stay() -> None:
    s3 = files()
    earlier, later = attempt(1, "same", "1-0"), attempt(2, "same", "2-0")
    for mine in (earlier, later):
        s3.put_object(Bucket="files", Key=f"{mine.load}/same", Body=b"x")
        assert land(mine, plan_of(mine), zone(s3), lambda: 900)
    assert land(earlier, plan_of(earlier), zone(s3), lambda: 900) is None
    assert s3.keys("landing").keys() == {MANIFEST} | later.keys


@MOMENTS
@pytest.mark.parametrize("first", [None, 1])
def test_killed_at_any_call_it_is_whole_after_its_message_has_come_again(when: str, first: int | None) -> None:
    for s3, client in at_each_call(when, killed):
        if first:
            run(s3, first)
        with suppress(Killed):
            run(client, 2)
        assert committed(s3) in (first, 2)
        assert until_it_ends(s3, 2)
        assert is_whole(s3, 2)


@MOMENTS
def test_what_one_left_that_was_killed_at_any_call_is_cleared_away_by_a_later_one(when: str) -> None:
    for s3, client in at_each_call(when, killed):
        with suppress(Killed):
            run(client, 1)
        assert run(s3, 2)
        assert is_whole(s3, 2)
        assert run(s3, 1) is None
        assert is_whole(s3, 2)


@MOMENTS
def test_what_a_later_one_left_that_was_killed_at_any_call_is_left_alone_by_an_earlier_one(when: str) -> None:
    """It is still to win: its message comes again."""
    for s3, client in at_each_call(when, killed):
        with suppress(Killed):
            run(client, 2)
        left, recorded = s3.keys("landing").keys() & attempt(2).keys, under_way(s3)
        run(s3, 1)
        assert s3.keys("landing").keys() >= left
        assert under_way(s3) == recorded
        assert until_it_ends(s3, 2)
        assert is_whole(s3, 2)


@MOMENTS
def test_clearing_away_for_a_later_one_may_be_killed_at_any_call_too(when: str) -> None:
    for s3, client in at_each_call(when, killed):
        run(s3, 2)
        s3.put_object(Bucket="landing", Key=key_of("1-0"), Body=b"x")
        with suppress(Killed):
            run(client, 1)
        assert run(s3, 1) is None
        assert is_whole(s3, 2)


@MOMENTS
def test_a_later_one_that_lands_at_any_moment_wins(when: str) -> None:
    for s3, client in at_each_call(when, lambda s3: run(s3, 2)):
        with suppress(NotYet):
            run(client, 1)
        until_it_ends(s3, 1)
        until_it_ends(s3, 2)
        assert is_whole(s3, 2)


@MOMENTS
def test_one_that_a_later_one_overtook_hears_so_and_not_of_objects_that_are_missing(when: str) -> None:
    told = []
    for _, client in at_each_call(when, lambda s3: run(s3, 2)):
        with suppress(NotYet):
            told.append(run(client, 1))
    assert {landed.load if landed else None for landed in told} == {None, "load-1"}


@MOMENTS
def test_an_earlier_one_that_lands_at_any_moment_is_replaced(when: str) -> None:
    for s3, client in at_each_call(when, lambda s3: run(s3, 1)):
        with suppress(NotYet):
            run(client, 2)
        assert until_it_ends(s3, 2)
        assert is_whole(s3, 2)


@MOMENTS
def test_the_same_one_may_be_under_way_twice(when: str) -> None:
    for s3, client in at_each_call(when, lambda s3: run(s3, 2)):
        run(s3, 1)
        with suppress(NotYet):
            run(client, 2)
        assert until_it_ends(s3, 2)
        assert is_whole(s3, 2)


@MOMENTS
def test_at_no_moment_is_the_partition_less_than_its_manifest_says(when: str) -> None:
    s3 = files()
    seen = []
    for load in (2, 1, 3):
        run(AtCall(s3, None, when, lambda: seen.append(committed(s3))), load)
    assert list(dict.fromkeys(seen)) == [None, 2, 3]


@pytest.mark.parametrize("code", ["PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"])
def test_a_commit_that_loses_a_race_is_tried_again_at_once(code: str) -> None:
    def lost(request: dict[str, Any]) -> None:
        if request["Key"] == MANIFEST:
            raise client_error(code, "PutObject")

    s3 = files()
    s3.before["put_object"] = lost
    with pytest.raises(NotYet, match=r"another attempt at data/bikes/, .* committed at the same time") as wait:
        run(s3, 1)
    assert wait.value.delay_seconds == 0
    s3.before.clear()
    assert run(s3, 1)
    assert is_whole(s3, 1)


def test_a_record_that_another_removes_after_it_was_listed_is_passed_over() -> None:
    s3 = files()
    s3.put_object(Bucket="landing", Key=attempt(1).attempt_key, Body=attempt(1).model_dump_json().encode())

    def removed(request: dict[str, Any]) -> None:
        if request["Key"] == attempt(1).attempt_key:
            s3.buckets["landing"].pop(attempt(1).attempt_key, None)

    s3.before["get_object"] = removed
    assert run(s3, 2)
    assert is_whole(s3, 2)


def test_a_copy_that_differs_is_not_committed() -> None:
    s3 = files()
    mine = attempt(1, size=2)  # of originals that have one byte
    with pytest.raises(CopyMismatch, match=r"2 of 2 objects in s3://landing differ.*1-0 \(1 bytes, not 2\)"):
        land(mine, plan_of(mine), zone(s3), lambda: 900)
    assert committed(s3) is None
    assert under_way(s3) == {"load-1"}, "so that a later one clears it away"
    assert run(s3, 2)
    assert is_whole(s3, 2)
