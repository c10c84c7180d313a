"""Secondary indexes of a large table, which are dropped before most of its rows are there, and built when all are.

Sorting once costs a server a fraction of finding the place of every row in every index; `make bench` shows how much.
Nothing else about the table changes, and the index is the same afterwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dump_loader.sql.tokens import NOTHING, Kind, Token, first, parts_of, tokenised

_COLUMN = rb"`[^`]+`(?:\(\d+\))?(?: (?:ASC|DESC))?"
_PLAIN_KEY = re.compile(rb"KEY (`[^`]+`) \(%b(?:, ?%b)*\)(?: USING BTREE)?" % (_COLUMN, _COLUMN))


@dataclass(frozen=True, slots=True)
class Indexes:
    """Statements that drop the indexes, and that add them again."""

    drop: bytes
    add: bytes


def rebuildable(sql: bytes) -> Indexes | None:
    """Return the indexes of a CREATE TABLE by mysqldump; None where nothing is gained, or something else may need them.

    Left alone are unique keys, full-text, spatial and functional ones; tables with foreign keys; an auto-increment column
    outside the primary key, which needs its index; other engines; names that are not ASCII, as the session may have another
    character set by then.
    """
    tokens = tokenised(sql)
    opening = first(tokens, "(")
    parts, closing = parts_of(tokens, opening)
    if not _of_innodb(tokens[closing:]) or any(t.says("REFERENCES") for t in tokens):
        return None
    texts = [sql[part[0].start : part[-1].end] for part in parts if part]
    keys = [match for text in texts if text.isascii() and (match := _PLAIN_KEY.fullmatch(text))]
    name = sql[_name_start(tokens) : tokens[opening - 1].end]
    if not keys or not name.isascii() or not _numbered_by_primary_key(parts):
        return None
    table = b"ALTER TABLE " + name + b" "
    return Indexes(table + b", ".join(b"DROP KEY " + k[1] for k in keys), table + b", ".join(b"ADD " + k[0] for k in keys))


def _name_start(tokens: list[Token]) -> int:
    after = next(i for i, token in enumerate(tokens) if token.says("TABLE")) + 1
    while tokens[after].says("IF", "NOT", "EXISTS"):
        after += 1
    return tokens[after].start


def _of_innodb(options: list[Token]) -> bool:
    """Tell whether the options of a definition say so."""
    engines = zip(options, [*options[1:], NOTHING], [*options[2:], NOTHING, NOTHING], strict=False)
    return any(a.says("ENGINE") and b.says("=") and c.word.upper() == "INNODB" for a, b, c in engines)


def _numbered_by_primary_key(parts: list[list[Token]]) -> bool:
    numbered = {part[0].word for part in parts if any(t.says("AUTO_INCREMENT") for t in part)}
    primary = {part[3].word for part in parts if len(part) > 3 and part[0].says("PRIMARY") and part[3].kind is Kind.NAME}
    return numbered <= primary
