"""Find the names of tables, views, routines and databases in a statement, to see if it reaches into another database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dump_loader.sql.tokens import NOTHING, Kind, Token

if TYPE_CHECKING:
    from collections.abc import Sequence

# Of the server itself; information_schema is not among them: it is read-only, and tells each account its own.
SYSTEM_DATABASES = frozenset({"mysql", "performance_schema", "sys"})
_BEFORE_NAME = frozenset(
    {"CALL", "FROM", "INTO", "JOIN", "REFERENCES", "STRAIGHT_JOIN", "TABLE", "TABLES", "TO", "UPDATE", "USING"}
)
_BEFORE_NAME_IN_DEFINITION = frozenset({"EVENT", "FUNCTION", "ON", "PROCEDURE", "RENAME", "SEQUENCE", "TRIGGER", "VIEW"})
_BEFORE_LIST = frozenset({"FROM", "TABLE", "TABLES", "UPDATE", "USING", "VIEW"})
_ENDS_LIST = frozenset(
    {"GROUP", "HAVING", "LIMIT", "ORDER", "RETURNING", "SELECT", "SET", "UNION", "VALUES", "WHERE", "WINDOW"}
)
_ENDS_HEAD = frozenset({"AS", "BEGIN", "DO", "EACH", "SELECT"})
# Between the keyword and the name: TABLE IF NOT EXISTS, INSERT IGNORE INTO, DELETE QUICK FROM.
_TRANSPARENT = frozenset({"DELAYED", "EXISTS", "HIGH_PRIORITY", "IF", "IGNORE", "LOW_PRIORITY", "NOT", "ONLY"})
# EXTRACT(YEAR FROM t.issued) and its like have a FROM that no table follows.
_FROM_IS_AN_ARGUMENT = frozenset({"EXTRACT", "MID", "OVERLAY", "SUBSTR", "SUBSTRING", "TRIM"})
_TAKE_A_SEQUENCE = frozenset({"LASTVAL", "NEXTVAL", "SETVAL"})


@dataclass(frozen=True, slots=True)
class Qualified:
    """A qualified name in a table's place: its database, and the bytes that the database and the dot take."""

    database: str
    start: int
    end: int


@dataclass(slots=True)
class _Level:
    """One level of parentheses."""

    lists_names: bool = False
    argument: bool = False


