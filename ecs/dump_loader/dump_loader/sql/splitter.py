"""Split a stream of SQL into statements, as the mysql client does, in memory bounded by the longest statement.

The text is read by a few compiled patterns whose possessive quantifiers let the C engine consume whole strings, comments
and rows without ever going back: about 250 MB/s for the extended INSERTs that a dump consists of.

As in the client: DELIMITER, the three kinds of comment, strings with doubled quotes and backslashes, `\\g` and `\\G`, a
USE without delimiter, a last statement without delimiter. Unlike in the client: bytes inside strings are never touched
(it turns CRLF into LF unless told --binary-mode), comments inside a statement are kept (routine bodies), and any other
client command (`source`, `system`, `\\!`) is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from dump_loader.sql.reading import Reading
from liberator.errors import DumpRejected

if TYPE_CHECKING:
    from collections.abc import Iterator

    type Text = bytes | memoryview

# How much of a statement is in the buffer before its beginning is judged, so that chunk boundaries never matter there.
_LOOKAHEAD = 16 * 1024
# From here on a statement is not copied.
_LARGE = 4 * 1024 * 1024
_SPACE = frozenset(b" \t\n\r\f\v")

_SKIPPED = re.compile(
    rb"""(?:
        \s++                                                        # between statements
      | --[^\n]*+\n | \#[^\n]*+\n                                   # as the client: here `--` needs no space after it
      | /\*(?!M?!)[^*]*+(?:\*(?!/)[^*]*+)*+\*/
      | /\*M!\d*+\\-[^*]*+(?:\*(?!/)[^*]*+)*+\*/                    # mariadb-dump's "enable the sandbox mode", no delimiter
    )*+""",
    re.VERBOSE | re.DOTALL,
)
_LINE_COMMENT = re.compile(rb"--|#")
_BLOCK_COMMENT = re.compile(rb"/\*(?!M?!)")
_DELIMITER = re.compile(rb"delimiter(?=\s)[ \t]*+([^\n]*+)\n", re.IGNORECASE)
_DELIMITER_WORD = re.compile(rb"\"([^\"]+)\"|'([^']+)'|`([^`]+)`|(\S+)")
_USE = re.compile(rb"use[ \t]++([^\n]*+)\n", re.IGNORECASE)
_NAME = rb"(?:`[^`]++`|[\w$\x80-\xff]++)"
_VALUES = re.compile(
    rb"(?:INSERT|REPLACE)\s++(?:IGNORE\s++)?INTO\s++" + _NAME + rb"(?:\." + _NAME + rb")?+\s*+"
    rb"(?:\((?:" + _NAME + rb"|[,\s])*+\)\s*+)?+VALUES\s*+(?=\()",
    re.IGNORECASE,
)
_HEX = re.compile(rb"x[0-9A-Fa-f]*+")
_HEX_DIGITS = re.compile(rb"[0-9A-Fa-f]*+")
_LITERAL_LENGTH = 64  # longer than any literal of VALUES that is neither a string nor hexadecimal


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that begins at `line`, from 1. From offset `values_at` on there are rows of literals only; 0: not known.

    It is `ended` if its delimiter was there; only the last one may be without.
    """

    number: int
    line: int
    text: Text
    values_at: int = 0
    ended: bool = True


@dataclass(frozen=True, slots=True)
class _Patterns:
    text: re.Pattern[bytes]
    values: re.Pattern[bytes]
    inside: dict[int, re.Pattern[bytes]]
    names: bytes


@lru_cache(maxsize=32)
def _patterns(delimiter: bytes, reading: Reading) -> _Patterns:
    """Compile what runs on until the delimiter, or until a token that the buffer doesn't hold to its end."""
    names = b'`"' if reading.names_in_quotes else b"`"
    body = {quote: _body(quote, escapes=reading.escapes and quote not in names) for quote in (b"'", b'"', b"`")}
    strings = [quote + inside + quote for quote, inside in body.items()]
    first, length = re.escape(delimiter[:1]), len(delimiter)
    not_delimiter = rb"(?=.{%d})(?!%b)" % (length, re.escape(delimiter))
    alternatives = [
        *strings,
        rb"-(?:(?=[^-])|(?=-\S))",
        rb"--(?=\s)[^\n]*+\n",
        rb"\#[^\n]*+\n",
        rb"/(?=[^*])",
        rb"/\*M?!",
        rb"/\*(?!M?!)[^*]*+(?:\*(?!/)[^*]*+)*+\*/",
        rb"\\N",
    ]
    if delimiter[:1] in b"'\"`-#/":
        alternatives = [not_delimiter + a if a.lstrip(b"\\").startswith(delimiter[:1]) else a for a in alternatives]
    elif length > 1:
        alternatives.append(not_delimiter + first)
    plain = rb"[^'\"`\\/\#\-" + first + rb"]*+"
    literals = [
        strings[0],
        rb"NULL",
        rb"-(?=[0-9.])",
        rb"x[0-9A-Fa-f]++(?=[^0-9A-Fa-f])",
        rb"[eE][+-]?+[0-9]",
        rb"_[a-z0-9]++\s*+(?=['0xXbB])",
        rb"[bBxXnN](?=')",
        *([] if reading.names_in_quotes else [strings[1]]),
        rb"(?i:null|true|false|default)\b",
    ]
    between = rb"[\s(),0-9.]*+"
    return _Patterns(
        text=re.compile(plain + rb"(?:(?:" + b"|".join(alternatives) + rb")" + plain + rb")*+", re.DOTALL),
        values=re.compile(between + rb"(?:(?:" + b"|".join(literals) + rb")" + between + rb")*+", re.DOTALL),
        inside={quote[0]: re.compile(inside, re.DOTALL) for quote, inside in body.items()},
        names=names,
    )


