"""A reader who asks for all of a table again and again, and takes down what it was shown each time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Self

from trino.exceptions import TrinoQueryError

from data_commons.catalog import MISSING
from data_commons.sql import Name, identifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.emulator.trino_access import TrinoAccess

_PAUSE = 0.1

type Seen = tuple[Any, ...]


def fingerprint(name: Name, columns: Sequence[str]) -> str:
    """The question: how many rows, and a checksum over all values of each column."""
    sums = ", ".join(f"checksum({identifier(column)})" for column in columns)
    return f"select count(*), {sums} from {name}"


class Reader:
    """Context manager: reads for as long as the block lasts. `missing` counts how often there was no table."""

    def __init__(self, access: TrinoAccess, question: str) -> None:
        self._access, self._question = access, question
        self.seen: list[Seen] = []
        self.missing = 0
        self.faults: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    @property
    def reads(self) -> int:
        return len(self.seen) + self.missing

    def sees(self, wanted: Seen, seconds: float) -> bool:
        """Whether it is shown this within so many seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.seen and self.seen[-1] == wanted:
                return True
            time.sleep(0.05)
        return False

    def _run(self) -> None:
        connection = self._access.connect()
        while not self._stop.is_set():
            try:
                [row] = connection.cursor().execute(self._question).fetchall()
                self.seen.append(tuple(row))
                self._stop.wait(_PAUSE)  # so that others get a word in
            except Exception as error:  # noqa: BLE001  whatever it is, a reader has seen it
                if self._stop.is_set():
                    return
                if isinstance(error, TrinoQueryError) and error.error_name in MISSING:
                    self.missing += 1
                else:
                    self.faults.append(str(error))
                    self._stop.wait(_PAUSE)
