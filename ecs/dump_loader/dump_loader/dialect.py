"""What wrote the SQL, and whether it is all there: mysqldump and mariadb-dump sign their beginning and their end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ingestion.errors import DumpRejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HEADER = re.compile(rb"^-- (?:MySQL|MariaDB) dump \d", re.MULTILINE)
_DATABASE = re.compile(rb"^-- Host: .*?\bDatabase: (\S[^\r\n]*?)\s*$", re.MULTILINE)
_END = re.compile(rb"^-- Dump completed\b[^\n]*\s*\Z", re.MULTILINE)
_KEPT = 4096


class Signature:
    """Watches the chunks go by. `by_mysqldump` and `database` are known once the first chunk has been seen.

    A dump without comments (--skip-comments, --compact) and a script made by hand have neither header nor end line.
    """

    def __init__(self) -> None:
        self._first = b""
        self._last = b""

    def watch(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if len(self._first) < _KEPT:
                self._first += chunk[:_KEPT]
            self._last = (self._last + chunk[-_KEPT:])[-_KEPT:]
            yield chunk

    @property
    def by_mysqldump(self) -> bool:
        return _HEADER.search(self._first[:_KEPT]) is not None

    @property
    def database(self) -> str | None:
        match = _DATABASE.search(self._first[:_KEPT]) if self.by_mysqldump else None
        return match[1].decode("utf-8", "replace") if match else None

    def refuse_unfinished(self, uri: str) -> None:
        """Raises DumpRejected for a dump that has mysqldump's header but not its end line."""
        if self.by_mysqldump and not _END.search(self._last):
            raise DumpRejected(
                f"The dump in {uri} is truncated: it begins as mysqldump's, but its last line is not `-- Dump completed`. "
                "Ask for the dump again, and upload it under the same name."
            )
