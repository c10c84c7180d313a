"""The events of a local run, in order: the messages put on queues, and the stages of the ingestion."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """`at` is seconds since the run began. `queue` and `delay` (unscaled seconds) belong to a message on a queue."""

    at: float
    stage: str
    text: str = ""
    queue: str | None = None
    delay: int | None = None


class Story:
    """A thread-safe, ordered record; `listen` is called with every entry."""

    def __init__(self, listen: Callable[[Entry], None] = lambda _: None) -> None:
        self._began = time.monotonic()
        self._entries: list[Entry] = []
        self._changed = threading.Condition()
        self._listen = listen

    def tell(self, stage: str, text: str = "", *, queue: str | None = None, delay: int | None = None) -> None:
        """Adds an entry."""
        with self._changed:
            entry = Entry(time.monotonic() - self._began, stage, text, queue, delay)
            self._entries.append(entry)
            self._changed.notify_all()
        self._listen(entry)

    def listen_to(self, listen: Callable[[Entry], None]) -> None:
        """From now on `listen` is called with every entry."""
        self._listen = listen

    @property
    def entries(self) -> list[Entry]:
        with self._changed:
            return list(self._entries)

    def messages(self) -> list[Entry]:
        """The messages put on queues, in order."""
        return [entry for entry in self.entries if entry.queue is not None]

    def wait_for(self, true: Callable[[list[Entry]], bool], seconds: float) -> bool:
        """Whether the entries fulfil a condition within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: true(self._entries), seconds)


def kind_of(body: str) -> str:
    """Name a message body in one word: our kind, an RDS event's id, an S3 event's type, or `Notice` for plain text."""
    try:
        document: Any = json.loads(body)
    except ValueError:
        return "Notice"
    if not isinstance(document, dict):
        return "Notice"
    if "Type" in document and "Message" in document:
        return kind_of(document["Message"])
    if "Event ID" in document:
        return str(document["Event ID"]).rsplit("#", 1)[-1]
    if document.get("source") == "aws.rds":
        return str(document.get("detail", {}).get("EventID"))
    return str(document.get("kind") or document.get("detail-type") or "Notice")
