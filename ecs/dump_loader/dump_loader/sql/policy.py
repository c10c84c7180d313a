"""Decide about each statement of a dump: execute it as it is or in another form, leave it out, or refuse the dump.

It is an allow-list: unknown statements are refused, by name and line. A dump comes from outside. The account that executes
it has no rights but on its database (docs/adr/0009-the-loader-is-not-the-master-user.md). The policy says so in words,
before the server does, and keeps the dump from harm that even such an account can do. It judges the statement that the
server would execute (tokens.resolved), so that conditional comments can't hide anything. Rows (INSERT ... VALUES of
literals) are never altered, nor looked at again: the splitter has seen that there is nothing else in them.

No statement that may have an effect is left out. A function may write, and LAST_INSERT_ID(n), FOUND_ROWS() and user
variables carry from one statement to the next. So each SELECT and DO is executed, as by the client, and its result thrown
away. What all of this buys: docs/adr/0012-the-loader-reads-sql-itself.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from typing import TYPE_CHECKING

from dump_loader.sql.collations import collation_edits
from dump_loader.sql.generated_columns import generated_column_edits
from dump_loader.sql.indexes import Indexes, rebuildable
from dump_loader.sql.names import SYSTEM_DATABASES, qualified
from dump_loader.sql.reading import Reading
from dump_loader.sql.refusal import Refused
from dump_loader.sql.set_statements import rewritten_set
from dump_loader.sql.storage import storage_edits
from dump_loader.sql.tokens import NOTHING, Edit, Kind, Token, edited, resolved, tokenised
from liberator.errors import DumpRejected

if TYPE_CHECKING:
    from dump_loader.sql.server import Server
    from dump_loader.sql.splitter import Statement, Text


class Treatment(StrEnum):
    """The ways to deal with a statement."""

    ROWS = auto()  # an INSERT of literals: on any connection, in any order among its like
    ONCE = auto()  # on one connection, after everything before it
    EVERYWHERE = auto()  # session state: on every connection, after everything before it
    LEAVE_OUT = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The treatment of a statement, and the SQL to execute.

    `table` is the one that ROWS go into, from `rows_at` on, or that a definition defines. `trigger_on` is the one that gets
    a trigger. `indexes` are those of a new table that can be built after its rows. A statement `apart` has nothing to do
    with any other table. `remark` tells people of a change to the statement.
    """

    treatment: Treatment
    sql: Text
    table: str = ""
    rows_at: int = 0
    trigger_on: str = ""
    indexes: Indexes | None = None
    apart: bool = False
    remark: str = ""


