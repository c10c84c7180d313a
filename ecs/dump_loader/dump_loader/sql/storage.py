"""Take engines, directories and formats of the source out of a table's definition: storage is the instance's business.

Every table becomes InnoDB's. "Point-In-Time restore and snapshot restore require a recoverable storage engine and are
supported for the InnoDB storage engine only." An export reads such a snapshot. In it, a MEMORY table is empty and a MyISAM
table may be damaged, without a word. https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/MySQL.Concepts.FeatureSupport.html

Directories, tablespaces and keyrings of the source do not exist on the instance, whose volume is encrypted as a whole. A row
format that InnoDB lacks is an error to it, and its own default takes the longest rows and keys of all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dump_loader.sql.refusal import Refused
from dump_loader.sql.tokens import NOTHING, Edit, Kind, Token, first, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_INNODB = frozenset({"INNODB", "INNOBASE", "XTRADB"})
# mysqldump dumps their rows; InnoDB holds them as well. What others show is kept elsewhere, or nowhere.
_WITH_ROWS = frozenset(
    {"ARCHIVE", "ARIA", "BDB", "BERKELEYDB", "COLUMNSTORE", "CSV", "HEAP", "ISAM", "MARIA", "MEMORY", "MROONGA", "MYISAM"}
    | {"NDB", "NDBCLUSTER", "PBXT", "ROCKSDB", "TOKUDB"}
)
_TAKEN_OUT = frozenset(
    {"ENCRYPTED", "ENCRYPTION", "ENCRYPTION_KEY_ID", "KEY_BLOCK_SIZE", "PAGE_CHECKSUM", "PAGE_COMPRESSED"}
    | {"PAGE_COMPRESSION_LEVEL", "ROW_FORMAT", "TABLESPACE", "TRANSACTIONAL"}
)
# A column may have an option's name: ALTER TABLE t ADD engine INT AFTER tablespace.
_BEFORE_COLUMN = frozenset({"ADD", "AFTER", "ALTER", "CHANGE", "COLUMN", "DROP", "EXISTS", "MODIFY", "RENAME", "TO"})
_BEGINS_KEY = frozenset({"CONSTRAINT", "INDEX", "KEY", "PRIMARY", "UNIQUE"})


@dataclass(frozen=True, slots=True)
class _Option:
    """An option: the tokens from `first` up to `end`, of which the last is the value. Its `name` is upper case."""

    name: str
    first: int
    end: int


def storage_edits(tokens: list[Token], at: int) -> tuple[list[Edit], str]:
    """Return the edits of CREATE or ALTER TABLE, and the engine that InnoDB stands in for, mostly none. TABLE is `at`.

    Raises Refused for an engine that keeps no rows in the table itself.
    """
    instead = ""
    edits = []
    for option in _options(tokens, at):
        value = tokens[option.end - 1]
        # ALTER TABLE must not be left with a comma too many; a second ENGINE is none
        replacement = b"ENGINE=InnoDB" if tokens[0].says("ALTER") or option.name == "ENGINE" else b""
        if option.name == "ENGINE":
            engine = value.word.upper()
            if engine in _INNODB:
                continue
            if engine not in _WITH_ROWS:
                raise Refused(f"a table of the engine {value.text} has no rows of its own; dump without it (--ignore-table)")
            instead = value.text
        edits.append(Edit(tokens[option.first].start, value.end, replacement))
    return edits + (_numbered_in_groups(tokens) if instead else []), instead


def _numbered_in_groups(tokens: list[Token]) -> list[Edit]:
    """Take out AUTO_INCREMENT where no key begins with the column, as InnoDB wants. The rows bring their numbers.

    https://dev.mysql.com/doc/refman/8.4/en/example-auto-increment.html
    """
    parts, _ = parts_of(tokens, first(tokens, "("))
    keys = [part[first(part, "(") + 1 :] for part in parts if part and part[0].says(*_BEGINS_KEY)]
    leading = {key[0].text.casefold() for key in keys if key}
    return [
        Edit(token.start, token.end, b"")
        for part in parts
        for token in part
        if token.says("AUTO_INCREMENT")
        and part[0].text.casefold() not in leading
        and not any(t.says("KEY", "PRIMARY", "UNIQUE") for t in part)
    ]


def _options(tokens: list[Token], at: int) -> Iterator[_Option]:
    """Yield the options of the table and of its partitions. Other parentheses and a query behind have none."""
    may_stand = [True]
    position = at + 1
    while position < len(tokens):
        token, following = tokens[position], _at(tokens, position + 1)
        if token.says("("):
            may_stand.append(following.says("PARTITION", "SUBPARTITION"))
        elif token.says(")"):
            may_stand = may_stand[:-1] or [True]
        elif len(may_stand) == 1 and token.says("AS", "SELECT") and tokens[0].says("CREATE"):
            return
        elif may_stand[-1] and position > at + 1 and (option := _option(tokens, position)):
            yield option
            position = option.end
            continue
        position += 1


def _option(tokens: list[Token], first: int) -> _Option | None:
    if tokens[first - 1].says(".", *_BEFORE_COLUMN):
        return None
    name, value = tokens[first].word.upper(), first + 1
    if name in ("DATA", "INDEX") and _at(tokens, value).says("DIRECTORY"):
        name, value = "DIRECTORY", value + 1
    equals = _at(tokens, value).says("=")
    value += equals
    found = _at(tokens, value)
    if not (found.name or found.kind is Kind.STRING):
        return None
    engine = name == "ENGINE" and (equals or found.word.upper() in _INNODB | _WITH_ROWS)
    return _Option(name, first, value + 1) if engine or name == "DIRECTORY" or name in _TAKEN_OUT else None


def _at(tokens: list[Token], position: int) -> Token:
    return tokens[position] if position < len(tokens) else NOTHING
