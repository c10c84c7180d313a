"""Readers who look all the while: each sees a whole version, the earlier or the later one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from data_commons.catalog import MISSING
from data_commons.connection import Trino
from data_commons.errors import StatementRefused
from ingestion.errors import IngestionError
from tests.data_commons import Publisher, server
from tests.eventually import eventually

VERSIONS = 3


def rows_of(number: int) -> pa.Table:
    """A thousand rows for each version before it, and all of them say whose they are."""
    return pa.table({"version": [number] * 1000 * number})


@dataclass
class Reader:
    """Reads on and on, on a connection of its own. `missing` counts how often there was no table."""

    publisher: Publisher
    seen: list[tuple[int, int, int]] = field(default_factory=list)
    missing: int = 0
    errors: list[Exception] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        trino = Trino(server(self.publisher.trino), self.publisher.trino.token)
        while not self.stop.wait(0.02):
            try:
                [row] = trino.query(f"select count(*), min(version), max(version) from {self.publisher.name}")
                self.seen.append(tuple(row))
            except StatementRefused as refused:
                if refused.name in MISSING:
                    self.missing += 1
                else:
                    self.errors.append(refused)
            except Exception as error:  # noqa: BLE001  the test looks at them
                self.errors.append(error)

    def has_seen(self, number: int) -> bool:
        return bool(self.seen) and self.seen[-1][1] == number


@contextmanager
def reading(publisher: Publisher) -> Iterator[Reader]:
    reader = Reader(publisher)
    thread = threading.Thread(target=reader.run)
    thread.start()
    try:
        yield reader
    finally:
        reader.stop.set()
        thread.join()


def test_readers_see_whole_versions_only_one_after_the_other(publisher_by_each_way: Publisher) -> None:
    publisher = publisher_by_each_way
    messages: list[Any] = [publisher.staged(number, rows_of(number)) for number in range(1, VERSIONS + 1)]
    publisher.publish(messages[0])
    with reading(publisher) as reader:
        for number, message in enumerate(messages, 1):
            publisher.publish(message)
            eventually(lambda number=number: reader.has_seen(number), lambda it: it, seconds=60)  # type: ignore[misc]
    assert reader.errors == []
    assert {(number * 1000, number, number) for number in range(1, VERSIONS + 1)} == set(reader.seen)
    assert [it[1] for it in reader.seen] == sorted(it[1] for it in reader.seen)
    assert reader.missing == 0 or publisher.way == "drop"


def test_two_publishers_at_once_leave_the_later_version(publisher: Publisher) -> None:
    publisher.publish(publisher.staged(1, rows_of(1)))
    for first in (2, 5):
        messages = [publisher.staged(number, rows_of(number)) for number in (first, first + 1, first + 2)]
        threads = [threading.Thread(target=until_it_ends, args=(publisher, message)) for message in messages]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        last = first + 2
        assert publisher.query(f"select count(*), max(version) from {publisher.name}") == [[last * 1000, last]]
        publisher.sweep()
        assert publisher.query(f"select count(*), max(version) from {publisher.name}") == [[last * 1000, last]]
        assert publisher.attempts() == []
        assert not [name for name in publisher.names() if "__check_" in name]


def until_it_ends(publisher: Publisher, message: Any) -> None:
    """As its queue does, on a connection of its own."""
    query = Trino(server(publisher.trino), publisher.trino.token).query
    for _ in range(5):
        with suppress(IngestionError):  # it is put back, or redriven
            publisher.publish(message, query=query)
            return