_LEFT_OUT = Verdict(Treatment.LEAVE_OUT, b"")
_DEFINED = frozenset({"EVENT", "FUNCTION", "INDEX", "PROCEDURE", "SEQUENCE", "TABLE", "TRIGGER", "VIEW"})
_DATABASE = frozenset({"DATABASE", "SCHEMA"})
_MODIFIERS = frozenset(
    {"AGGREGATE", "FULLTEXT", "IGNORE", "OFFLINE", "ONLINE", "OR", "REPLACE", "SPATIAL", "TEMPORARY", "UNIQUE"}
)
_READS_OR_WRITES = frozenset({"DELETE", "DO", "INSERT", "REPLACE", "SELECT", "UPDATE"})
# Nothing follows from them: one transaction's borders are the loader's own business, and nobody reads what SHOW prints.
_WITHOUT_EFFECT = frozenset({"COMMIT", "UNLOCK", "SHOW"})
_BEGINS_TRANSACTION = (["BEGIN"], ["BEGIN", "WORK"])  # BEGIN NOT ATOMIC is MariaDB's block of statements
# Percona's mysqldump looks for RocksDB by dynamic SQL. EXECUTE without PREPARE has nothing to execute.
_PERCONA_PREPARES = frozenset({"ROCKSDB_GET_IS_SUPPORTED", "ENABLE_BULK_LOAD", "DISABLE_BULK_LOAD"})
# Wherever they stand, so in the body of a routine too: none of them can be anything else, but for clauses of ALTER TABLE.
_FORBIDDEN_PAIRS = frozenset(
    {
        ("INTO", "OUTFILE"), ("INTO", "DUMPFILE"), ("LOAD_FILE", "("), ("LOAD", "DATA"), ("LOAD", "XML"), ("CREATE", "USER"),
        ("ALTER", "USER"), ("DROP", "USER"), ("RENAME", "USER"), ("CREATE", "ROLE"), ("DROP", "ROLE"), ("CREATE", "SERVER"),
        ("ALTER", "SERVER"), ("INSTALL", "PLUGIN"), ("INSTALL", "SONAME"), ("INSTALL", "COMPONENT"), ("UNINSTALL", "PLUGIN"),
        ("UNINSTALL", "SONAME"), ("UNINSTALL", "COMPONENT"), ("RESET", "MASTER"), ("RESET", "SLAVE"), ("RESET", "REPLICA"),
        ("RESET", "BINARY"), ("IMPORT", "TABLESPACE"), ("DISCARD", "TABLESPACE"),
        ("IMPORT", "PARTITION"), ("DISCARD", "PARTITION"),
    }
)  # fmt: skip
_FORBIDDEN_WORDS = frozenset({"GRANT", "REVOKE"})
_CLAUSES_OF_ALTER = frozenset({"ALTER", "DROP", "RENAME"})  # of a column named user, role or server
# Only as a statement of their own: ALTER TABLE t CHANGE master ..., UPDATE t SET password = ...
_FORBIDDEN_STATEMENTS = frozenset({("CHANGE", "MASTER"), ("CHANGE", "REPLICATION"), ("SET", "PASSWORD")})
_ENDS_STATEMENT = frozenset({";", "BEGIN", "THEN", "ELSE", "DO", "LOOP", "REPEAT", "ROW", "HANDLER"})
_CONDITIONS = frozenset({"FOUND", "SQLEXCEPTION", "SQLWARNING"})  # of a HANDLER, which its statement follows
_TAKES_SET_OR_CHANGE = frozenset({"ALTER", "INSERT", "REPLACE", "UPDATE", "SELECT", "DELETE", "DECLARE"})
# A query, a file, a sequence, a conditional comment, a function of a database: `other`.`f`(1), other.f (1), other.#\nf(1).
_WORTH_A_LOOK = re.compile(
    rb"select|outfile|dumpfile|load_file|collate|lastval|nextval|setval|\bnext\b|/\*M?!|`\s*\."
    rb"|\.\s*+(?:[`#]|--|/\*|[\w$\x80-\xff]++\s*+(?:[(#]|--|/\*))",
    re.IGNORECASE,
)
_PLAIN_INSERT = re.compile(
    rb"(?:INSERT|REPLACE)\s++(?:IGNORE\s++)?INTO\s++(?:`[^`]++`|[\w$\x80-\xff]++)\s*+(?=\(|VALUES)", re.IGNORECASE
)


