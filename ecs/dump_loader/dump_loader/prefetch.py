"""Make chunks in one thread while another one uses those before."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

_QUEUED = 4


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def prefetched(source: Iterable[bytes]) -> Generator[bytes]:
    """Yield the same chunks, made ahead in a thread of their own: unpacking leaves the interpreter free for the splitter."""
    ready: queue.Queue[bytes | _Failure | None] = queue.Queue(_QUEUED)
    stopped = threading.Event()

    def put(item: bytes | _Failure | None) -> None:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.2)
            except queue.Full:
                continue
            return

    def produce() -> None:
        try:
            for chunk in source:
                put(chunk)
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001  raised again where the chunks are used
            put(_Failure(error))

    thread = threading.Thread(target=produce, name="unpack", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, _Failure):
                raise item.error
            yield item
    finally:
        stopped.set()
        thread.join(5)
