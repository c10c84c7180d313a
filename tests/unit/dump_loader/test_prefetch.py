"""Chunks made ahead are the same chunks, and their thread ends with them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from dump_loader.prefetch import prefetched


def test_chunks_come_in_their_order() -> None:
    chunks = [bytes([i]) for i in range(100)]
    assert list(prefetched(chunks)) == chunks


def test_an_error_comes_after_the_chunks_before_it() -> None:
    def broken() -> Iterator[bytes]:
        yield b"whole"
        raise EOFError

    found = prefetched(broken())
    assert next(found) == b"whole"
    with pytest.raises(EOFError):
        next(found)


def test_only_a_few_chunks_are_made_ahead_and_none_after_the_end() -> None:
    made: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            made.append(threading.get_ident())
            yield b"x"

    with closing(prefetched(endless())) as found:
        assert next(found) == b"x"
    assert threading.get_ident() not in made
    assert len(made) <= 7  # one is used, four wait, one is in the thread's hand
    assert not [t for t in threading.enumerate() if t.name == "unpack"]