class Policy:
    """Judge the statements of one dump, in order. `own` is the dump's name for its database, as far as is known.

    Everything lands in `database`, whatever the dump calls its own. `of_mariadb`: MariaDB's own tool wrote the dump.
    """

    def __init__(self, server: Server, *, database: str, own: str | None = None, of_mariadb: bool = False) -> None:
        self.reading = Reading()
        self._server = server
        self._database = database
        self._own = own
        self._generated_are_given = of_mariadb and server.refuses_generated_values
        self._defined_anything = False
        self._heads: dict[bytes, Verdict] = {}

    def judge(self, statement: Statement) -> Verdict:
        """Decide about the statement. Raises DumpRejected, naming kind, number and line."""
        if self.reading.charset and not bytes(statement.text).isascii():
            raise DumpRejected(
                f"Statement {statement.number}, line {statement.line}, is refused: with the client's character set "
                f"{self.reading.charset} it can't be read safely. Dump with --default-character-set=utf8mb4."
            )
        if statement.values_at:
            return self._rows(statement)
        original = bytes(statement.text)
        if not self.reading.names_in_quotes and self._plain_write(original):
            return Verdict(Treatment.ONCE, statement.text)
        sql = resolved(original, self._server, self.reading)
        tokens = tokenised(sql, self.reading)
        while tokens and tokens[-1].says(";"):
            tokens.pop()
        if not tokens:
            return _LEFT_OUT
        try:
            return self._judged(sql, tokens)
        except Refused as refused:
            raise DumpRejected(
                f"Statement {statement.number}, line {statement.line}, is refused: {refused}. "
                "A dump may only define and fill the tables, views, triggers, routines and events of one database. "
                "Remove the statement from the dump, or ask for a dump without it."
            ) from None

    def _rows(self, statement: Statement) -> Verdict:
        """Judge an INSERT ... VALUES of literals. Only its head, before the rows, is looked at, and each head once."""
        head = bytes(statement.text[: statement.values_at])
        if (known := self._heads.get(head)) is None:
            tokens = tokenised(head)
            into = next(i for i, t in enumerate(tokens) if t.says("INTO"))
            table = tokens[into + (3 if tokens[into + 2].says(".") else 1)]
            try:
                known = Verdict(Treatment.ROWS, edited(head, self._moved(tokens)), table=table.word.casefold())
            except Refused as refused:
                raise DumpRejected(f"Statement {statement.number}, line {statement.line}, is refused: {refused}.") from None
            if len(self._heads) < 1000:
                self._heads[head] = known
        rows_at = len(known.sql)
        if known.sql == head:
            return Verdict(Treatment.ROWS, statement.text, table=known.table, rows_at=rows_at)
        sql = bytes(known.sql) + bytes(statement.text[statement.values_at :])
        return Verdict(Treatment.ROWS, sql, table=known.table, rows_at=rows_at)

    @staticmethod
    def _plain_write(sql: bytes) -> bool:
        """Tell whether an INSERT of expressions has nothing to judge. A pattern does: megabytes need not become tokens."""
        return len(sql) > 10_000 and _PLAIN_INSERT.match(sql) is not None and not _WORTH_A_LOOK.search(sql)

    def _judged(self, sql: bytes, tokens: list[Token]) -> Verdict:
        words = [t.word if t.kind is Kind.WORD else "" for t in tokens[:3]] + ["", ""]
        verb, second = words[0], words[1]
        self._refuse_forbidden(tokens)
        if verb in ("CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE"):
            return self._definition(sql, tokens)
        if verb == "SET":
            kept = rewritten_set(sql, tokens, self._server, self._moved(tokens))
            return Verdict(Treatment.EVERYWHERE, kept) if kept else _LEFT_OUT
        if verb == "USE" and len(tokens) > 1:
            self._is_own(tokens[1].text)
            return _LEFT_OUT
        if verb in _READS_OR_WRITES or (verb in ("ANALYZE", "OPTIMIZE", "CHECK", "REPAIR") and "TABLE" in words):
            edits = self._moved(tokens) + collation_edits(tokens, self._server)
            edits += [Edit(t.start, t.end, b"") for t in tokens[1:2] if t.says("DELAYED")]  # InnoDB has no such INSERT
            return Verdict(Treatment.ONCE, edited(sql, edits))
        if self._without_effect(verb, second, tokens):
            return _LEFT_OUT
        raise Refused(f"{' '.join(filter(None, (verb or tokens[0].word, second)))} is not among what a dump may do")

    @staticmethod
    def _without_effect(verb: str, second: str, tokens: list[Token]) -> bool:
        return (
            verb in _WITHOUT_EFFECT
            or [t.word for t in tokens] in _BEGINS_TRANSACTION
            or (verb, second) in (("START", "TRANSACTION"), ("LOCK", "TABLES"), ("LOCK", "TABLE"), ("DEALLOCATE", "PREPARE"))
            or (verb == "EXECUTE" and len(tokens) == 2)
            or (verb == "PREPARE" and len(tokens) == 5 and tokens[4].word in _PERCONA_PREPARES)
        )

    def _definition(self, sql: bytes, tokens: list[Token]) -> Verdict:
        """Judge CREATE, ALTER, DROP, RENAME and TRUNCATE. DEFINER is taken out."""
        at, edits = _object(tokens)
        kind = tokens[at].word if at < len(tokens) and tokens[at].kind is Kind.WORD else ""
        if tokens[0].says("TRUNCATE") and kind not in _DEFINED:
            kind = "TABLE"
        if kind in _DATABASE:
            return self._database_itself(tokens, at)
        if kind not in _DEFINED:
            raise Refused(
                f"{tokens[0].word} {kind or tokens[at].word if at < len(tokens) else ''} is not among what a dump may do"
            )
        self._defined_anything = True
        edits += self._moved(tokens) + collation_edits(tokens, self._server)
        remark = ""
        if kind == "EVENT" and not tokens[0].says("DROP"):
            edits += _never_runs(tokens, at)
        if kind == "TABLE" and tokens[0].says("CREATE", "ALTER"):
            storage, engine = storage_edits(tokens, at)
            edits += storage
            edits += generated_column_edits(tokens) if self._generated_are_given and tokens[0].says("CREATE") else []
            remark = f"It is loaded into InnoDB instead of {engine}" if engine else ""
        verdict = Verdict(Treatment.ONCE, edited(sql, edits), remark=remark)
        if kind == "TRIGGER" and tokens[0].says("CREATE"):
            on = next((i for i, t in enumerate(tokens) if i > at and t.says("ON")), len(tokens))
            return replace(verdict, trigger_on=_name_at(tokens, on + 1).casefold())
        if kind == "TABLE" and tokens[-1].says("KEYS") and tokens[-2].says("DISABLE", "ENABLE"):
            return _LEFT_OUT  # InnoDB, which every table is of, has no such option
        if kind == "TABLE" and _stands_apart(tokens):
            plain = tokens[0].says("CREATE") and not self.reading.names_in_quotes
            indexes = rebuildable(bytes(verdict.sql)) if plain else None
            return replace(verdict, table=_name_at(tokens, at + 1).casefold(), indexes=indexes, apart=True)
        return verdict

    def _database_itself(self, tokens: list[Token], at: int) -> Verdict:
        """Judge a definition of the database. The loader makes the database itself, and takes the character set only."""
        rest = at + 1
        while rest < len(tokens) and tokens[rest].kind is Kind.WORD and tokens[rest].word in ("IF", "NOT", "EXISTS"):
            rest += 1
        clauses = {"DEFAULT", "CHARACTER", "CHARSET", "COLLATE", "ENCRYPTION", "READ"}
        if (
            rest < len(tokens)
            and tokens[rest].name
            and not (tokens[rest].kind is Kind.WORD and tokens[rest].word in clauses)
        ):
            self._is_own(tokens[rest].text)
            rest += 1
        if tokens[0].says("DROP"):
            if self._defined_anything:
                raise Refused("DROP DATABASE after tables were defined")
            return _LEFT_OUT
        options = tokens[rest:]
        charset = _database_charset(options, self._server)
        if not charset:
            return _LEFT_OUT
        return Verdict(Treatment.ONCE, b"ALTER DATABASE " + _quoted(self._database) + charset)

    def _is_own(self, name: str) -> None:
        if name.casefold() in SYSTEM_DATABASES:
            raise Refused(f"it concerns the server's own database {name}")
        if self._own is None:
            self._own = name
        elif name.casefold() != self._own.casefold():
            raise Refused(f"it concerns database {name}, and the dump's own is {self._own}: a dump of two databases")

    def _moved(self, tokens: list[Token]) -> list[Edit]:
        """Exchange the dump's own database in front of a name for ours. Any other is refused."""
        edits = []
        for found in qualified(tokens):
            if found.database.casefold() == "information_schema":  # read-only, and tells nothing but what it itself defined
                continue
            self._is_own(found.database)
            if found.database != self._database:
                edits.append(Edit(found.start, found.end, _quoted(self._database) + b"."))
        return edits

    @staticmethod
    def _refuse_forbidden(tokens: list[Token]) -> None:
        """Refuse forbidden words wherever they stand, in the body of a routine or in the middle of a statement."""
        statement = ""
        for before, token, following in zip([NOTHING, *tokens], tokens, [*tokens[1:], NOTHING], strict=False):
            if before.says("@", ".") or token.kind not in (Kind.SIGN, Kind.WORD):
                continue
            within = statement
            if token.word in _ENDS_STATEMENT:
                statement = ""
            elif token.word in _TAKES_SET_OR_CHANGE:
                statement = token.word
            second = following.word if following.kind in (Kind.WORD, Kind.SIGN) else ""
            pair, clause = (token.word, second), within == "ALTER" and token.word in _CLAUSES_OF_ALTER
            if (pair in _FORBIDDEN_PAIRS and not clause) or (pair in _FORBIDDEN_STATEMENTS and not within):
                raise Refused(f"{token.word} {second}".rstrip(" (;=") + " is not among what a dump may do")
            begins = before is NOTHING or before.says(")", *_ENDS_STATEMENT, *_CONDITIONS)
            library = token.word == "SONAME" and following.kind is Kind.STRING
            if token.word in _FORBIDDEN_WORDS or library or (token.word == "SHUTDOWN" and begins):
                raise Refused(f"{token.word} is not among what a dump may do")


