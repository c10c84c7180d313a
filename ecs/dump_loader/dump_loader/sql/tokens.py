"""Take one statement apart into tokens, and resolve conditional comments as the server would.

It serves for definitions, SET, and the head of an INSERT, not for rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import TYPE_CHECKING

from dump_loader.sql.reading import Reading

if TYPE_CHECKING:
    from dump_loader.sql.server import Server


class Kind(Enum):
    WORD = auto()  # unquoted: a keyword, a name or a number
    NAME = auto()  # `quoted`, or "quoted" where that is a name
    STRING = auto()  # 'quoted' or "quoted"
    SIGN = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A token. `text` is as written, without quotes; `word` is the same, but upper case if unquoted."""

    kind: Kind
    text: str
    start: int
    end: int
    word: str

    def says(self, *words: str) -> bool:
        """Tell whether it is one of these keywords or signs. Quoted text never is."""
        return self.word in words and self.kind in (Kind.WORD, Kind.SIGN)

    @property
    def name(self) -> bool:
        return self.kind in (Kind.WORD, Kind.NAME)


NOTHING = Token(Kind.SIGN, "", 0, 0, "")


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement for the bytes from `start` to `end`."""

    start: int
    end: int
    replacement: bytes


@lru_cache(maxsize=4)
def _pattern(reading: Reading) -> re.Pattern[bytes]:
    single, double = (
        rb"%b[^%b\\]*+(?:(?:\\.|%b%b)[^%b\\]*+)*+%b" % ((q,) * 6)
        if escapes
        else rb"%b[^%b]*+(?:%b%b[^%b]*+)*+%b" % ((q,) * 6)
        for q, escapes in ((b"'", reading.escapes), (b'"', reading.escapes and not reading.names_in_quotes))
    )
    quoted = rb"`[^`]*+(?:``[^`]*+)*+(?:`|\Z)"
    name, string = (quoted + b"|" + double, single) if reading.names_in_quotes else (quoted, single + b"|" + double)
    return re.compile(
        rb"(?P<blank>\s++|(?:\#|--(?=[\s\x00-\x1f]|\Z))[^\n]*+|/\*(?!M?!)[^*]*+(?:\*(?!/)[^*]*+)*+(?:\*/|\Z))"
        rb"|(?P<open>/\*(?P<maria>M?)!(?P<version>\d{5,6}|))"
        rb"|(?P<close>\*/)"
        rb"|(?P<word>[\w$\x80-\xff]++)"
        rb"|(?P<name>" + name + rb")"
        rb"|(?P<string>" + string + rb")"
        rb"|(?P<sign>.)",
        re.DOTALL,
    )


_USUAL = Reading()
_COMMENT_EDGE = re.compile(rb"/\*|\*/")


def resolved(sql: bytes, server: Server, reading: Reading = _USUAL) -> bytes:
    """Return the statement as the server executes it: conditional comments are laid open, or gone if it ignores them.

    So exactly the statement is judged that is executed. Nothing is left that a server of another version would read
    otherwise.
    """
    if b"/*!" not in sql and b"/*M!" not in sql:
        return sql
    pattern, parts, position, kept = _pattern(reading), [], 0, 0
    depth = 0
    while match := pattern.match(sql, position):
        position = match.end()
        if match.lastgroup == "close" and depth:
            depth -= 1
            parts += [sql[kept : match.start()], b" "]
            kept = position
        elif match["open"] is not None:
            parts += [sql[kept : match.start()], b" "]
            if server.executes(match["maria"].decode(), match["version"].decode()):
                depth += 1
            else:
                position = _end_of_ignored(sql, position)
            kept = position
    return b"".join([*parts, sql[kept:]])


def _end_of_ignored(sql: bytes, position: int) -> int:
    """Return the place after a conditional comment that the server ignores; one comment may be nested in it."""
    depth = 1
    while depth and (edge := _COMMENT_EDGE.search(sql, position)):
        position = edge.end()
        depth += 1 if edge[0] == b"/*" and depth == 1 else -1 if edge[0] == b"*/" else 0
    return len(sql) if depth else position


def tokenised(sql: bytes, reading: Reading = _USUAL) -> list[Token]:
    """Return the tokens of a statement without conditional comments. Blanks and comments are left out."""
    found = []
    for match in _pattern(reading).finditer(sql):
        text = match[0].decode("utf-8", "replace")
        match match.lastgroup:
            case "word":
                found.append(Token(Kind.WORD, text, *match.span(), word=text.upper()))
            case "name":
                name = text[1:-1].replace(text[0] * 2, text[0])
                found.append(Token(Kind.NAME, name, *match.span(), word=name))
            case "string":
                found.append(Token(Kind.STRING, text[1:-1], *match.span(), word=text[1:-1]))
            case "sign" | "close":
                found.append(Token(Kind.SIGN, text, *match.span(), word=text))
    return found


def parts_of(tokens: list[Token], opening: int) -> tuple[list[list[Token]], int]:
    """Return the parts between the commas of the outermost parentheses, and where these are closed."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for at, token in enumerate(tokens[opening:], opening):
        depth += token.says("(") - token.says(")")
        if depth == 0:
            return parts, at
        if depth == 1 and token.says(","):
            parts.append([])
        elif depth > 1 or not token.says("("):
            parts[-1].append(token)
    return [], len(tokens)


def first(tokens: list[Token], *words: str) -> int:
    """Return the place of the first of these words; the number of tokens if there is none."""
    return next((i for i, token in enumerate(tokens) if token.says(*words)), len(tokens))


def edited(sql: bytes, edits: list[Edit]) -> bytes:
    """Return the statement with the edits made, but for those that lie within another."""
    if not edits:
        return sql
    parts, position = [], 0
    for edit in sorted(edits, key=lambda e: e.start):
        if edit.start < position:
            continue
        parts += [sql[position : edit.start], edit.replacement]
        position = edit.end
    return b"".join([*parts, sql[position:]])