class _Reader:
    """Go through the tokens once. While `expected`, the next name is one of a table, view or routine, not of a column.

    While `in_head`, the created object is still being named; the body of a routine or the columns of a view come later.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._levels = [_Level()]
        self._in_head = bool(tokens) and tokens[0].says("CREATE", "ALTER", "DROP", "RENAME")
        self._of_routine = False
        self._expected = False
        self._aliases: set[str] = set()

    def found(self) -> list[Qualified]:
        in_place, elsewhere = [], []
        position = 0
        while position < len(self._tokens):
            token, length = self._tokens[position], self._chain(position)
            if length >= 3:
                function = self._at(position + length).says("(")
                name = Qualified(token.text, token.start, self._tokens[position + 2].start)
                if length == 5 or ((self._expected or function) and not _row_of_trigger(token)):
                    in_place.append(name)
                elif token.text.casefold() in SYSTEM_DATABASES:
                    elsewhere.append(name)
            if self._expected and token.name and token.word not in _TRANSPARENT:
                self._note_alias(position, length)
            if length == 1 and token.kind is Kind.WORD:
                self._word(position)
            elif token.kind is Kind.SIGN:
                self._sign(position)
            else:
                self._expected = False
            position += length
        return in_place + [name for name in elsewhere if name.database.casefold() not in self._aliases]

    def _note_alias(self, position: int, length: int) -> None:
        """Note the names that this statement's columns may have for the table here: its own, or the one behind it."""
        behind = position + length
        alias = self._at(behind + 1 if self._at(behind).says("AS") else behind)
        self._aliases.update(t.text.casefold() for t in (self._at(behind - 1), alias) if t.name)

    def _at(self, position: int) -> Token:
        return self._tokens[position] if position < len(self._tokens) else NOTHING

    def _chain(self, position: int) -> int:
        """Count the tokens of the dotted name that begins here: 3 for `a`.`b`, 5 for `a`.`b`.`c`."""
        tokens = self._tokens
        if not _part(tokens[position]) or (position and tokens[position - 1].says("@", ".")):
            return 1
        end = position + 1
        while end + 1 < len(tokens) and end - position < 5 and tokens[end].says(".") and tokens[end + 1].name:
            end += 2
        return end - position

    def _word(self, position: int) -> None:
        word, level = self._tokens[position].word, self._levels[-1]
        before = self._tokens[position - 1].word if position else ""
        # of ODBC's `{OJ t}`, and of ALTER TABLE's RENAME AS
        if word in _TRANSPARENT or before == "{" or (word == "AS" and before == "RENAME"):
            return
        self._expected = self._name_follows(word, before, position)
        if word in _BEFORE_LIST and self._expected:
            level.lists_names = True
        elif (
            (word in _ENDS_LIST and before != "FOR")  # USE INDEX FOR ORDER BY (i)
            or (word == "AS" and self._in_head)
            or (word == "ON" and self._at(position + 1).says("DUPLICATE"))
        ):
            level.lists_names = False
        self._of_routine = self._of_routine or (self._in_head and word in ("FUNCTION", "PROCEDURE"))
        self._in_head = self._in_head and word not in _ENDS_HEAD

    def _name_follows(self, word: str, before: str, position: int) -> bool:
        if word == "FROM" and self._levels[-1].argument:
            return False
        if word == "UPDATE" and before in ("KEY", "ON", "FOR"):
            return False
        if word == "FOR" and before == "VALUE":
            return True
        if word == "LIKE":  # CREATE TABLE t LIKE u, CREATE TABLE t (LIKE u); elsewhere an operator
            return self._in_head and (len(self._levels) == 1 or before == "(")
        return (
            word in _BEFORE_NAME
            or (word in ("INSERT", "REPLACE", "TRUNCATE") and not self._at(position + 1).says("("))  # no function
            or (self._in_head and word in _BEFORE_NAME_IN_DEFINITION)
        )

    def _sign(self, position: int) -> None:
        sign = self._tokens[position].word
        if sign == "(":
            by = self._tokens[position - 1].word if position else ""
            self._levels.append(_Level(lists_names=self._expected, argument=by in _FROM_IS_AN_ARGUMENT))
            self._expected = self._expected or by in _TAKE_A_SEQUENCE
        elif sign == ")":
            self._levels = self._levels[:-1] or [_Level()]
            self._expected = False
            self._in_head = self._in_head and not (self._of_routine and len(self._levels) == 1)  # a body may follow at once
        elif sign == ",":
            self._expected = self._levels[-1].lists_names
        elif sign == ";":
            self._expected = self._levels[-1].lists_names = False
        elif sign != "{":
            self._expected = False


def qualified(tokens: Sequence[Token]) -> list[Qualified]:
    """Find every `database`.`name` where a table, view, trigger, event or routine is meant.

    A column is qualified the same way (`table`.`column`). So the place decides: after FROM, JOIN, INTO and so on, in a list
    of tables, or before a parenthesis. Three parts can only be database, table, column. A system database is found
    wherever it stands, in case a place was not thought of here, unless the statement has a table or an alias of its name.
    """
    return _Reader(tokens).found()


def _part(token: Token) -> bool:
    return token.name and not (token.kind is Kind.WORD and token.word[:1].isdigit())


def _row_of_trigger(token: Token) -> bool:
    """Tell NEW.column and OLD.column of a trigger, which are no tables."""
    return token.kind is Kind.WORD and token.word in ("NEW", "OLD")