def _name_at(tokens: list[Token], at: int) -> str:
    """Return the name there, as written and without its database; empty where there is none."""
    while at < len(tokens) and tokens[at].says("IF", "NOT", "EXISTS"):
        at += 1
    name = tokens[at : at + 3]
    return name[2].text if len(name) == 3 and name[1].says(".") else name[0].text if name else ""


def _stands_apart(tokens: list[Token]) -> bool:
    """Tell whether it is a definition before a table's rows, as of mysqldump, that depends on no other table."""
    if tokens[0].says("DROP"):
        return not any(token.says(",") for token in tokens)
    return tokens[0].says("CREATE") and not any(token.says("REFERENCES", "SELECT", "LIKE") for token in tokens)


def _quoted(name: str) -> bytes:
    return b"`" + name.replace("`", "``").encode() + b"`"


def _object(tokens: list[Token]) -> tuple[int, list[Edit]]:
    """Return the place of the word for the kind of object, and the edits that take out DEFINER.

    RDS has no account with SUPER or SET_ANY_DEFINER for a dump; without DEFINER, the object belongs to whoever loads.
    """
    at, edits = 1, []
    while at < len(tokens):
        token = tokens[at]
        following = tokens[at + 1] if at + 1 < len(tokens) else NOTHING
        if token.says("DEFINER") and following.says("="):
            end = _end_of_account(tokens, at + 2)
            edits.append(Edit(token.start, tokens[end - 1].end, b""))
            at = end
        elif (token.says("ALGORITHM") and following.says("=")) or (token.says("SQL") and following.says("SECURITY")):
            at += 3
        elif token.kind is Kind.WORD and token.word in _MODIFIERS:
            at += 1
        else:
            break
    return at, edits


