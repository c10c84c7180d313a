"""Something that happens at a call of S3: before it takes effect, or after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from types import SimpleNamespace
from typing import Any

from tests.fakes import FakeS3
from tests.unit.ingestion.landing_zone.source import attempt, original_of, plan_of


class AtCall:
    """S3 as one attempt sees it. `do` happens at its call of that number, from 1; without a number, at every call."""

    def __init__(self, s3: FakeS3, number: int | None, when: str, do: Callable[[], object]) -> None:
        self._s3, self._number, self._when, self._do = s3, number, when, do
        self.made = 0

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        real = getattr(self._s3, operation)
        if operation == "get_paginator":
            pages = real("list_objects_v2").paginate
            return lambda _: SimpleNamespace(paginate=lambda **request: self._call(lambda: list(pages(**request))))
        return lambda **request: self._call(lambda: real(**request))

    def _call(self, take_effect: Callable[[], Any]) -> Any:
        self.made += 1
        now = self._number in (None, self.made)
        if now and self._when == "before":
            self._do()
        answer = take_effect()
        if now and self._when == "after":
            self._do()
        return answer


def at_each_call(when: str, do: Callable[[FakeS3], object]) -> Iterator[tuple[FakeS3, AtCall]]:
    """A new S3 for each call that an attempt makes in it, and once more, undisturbed."""
    for number in count(1):
        s3 = files()
        client = AtCall(s3, number, when, lambda s3=s3: do(s3))  # type: ignore[misc]
        yield s3, client
        if client.made < number:
            return


def files() -> FakeS3:
    """S3 with the originals of three attempts."""
    s3 = FakeS3()
    for bucket in ("files", "landing"):
        s3.create_bucket(Bucket=bucket)
    for load in (1, 2, 3):
        for key in plan_of(attempt(load)):
            s3.put_object(Bucket="files", Key=original_of(attempt(load), key), Body=b"x")
    s3.calls.clear()
    return s3
