"""Rewrite SET: session variables stay; those that RDS forbids, or that the loader decides, are taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dump_loader.sql.collations import collation_edits
from dump_loader.sql.refusal import Refused
from dump_loader.sql.tokens import Edit, Kind, Token, edited

if TYPE_CHECKING:
    from dump_loader.sql.server import Server

# Replication, and limits that protect an instance, need rights that the account does not have; commits are the loader's own
# business: it commits in batches, and nothing in a dump depends on when; so is the engine of tables that name none
# (storage.py). None of them changes a value.
_TAKEN_OUT = frozenset(
    {
        "BINLOG_DIRECT_NON_TRANSACTIONAL_UPDATES", "BINLOG_FORMAT", "BINLOG_ROWS_QUERY_LOG_EVENTS", "BINLOG_ROW_IMAGE",
        "BINLOG_ROW_VALUE_OPTIONS", "BINLOG_TRANSACTION_COMPRESSION", "GTID_DOMAIN_ID", "GTID_NEXT", "GTID_PURGED",
        "GTID_SEQ_NO", "GTID_SLAVE_POS", "IMMEDIATE_SERVER_VERSION", "ORIGINAL_COMMIT_TIMESTAMP", "ORIGINAL_SERVER_VERSION",
        "PSEUDO_REPLICA_MODE", "PSEUDO_SLAVE_MODE", "PSEUDO_THREAD_ID", "SERVER_ID", "SQL_LOG_BIN", "SQL_LOG_OFF",
        "BULK_INSERT_BUFFER_SIZE", "INTERNAL_TMP_MEM_STORAGE_ENGINE", "LOW_PRIORITY_UPDATES", "MAX_ALLOWED_PACKET",
        "MAX_ERROR_COUNT", "NET_BUFFER_LENGTH", "SQL_GENERATE_INVISIBLE_PRIMARY_KEY", "SQL_REQUIRE_PRIMARY_KEY",
        "AUTOCOMMIT", "COMPLETION_TYPE", "DEFAULT_STORAGE_ENGINE", "DEFAULT_TMP_STORAGE_ENGINE", "STORAGE_ENGINE",
    }
)  # fmt: skip
_SERVER_WIDE = frozenset({"GLOBAL", "PERSIST", "PERSIST_ONLY"})
_SCOPES = _SERVER_WIDE | {"SESSION", "LOCAL"}


def rewritten_set(sql: bytes, tokens: list[Token], server: Server, moved: list[Edit]) -> bytes | None:
    """Return the SET statement without server-wide variables and those above, and with `moved`; None if nothing is left.

    Raises Refused for the statements that only begin with SET.
    """
    second = tokens[1] if len(tokens) > 1 else None
    if (
        second is None
        or second.says("ROLE", "STATEMENT", "PASSWORD", "RESOURCE")
        or (second.says("DEFAULT") and tokens[2].says("ROLE"))
    ):
        raise Refused(f"SET {second.word if second else ''} is not among what a dump may do")
    if _transaction(tokens):
        return None
    edits = moved + collation_edits(tokens, server) + _mode_edits(tokens, server)
    kept, scope = [], "SESSION"
    for assignment in _assignments(tokens[1:]):
        scope = assignment[0].word if assignment[0].kind is Kind.WORD and assignment[0].word in _SCOPES else scope
        variable, own_scope = _variable(assignment)
        if (own_scope or scope) not in _SERVER_WIDE and variable not in _TAKEN_OUT:
            kept.append((assignment[0].start, assignment[-1].end))
    if not kept:
        return None
    texts = [
        edited(
            sql[start:end], [Edit(e.start - start, e.end - start, e.replacement) for e in edits if start <= e.start < end]
        )
        for start, end in kept
    ]
    return b"SET " + b", ".join(texts)


def _transaction(tokens: list[Token]) -> bool:
    """Tell SET [GLOBAL | SESSION] TRANSACTION, which is about reading and does not matter to a load."""
    return any(t.says("TRANSACTION") for t in tokens[1:3])


def _assignments(tokens: list[Token]) -> list[list[Token]]:
    """Return the parts between the commas that are in no parentheses."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.says("(")) - (token.says(")"))
        if token.says(",") and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [p for p in parts if p]


def _variable(assignment: list[Token]) -> tuple[str, str]:
    """Return the name of the system variable (empty for a user variable), and the scope that is written with it."""
    signs = 0
    while signs < len(assignment) and assignment[signs].says("@"):
        signs += 1
    if signs == 1:
        return "", "SESSION"
    words = assignment[signs:]
    scope = ""
    if words and words[0].word.upper() in _SCOPES:
        scope = words[0].word.upper()
        words = words[2:] if len(words) > 1 and words[1].says(".") else words[1:]
    elif signs == 2:
        scope = "SESSION"
    return (words[0].word.upper() if words else ""), scope


def _mode_edits(tokens: list[Token], server: Server) -> list[Edit]:
    """Take the modes that the server refuses out of sql_mode, the only string that is altered."""
    edits = []
    for i, token in enumerate(tokens):
        if token.says("SQL_MODE"):
            value = next((t for t in tokens[i + 1 : i + 4] if t.kind is Kind.STRING), None)
            modes = server.sql_mode(value.word) if value else ""
            if value and modes != value.word:
                edits.append(Edit(value.start, value.end, b"'" + modes.encode() + b"'"))
    return edits