def _end_of_account(tokens: list[Token], at: int) -> int:
    """Return the place after `user`@`host`, CURRENT_USER, CURRENT_USER() or a role."""
    if at + 2 < len(tokens) and tokens[at + 1].says("@"):
        at += 3
        while at + 1 < len(tokens) and tokens[at].says("."):  # root@my.host, unquoted
            at += 2
        return at
    if at + 2 < len(tokens) and tokens[at + 1].says("(") and tokens[at + 2].says(")"):
        return at + 3
    return at + 1


def _never_runs(tokens: list[Token], at: int) -> list[Edit]:
    """Disable the event. If it ran between the load and the snapshot, it would change the rows that are exported."""
    behind_name = at + 1
    while behind_name < len(tokens) and tokens[behind_name].says("IF", "NOT", "EXISTS"):
        behind_name += 1
    behind_name += 3 if behind_name + 1 < len(tokens) and tokens[behind_name + 1].says(".") else 1
    for i in range(behind_name, len(tokens) + 1):
        if i < len(tokens) and (not tokens[i].says("COMMENT", "DO") or tokens[i - 1].says("@", ".")):
            continue
        # the state is what stands last before COMMENT, DO or the end: elsewhere these words are names
        state, before = tokens[i - 1], tokens[i - 2]
        if before.says("ON") and i - 3 >= behind_name and tokens[i - 3].says("DISABLE"):  # DISABLE ON REPLICA
            return []
        if not before.says("@", ".", "TO") and i - 1 >= behind_name:
            if state.says("DISABLE"):
                return []
            if state.says("ENABLE"):
                return [Edit(state.start, state.end, b"DISABLE")]
        return [Edit(tokens[i].start, tokens[i].start, b"DISABLE ")] if i < len(tokens) else []
    return []


def _database_charset(options: list[Token], server: Server) -> bytes:
    """Take ` CHARACTER SET x COLLATE y` out of the options of CREATE or ALTER DATABASE."""
    charset = b""
    words = [t for t in options if not t.says("=", "DEFAULT")]
    for token, following, third in zip(words, [*words[1:], NOTHING], [*words[2:], NOTHING, NOTHING], strict=False):
        value = third.word if token.says("CHARACTER") else following.word
        if not re.fullmatch(r"\w+", value):
            continue
        if token.says("CHARACTER", "CHARSET"):
            charset += b" CHARACTER SET " + value.lower().encode()
        elif token.says("COLLATE"):
            charset += b" COLLATE " + server.collation(value.lower()).encode()
    return charset
