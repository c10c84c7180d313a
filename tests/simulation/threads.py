"""Threads that run one after the other: actors of the simulation give way only where they call AWS or sleep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from random import Random
from typing import Any, Self


class Threads:
    """Stands in for a ThreadPoolExecutor, in an order of chance."""

    def __init__(self, chance: Random, *_: object, **__: object) -> None:
        self._chance = chance

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map[T, R](self, do: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        every = list(items)
        order = self._chance.sample(range(len(every)), len(every))
        results: dict[int, R] = {}
        failed: Exception | None = None
        for i in order:
            try:
                results[i] = do(every[i])
            except Exception as error:  # noqa: BLE001  raised again, as the pool does
                failed = failed or error
                if self._chance.random() < 0.5:  # what has not begun is cancelled
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
