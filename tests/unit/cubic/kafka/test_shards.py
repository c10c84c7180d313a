"""The order in which shards are read."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from cubic.kafka.shards import Lineage, Shard
from tests.fakes import SNAPSHOT_TIME


def shard(name: str, *parents: str, ended: bool = False, hours: int = 0) -> Shard:
    return Shard(name, parents, None, SNAPSHOT_TIME + timedelta(hours=hours), ended)


def order(*shards: Shard, to_their_end: bool = True) -> list[str]:
    lineage = Lineage(shards)
    found = []
    for it in lineage:
        found.append(it.id)
        if to_their_end:
            lineage.ended.add(it.id)
    return found


def test_the_shard_that_has_waited_longest_comes_first_so_that_none_starves() -> None:
    assert order(shard("a", hours=2), shard("b", hours=1), shard("c", hours=2)) == ["b", "a", "c"]


def test_children_come_after_their_parents_though_they_have_waited_longer() -> None:
    assert order(shard("child", "left", "right"), shard("left", hours=1), shard("right", hours=2)) == [
        "left",
        "right",
        "child",
    ]


def test_the_children_of_a_shard_that_is_not_read_to_its_end_are_left_out() -> None:
    assert order(shard("parent"), shard("child", "parent"), shard("other"), to_their_end=False) == ["other", "parent"]


def test_a_shard_that_has_ended_is_not_read_and_lets_its_children_be_read() -> None:
    assert order(shard("parent", ended=True), shard("child", "parent")) == ["child"]


def test_a_parent_that_had_expired_before_anything_was_read_holds_nothing_up() -> None:
    assert order(shard("child", "expired")) == ["child"]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 3), st.booleans()), max_size=10))
def test_each_shard_comes_once_and_after_its_parents_whatever_their_times(drawn: list[tuple[int, int, int, bool]]) -> None:
    shards = [
        shard(str(at), *{str(parent) for parent in (left, right) if parent < at}, hours=hours, ended=ended)
        for at, (left, right, hours, ended) in enumerate(drawn)
    ]
    found = order(*shards)
    assert sorted(found) == [it.id for it in shards if not it.ended]
    for it in shards:
        assert all(found.index(parent) < found.index(it.id) for parent in it.parents if {parent, it.id} <= set(found))