def _body(quote: bytes, *, escapes: bool) -> bytes:
    """Return the pattern of a string up to its closing quote. A doubled quote ends it and begins the next one."""
    if not escapes:
        return rb"[^%b]*+" % quote
    return rb"[^%b\\]*+(?:\\.[^%b\\]*+)*+" % (quote, quote)


class Splitter:
    """Iterate over the statements of `chunks`. Raises DumpRejected for text that ends in the middle of something,
    for a client command, and for a statement longer than `max_bytes`.

    `reading` mirrors the server's current sql_mode and character set. The caller sets it after each statement.
    """

    def __init__(self, chunks: Iterator[bytes], *, max_bytes: int, bound: str = "") -> None:
        """Begin with the first chunk. `bound` tells a person whose limit `max_bytes` is, and what to do about it."""
        self.reading = Reading()
        self._chunks = chunks
        self._max_bytes = max_bytes
        self._bound = bound
        self._buffer = bytearray()
        self._start = 0
        self._line = 1
        self._number = 0
        self._ended = False
        self._delimiter = b";"

    def __iter__(self) -> Iterator[Statement]:
        self._skip_byte_order_mark()
        while self._find_start():
            statement = None if self._client_command() else self._statement()
            if statement:
                yield statement
            del statement  # not kept in memory while the next one is read

    def _skip_byte_order_mark(self) -> None:
        while len(self._buffer) < 4 and self._fill():
            pass
        if self._buffer.startswith(b"\xef\xbb\xbf"):
            self._start = 3
        elif self._buffer.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise DumpRejected("The SQL is UTF-16, which no MySQL client reads. Export it again as UTF-8.")

    def _fill(self) -> bool:
        """Append the next chunk; at the end, once, a line feed or more, so that no pattern has to know about the end."""
        if self._ended:
            return False
        if self._start:
            del self._buffer[: self._start]
            self._start = 0
        for chunk in self._chunks:
            if chunk:
                self._buffer += chunk
                return True
        self._ended = True
        self._buffer += b"\n" * (len(self._delimiter) + 3)
        return True

    def _advance(self, to: int) -> None:
        self._line += self._buffer.count(b"\n", self._start, to)
        self._start = to

    def _find_start(self) -> bool:
        """Go to the first byte of the next statement, past blanks and comments. False at the end of the text."""
        while True:
            match = _SKIPPED.match(self._buffer, self._start)
            self._advance(match.end() if match else self._start)
            rest = len(self._buffer) - self._start
            if rest >= _LOOKAHEAD or self._ended:
                if _LINE_COMMENT.match(self._buffer, self._start):
                    self._skip_long_comment(b"\n")
                elif _BLOCK_COMMENT.match(self._buffer, self._start):
                    self._skip_long_comment(b"*/")
                else:
                    return rest > 0
            else:
                self._fill()

    def _skip_long_comment(self, closing: bytes) -> None:
        """Throw away, as it comes, a comment that the buffer doesn't hold to its end."""
        at = self._start + 2 if closing == b"*/" else self._start
        while (found := self._buffer.find(closing, at)) < 0:
            self._advance(max(self._start, len(self._buffer) - 1))
            if not self._fill():
                raise self._cut_short("a comment", self._line)
            at = self._start
        self._advance(found + len(closing))

    def _client_command(self) -> bool:
        """Take DELIMITER, which ends with its line whatever the delimiter is."""
        if not (match := _DELIMITER.match(self._buffer, self._start)):
            return False
        word = _DELIMITER_WORD.match(match[1].strip())
        delimiter = next(filter(None, word.groups()), b"") if word else b""
        if not delimiter or b"\\" in delimiter:
            raise DumpRejected(
                f"Line {self._line}: DELIMITER needs a text to the right of it, without backslash. Correct the dump."
            )
        self._delimiter = bytes(delimiter)
        self._advance(match.end())
        return True

    def _statement(self) -> Statement | None:
        """Take the text up to the next delimiter, and go past that. None if there is nothing between two delimiters."""
        line = self._line
        if (use := _USE.match(self._buffer, self._start)) and self._delimiter not in use[0]:
            self._advance(use.end())
            return self._numbered(line, bytes(use[0]).strip())
        length, after, values_at = self._measure(line)
        if self._ended and self._start + length + after >= len(self._buffer):
            while length and self._buffer[self._start + length - 1] in _SPACE:
                length -= 1
        text = self._cut(length)
        self._advance(min(self._start + after, len(self._buffer)))
        return self._numbered(line, text, values_at, ended=after > 0) if length else None

    def _numbered(self, line: int, text: Text, values_at: int = 0, *, ended: bool = True) -> Statement:
        self._number += 1
        return Statement(self._number, line, text, values_at, ended)

    def _cut(self, length: int) -> Text:
        """Take the next bytes. A large statement takes the buffer with it instead of being copied."""
        end = self._start + length
        self._line += self._buffer.count(b"\n", self._start, end)
        if length < _LARGE:
            with memoryview(self._buffer) as view:
                text: Text = bytes(view[self._start : end])
            self._start = end
            return text
        taken, self._buffer = self._buffer, self._buffer[end:]
        text = memoryview(taken)[self._start : end]
        self._start = 0
        return text

    def _measure(self, line: int) -> tuple[int, int, int]:
        """Return the lengths of the statement and of its end, and where its rows begin if they have literals only.

        Positions are kept relative to the start, because filling the buffer moves it.
        """
        patterns = _patterns(self._delimiter, self.reading)
        values_at = position = 0
        if self._delimiter == b";" and (match := _VALUES.match(self._buffer, self._start)):
            values_at = position = match.end() - self._start
        while True:
            run = (patterns.values if values_at else patterns.text).match(self._buffer, self._start + position)
            position = run.end() - self._start if run else position
            at = self._start + position
            if position > self._max_bytes:
                raise self._too_long(line)
            if self._buffer.startswith(self._delimiter, at):
                return position, len(self._delimiter), values_at
            if at == len(self._buffer):
                if not self._fill():
                    return position, 0, values_at
            elif values_at:
                position, values_at = self._literal(patterns, position, values_at, line)
            elif (byte := self._buffer[at]) in patterns.inside:
                position = self._end_of(patterns.inside[byte], position + 1, bytes((byte,)), line)
            elif self._buffer.startswith((b"\\g", b"\\G"), at):
                return position, 2, values_at
            else:
                position = self._token(position, line)

    def _literal(self, patterns: _Patterns, position: int, values_at: int, line: int) -> tuple[int, int]:
        """Pass, among rows, a literal that the buffer doesn't hold to its end, or something else, as a function's name."""
        at = self._start + position
        if (byte := self._buffer[at]) in patterns.names:
            return position, 0
        if byte in patterns.inside:
            return self._end_of(patterns.inside[byte], position + 1, bytes((byte,)), line), values_at
        if (hexadecimal := _HEX.match(self._buffer, at)) and hexadecimal.end() > at + 1:
            return self._end_of(_HEX_DIGITS, hexadecimal.end() - self._start, b"", line), values_at
        if len(self._buffer) - at >= _LITERAL_LENGTH or not self._fill():
            return position, 0
        return position, values_at

    def _token(self, position: int, line: int) -> int:
        """Pass, outside rows, a token that the buffer doesn't hold to its end. Raises DumpRejected for a client command."""
        at = self._start + position
        if self._buffer.startswith(b"/*", at) and len(self._buffer) - at > 3:
            return self._end_of_comment(position, line)
        if self._buffer[at] == ord("\\") and at + 1 < len(self._buffer):
            raise self._client_escape(at)
        return position if self._fill() else position + 1

    def _end_of(self, inside: re.Pattern[bytes], position: int, closing: bytes, line: int) -> int:
        """Return the position after a string that the buffer may not hold to its end. Every byte is looked at once."""
        while True:
            match = inside.match(self._buffer, self._start + position)
            position = match.end() - self._start if match else position
            at = self._start + position
            if at < len(self._buffer) and (not closing or self._buffer.startswith(closing, at)):
                return position + len(closing)
            if position > self._max_bytes:
                raise self._too_long(line)
            if not self._fill():
                raise self._cut_short("a string", line)

    def _end_of_comment(self, position: int, line: int) -> int:
        at = position + 2
        while (found := self._buffer.find(b"*/", self._start + at)) < 0:
            at = max(at, len(self._buffer) - self._start - 1)
            if at > self._max_bytes:
                raise self._too_long(line)
            if not self._fill():
                raise self._cut_short("a comment", line)
        return found - self._start + 2

    def _cut_short(self, inside: str, line: int) -> DumpRejected:
        return DumpRejected(
            f"The SQL ends in the middle of {inside}, in the statement that begins at line {line}: the dump is truncated. "
            "Ask for it again, and upload it under the same name."
        )

    def _too_long(self, line: int) -> DumpRejected:
        return DumpRejected(
            f"Statement {self._number + 1}, line {line}, is longer than {self._max_bytes:,} bytes. {self._bound} "
            "Where it is many rows, dump with a smaller --net-buffer-length."
        )

    def _client_escape(self, at: int) -> DumpRejected:
        line = self._line + self._buffer.count(b"\n", self._start, at)
        command = self._buffer[at : at + 2].decode("ascii", "replace")
        return DumpRejected(
            f"Statement {self._number + 1}, line {line}: {command} is a command of the mysql client, not SQL. "
            "Remove it from the dump."
        )
