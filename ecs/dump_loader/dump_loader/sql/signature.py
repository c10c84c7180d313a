"""Recognise the tool that wrote the SQL, and see whether all of it is there.

A whole dump says so at its end, and one that was cut does not:

    mysqldump, mariadb-dump, Adminer       a last line of their own
    the same without comments, mysqlpump,  variables that were saved at the beginning are restored
    HeidiSQL, Sequel Ace, phpMyAdmin
    phpMyAdmin                             one transaction around everything is committed

Scripts by hand and `mysqldump --compact` say nothing there. A cut between two of their statements cannot be seen: they are
loaded, with a remark.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from liberator.errors import DumpRejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dump_loader.sql.splitter import Statement

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MYSQLDUMP = re.compile(rb"^-- (?:MySQL|MariaDB) dump \d[^\n]*", re.MULTILINE)
_DATABASE = re.compile(rb"^-- Host: .*?\bDatabase: (\S[^\r\n]*?)\s*$", re.MULTILINE)
_ADMINER = re.compile(rb"-- Adminer \d")
_PHPMYADMIN = re.compile(rb"-- phpMyAdmin SQL Dump")
_COMPLETED = re.compile(rb"^-- Dump completed\b[^\n]*\s*\Z", re.MULTILINE)
_TIME = re.compile(rb"^-- \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?: \w+)?\s*\Z", re.MULTILINE)
_KEPT = 4096
_AGAIN = "Ask for the dump again, and upload it under the same name"

# A statement that neither defines nor fills a table.
_AROUND = re.compile(
    rb"""(?:/\*M?!\d*\s*+)?+(?:
        (?P<set>SET)\b
      | (?P<lock>LOCK\s+TABLES?)\b | (?P<unlock>UNLOCK\s+TABLES?)\b
      | (?P<begin>START\s+TRANSACTION\b|BEGIN(?:\s+WORK)?\s*+\Z) | (?P<commit>COMMIT)\b
      | ALTER\s+TABLE\s+(?:`[^`]++`|\S++)\s+(?:(?P<disable>DISABLE)|(?P<enable>ENABLE))\s+KEYS\b
      | (?:USE|SELECT|PREPARE|EXECUTE|DEALLOCATE)\b
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_OPENS = {"lock": "UNLOCK TABLES", "begin": "COMMIT", "disable": "ENABLE KEYS"}
_CLOSES = {"unlock": "UNLOCK TABLES", "commit": "COMMIT", "enable": "ENABLE KEYS"}
# `@saved = @@variable` saves it; a user variable that nothing is assigned to is read: that restores it.
_USER_VARIABLE = re.compile(rb"(?<!@)@([\w$]++)(?:\s*:?=\s*+(@@)?)?")
# mysqldump's around each table, trigger, routine and event: @saved_cs_client, @save_time_zone.
_OF_ONE_OBJECT = "@save"
_NO_SIGN = (
    "Nothing at the end of this dump says that it is whole: had it been cut between two statements, rows or tables would be "
    "missing unnoticed. Compare its row counts with those of the day before. Ask for dumps that mysqldump makes without "
    "--compact; a script by hand can end with the line `-- Dump completed`."
)


class Signature:
    """Watch the chunks go by. `by_mysqldump` and `database` are known once the first chunk has been seen.

    `note` takes each statement, in order; `refuse_unfinished` and `remarks` are for the end.
    """

    def __init__(self) -> None:
        self._first = b""
        self._last = b""
        self._open: dict[str, int] = {}  # what has to follow, and the line that makes it necessary
        self._around_all: set[str] = set()  # those of them that are around the whole dump
        self._defined_anything = False
        self._has_gap = False

    def watch(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if len(self._first) < _KEPT:
                self._first = (self._first + chunk[:_KEPT]).removeprefix(_BYTE_ORDER_MARK)
            self._last = (self._last + chunk[-_KEPT:])[-_KEPT:]
            yield chunk

    @property
    def by_mysqldump(self) -> bool:
        return _MYSQLDUMP.search(self._first[:_KEPT]) is not None

    @property
    def of_mariadb(self) -> bool:
        """See `-- MariaDB dump 10.19 Distrib 10.11.6-MariaDB`, up to 10.4 `-- MySQL dump 10.16 Distrib 10.1.48-MariaDB`."""
        return (header := _MYSQLDUMP.search(self._first[:_KEPT])) is not None and b"MariaDB" in header[0]

    @property
    def database(self) -> str | None:
        match = _DATABASE.search(self._first[:_KEPT]) if self.by_mysqldump else None
        return match[1].decode("utf-8", "replace") if match else None

    def note(self, statement: Statement) -> None:
        """Take the next statement. Raises DumpRejected for one without its delimiter: its last row may not be whole."""
        if not statement.ended:
            raise DumpRejected(
                f"The SQL ends in the middle of the statement that begins at line {statement.line}: the dump is truncated. "
                f"{_AGAIN}. If nothing is missing, end that statement with its delimiter."
            )
        around = None if statement.values_at else _AROUND.match(statement.text)
        self._defined_anything |= around is None
        # If the text were cut before this statement, nothing in it would say so.
        self._has_gap |= self._defined_anything and not self._around_all
        if around and (kind := around.lastgroup):
            if kind == "set":
                self._note_variables(bytes(statement.text), statement.line)
            elif kind in _OPENS:
                self._begin(_OPENS[kind], statement.line, all_of_it=kind == "begin" and self._by_phpmyadmin)
            else:
                self._end(_CLOSES[kind])

    def _note_variables(self, sql: bytes, line: int) -> None:
        for variable in _USER_VARIABLE.finditer(sql):
            name = "@" + variable[1].decode("utf-8", "replace").lower()
            if variable[2] and (name.startswith(_OF_ONE_OBJECT) or not self._defined_anything):
                self._begin(f"SET … = {name}", line, all_of_it=not name.startswith(_OF_ONE_OBJECT))
            elif variable.end() == variable.end(1):
                self._end(f"SET … = {name}")

    def _begin(self, what: str, line: int, *, all_of_it: bool) -> None:
        self._open[what] = line
        if all_of_it:
            self._around_all.add(what)

    def _end(self, what: str) -> None:
        self._open.pop(what, None)
        self._around_all.discard(what)

    @property
    def _by_phpmyadmin(self) -> bool:
        return _PHPMYADMIN.match(self._first) is not None

    def refuse_unfinished(self, uri: str) -> None:
        """Raise DumpRejected for a dump that lacks the end that its beginning promises."""
        if self._signed:
            return
        if self.by_mysqldump:
            problem = "it begins as mysqldump's, but its last line is not `-- Dump completed`"
        elif self._by_adminer:
            problem = "it begins as Adminer's, but its last line is not the time at which it was made"
        elif self._open:
            what, line = next(iter(self._open.items()))
            problem = f"line {line} needs a `{what}` further down, and there is none"
        else:
            return
        raise DumpRejected(
            f"The dump in {uri} is truncated: {problem}. {_AGAIN}. "
            "If nothing is missing, add `-- Dump completed` as its last line."
        )

    @property
    def _by_adminer(self) -> bool:
        return _ADMINER.match(self._first) is not None

    @property
    def _signed(self) -> bool:
        return bool(_COMPLETED.search(self._last) or (self._by_adminer and _TIME.search(self._last)))

    def remarks(self) -> list[str]:
        """Return a sentence for each thing that a person should know of a dump that is not refused."""
        if self._signed or not self._has_gap:
            return []
        return [_NO_SIGN]
