"""What of the process is replaced while simulations run: AWS's clients, the time, threads, and the load into MySQL."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stdout
from datetime import datetime, tzinfo
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch
from uuid import UUID

import boto3

# whatever of them a function or the loader uses is in sys.modules now
import dump_loader.__main__ as loader
from dump_loader import ingest, progress, snapshot
from dump_loader.archive import s3_file, unpacking
from tests.simulation import rds
from tests.simulation.world import Killed

if TYPE_CHECKING:
    from tests.simulation.system import System

_OURS = ("ingestion", "snapshot_to_s3", "s3_to_s3_copier", "prod_to_preprod", "dump_loader")

current: System = None  # type: ignore[assignment]  # the one that was made last


class _Datetime(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return current.world.now


_TIME = SimpleNamespace(monotonic=lambda: current.world.seconds, sleep=lambda seconds: current.world.sleep(seconds))


class Pool:
    """A ThreadPoolExecutor of one after the other, in an order of chance."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map[T, R](self, do: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        every, chance = list(items), current.world.chance
        order = chance.sample(range(len(every)), len(every))
        results: dict[int, R] = {}
        failed: Exception | None = None
        for i in order:
            try:
                results[i] = do(every[i])
            except Exception as error:  # noqa: BLE001  raised again, as the pool does
                failed = failed or error
                if chance.random() < 0.5:  # what has not begun is cancelled
                    break
        if failed:
            raise failed
        return (results[i] for i in range(len(every)))

    def submit(self, do: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(do(*arguments))
        except Exception as error:  # noqa: BLE001  raised again by result()
            future.set_exception(error)
        return future

    def shutdown(self, *_: object, **__: object) -> None:
        pass


class _Event:
    """A threading.Event that nobody sets while somebody waits."""

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def wait(self, seconds: float) -> bool:
        current.world.sleep(seconds)
        return self._is_set


def _load(chunks: Iterator[bytes], *_: object, loaded: Any, **__: object) -> None:
    loaded.bytes += rds.load(current.rds, b"".join(chunks))


@contextmanager
def installed() -> Iterator[None]:
    """Within it, the project's code works on `patches.current`."""
    with ExitStack() as stack:

        def put(holder: Any, name: str, instead: Any) -> None:
            stack.enter_context(patch.object(holder, name, instead))

        for name, module in list(sys.modules.items()):
            if name.split(".")[0] in _OURS:
                if getattr(module, "datetime", None) is datetime:
                    put(module, "datetime", _Datetime)
                if getattr(module, "time", None) is time:
                    put(module, "time", _TIME)
        put(boto3, "client", lambda service, **_: current.session.client(service))
        put(s3_file, "ThreadPoolExecutor", Pool)
        put(s3_file, "threading", SimpleNamespace(Event=_Event))
        put(unpacking, "ahead", lambda chunks: chunks)
        put(progress, "logged", lambda *_, **__: nullcontext())
        put(ingest, "load", _load)
        put(snapshot, "uuid4", lambda: UUID(int=current.world.chance.getrandbits(128), version=4))
        put(loader, "connector", lambda *_: partial(_connect))
        put(loader, "signal", SimpleNamespace(signal=lambda *_: None, SIGTERM=None))
        put(loader, "_return_memory", lambda: None)
        stack.enter_context(patch.dict(os.environ, POWERTOOLS_METRICS_NAMESPACE="Simulation"))
        stack.enter_context(redirect_stdout(stack.enter_context(Path(os.devnull).open("w"))))  # metrics
        disabled = logging.root.manager.disable
        stack.callback(logging.disable, disabled)
        logging.disable(logging.CRITICAL)
        yield


def _connect(_database: str | None) -> rds.Connection:
    return rds.Connection(current.rds)


__all__ = ["Killed", "Pool", "current", "installed", "loader"]
