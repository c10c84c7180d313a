"""A publisher, or a sweep, that is ended at each of its calls: its message comes again, and all ends well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from uuid import uuid4

import pytest

from data_commons.catalog import Shown
from ingestion.errors import NotYet
from ingestion.landing_zone import manifest
from tests.incoming import Faults, Killed
from tests.unit.data_commons.fake_commons import BUCKET, NAME, World

WAYS = pytest.mark.parametrize("way", ["glue", "drop", "view"])
MOMENTS = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
FIRST = 10  # a publication makes more calls


def at_each_call(
    make: Callable[[], World], do: Callable[[World, Faults], object], *, after: bool
) -> Iterator[tuple[World, bool]]:
    """A new world for each call that `do` makes in it, at which it ends; and one in which it ends by itself."""
    number, ended = 0, True
    while ended:
        world, faults = make(), Faults(number, after)
        try:
            do(world, faults)
            ended = False
        except Killed:
            ended = True
        yield world, ended
        number += 1
    assert number > FIRST


def published(way: str, *numbers: int) -> World:
    world = World(way)
    for number in numbers:
        world.stage(number)
        world.publish(number)
    world.seen.clear()
    return world


@WAYS
@MOMENTS
def test_the_first_version(way: str, after: bool) -> None:
    def make() -> World:
        world = World(way)
        world.stage(1)
        return world

    for world, _ in at_each_call(make, lambda world, faults: world.publish(1, faults), after=after):
        assert world.publish(1)
        assert world.shows() == 1
        assert set(world.seen) == {0, 1}
        world.sweep()
        assert world.is_clean(1)


@WAYS
@MOMENTS
def test_a_later_version(way: str, after: bool) -> None:
    def make() -> World:
        world = published(way, 1)
        world.stage(2)
        return world

    for world, _ in at_each_call(make, lambda world, faults: world.publish(2, faults), after=after):
        assert world.publish(2)
        assert world.shows() == 2
        assert set(world.seen) == ({0, 1, 2} if way == "drop" else {1, 2})
        world.sweep()
        assert world.is_clean(2, 1)


@WAYS
@MOMENTS
def test_a_later_version_whose_message_comes_again_after_the_next_one_was_published(way: str, after: bool) -> None:
    def make() -> World:
        world = published(way, 1)
        world.stage(2)
        return world

    for world, _ in at_each_call(make, lambda world, faults: world.publish(2, faults), after=after):
        world.stage(3)
        assert world.publish(3)
        was_committed = world.version(2).keys <= world.keys()
        assert world.publish(2) is None
        assert world.shows() == 3
        world.sweep()
        assert world.is_clean(3, 2, 1) if was_committed else world.is_clean(3, 1)


@WAYS
@MOMENTS
def test_an_older_version_that_comes_late(way: str, after: bool) -> None:
    def make() -> World:
        world = published(way, 2)
        world.stage(1)
        return world

    for world, _ in at_each_call(make, lambda world, faults: world.publish(1, faults), after=after):
        assert world.publish(1) is None
        assert set(world.seen) == {2}
        world.sweep()
        assert world.is_clean(2)


@WAYS
@MOMENTS
def test_a_publisher_that_is_never_heard_of_again_is_cleared_up_by_the_sweep(way: str, after: bool) -> None:
    def make() -> World:
        world = published(way, 1)
        world.stage(2)
        return world

    for world, _ in at_each_call(make, lambda world, faults: world.publish(2, faults), after=after):
        world.sweep(days=16)
        assert world.shows() in (1, 2)
        assert world.is_clean(2, 1) if world.shows() == 2 else world.is_clean(1)


@WAYS
@MOMENTS
def test_a_sweep(way: str, after: bool) -> None:
    def make() -> World:
        world = published(way, 1, 2, 3)
        world.stage(4)
        with pytest.raises(Killed):
            world.publish(4, Faults(20))
        world.stage(0)  # an older one, whose message is lost
        return world

    for world, _ in at_each_call(make, lambda world, faults: world.sweep(faults), after=after):
        world.sweep()
        assert world.shows() in (3, 4)


@WAYS
def test_two_publishers_at_once(way: str) -> None:
    """The later one does all of its work at some call of the other's."""
    number = 0
    happened = True
    while happened:
        world = published(way, 1)
        world.stage(2)
        world.stage(3)
        faults = Meanwhile(number, lambda world=world: world.publish(3))  # type: ignore[misc]
        try:
            world.publish(2, faults)
        except NotYet:
            world.publish(2)
        happened = faults.happened
        assert world.shows() == (3 if happened else 2)
        assert way != "glue" or world.seen == sorted(world.seen)  # no reader goes back
        if happened:
            world.sweep()
            assert world.tables.names("tfl")
        number += 1
    assert number > FIRST


class Meanwhile(Faults):
    """Something else is done before the call of that number."""

    def __init__(self, at: int, do: Callable[[], object]) -> None:
        super().__init__(at)
        self._do = do
        self.happened = False

    def begins(self, call: str) -> None:
        self.calls.append(call)
        if len(self.calls) - 1 == self.at:
            self.happened = True
            self._do()


@WAYS
def test_nothing_is_left_beside_the_table_and_its_versions(way: str) -> None:
    world = published(way, 1, 2)
    assert world.is_clean(2, 1)
    assert world.tables.names("tfl")[:1] == ["bikes"]
    assert not [name for name in world.tables.names("tfl") if "__check_" in name]


@WAYS
def test_a_version_that_two_dead_publishers_have_committed_over_keeps_its_files(way: str) -> None:
    for second in range(10, 30):
        world = published(way, 1)
        world.stage(2)
        with suppress(Killed):
            world.publish(2, Faults(15))
        world.stage(3)
        with suppress(Killed):
            world.publish(3, Faults(second))
        committed = manifest.read(world.version(1).key, world.commons().zone)
        assert committed
        world.publish(2)
        assert committed.manifest.named <= world.keys()


@WAYS
def test_versions_that_were_replaced_long_ago_are_deleted_and_nothing_else_is(way: str) -> None:
    world = published(way, 1, 100, 200, 300)  # days apart
    used, strange = "trino/tfl/bikes/6a3f5c1e-0000-5000-8000-000000000000/x", "trino/tfl/bikes/by-hand/x"
    other = f"trino/tfl/bikes/{uuid4()}/x"
    unnamed = "trino/tfl/bikes/7b3f5c1e-0000-5000-8000-000000000000/x"
    for key in (used, strange, other, unnamed):
        world.s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    world.tables.there[NAME.beside("mine")] = Shown(False, (), None, location=f"s3a://{BUCKET}/{used.rpartition('/')[0]}")
    world.sweep()
    kept = [world.version(number) for number in (300, 200, 100)]
    assert world.keys() == {kept[0].key, used, strange, other}.union(*(it.keys for it in kept))


@WAYS
def test_a_sweep_mends_a_table_that_somebody_has_changed(way: str) -> None:
    world = published(way, 1)
    world.tables.drop(NAME, view=way == "view")
    world.sweep()
    assert world.shows() == 1
    assert world.is_clean(1)
