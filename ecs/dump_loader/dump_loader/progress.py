"""Log how far the load is for as long as it goes on, whatever it is waiting for."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_lambda_powertools import Logger

    from dump_loader.database.loading import Loaded
    from ingestion.clock import Clock


@contextmanager
def logged(loaded: Loaded, percent: Callable[[], float], *, every: float, clock: Clock, logger: Logger) -> Iterator[None]:
    """Log a line each `every` seconds: percent of the packed bytes, MB of SQL in all, and per second since the last line."""
    ended = threading.Event()

    def report() -> None:
        since, before = clock.monotonic(), 0
        while not ended.wait(every):
            now, done = clock.monotonic(), loaded.bytes
            logger.info(
                "Loading",
                percent=round(percent(), 1),
                megabytes=round(done / 1e6, 1),
                megabytes_per_second=round((done - before) / 1e6 / (now - since), 1),
                statements=loaded.statements,
            )
            since, before = now, done

    thread = threading.Thread(target=report, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
