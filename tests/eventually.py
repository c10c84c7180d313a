"""Wait for something that happens in a thread or a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually[T](look: Callable[[], T], wanted: Callable[[T], bool], *, seconds: float = 20) -> T:
    """Looks again until what it sees is wanted; fails with the last that it saw."""
    deadline = time.monotonic() + seconds
    while not wanted(seen := look()):
        assert time.monotonic() < deadline, f"still {seen!r} after {seconds} s"
        time.sleep(0.01)
    return seen
