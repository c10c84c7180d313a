"""A server of each flavour, and what the policy makes of a statement on it."""

from __future__ import annotations

from dataclasses import replace

from dump_loader.sql.policy import Policy, Treatment, Verdict
from dump_loader.sql.server import Flavour, Server
from dump_loader.sql.splitter import Statement

MARIADB = Server(
    Flavour.MARIADB,
    101119,
    16_777_216,
    frozenset(
        {
            *(f"utf8mb4_uca1400_{n}" for n in ("ai_ci", "nopad_ai_ci", "as_cs", "nopad_as_cs", "german2_nopad_ai_ci")),
            *(f"utf8mb4_{n}" for n in ("nopad_bin", "bin", "unicode_520_nopad_ci", "unicode_520_ci", "general_ci")),
        }
    ),
)
MYSQL = Server(
    Flavour.MYSQL,
    80403,
    67_108_864,
    frozenset(
        {
            *(f"utf8mb4_{n}" for n in ("0900_ai_ci", "0900_as_ci", "0900_as_cs", "0900_bin", "sv_0900_ai_ci", "bin")),
            *("utf8mb4_unicode_520_ci", "utf8mb4_general_ci", "latin1_swedish_ci", "utf8mb3_unicode_520_ci", "utf8mb3_bin"),
        }
    ),
)

OLD_MARIADB = replace(MARIADB, collations=frozenset(c for c in MARIADB.collations if "uca1400" not in c))


def judged(*statements: str, server: Server = MYSQL, own: str | None = "parking") -> list[Verdict]:
    policy = Policy(server, database="liberator", own=own)
    return [policy.judge(Statement(n, n, text.encode())) for n, text in enumerate(statements, 1)]


def sql(statement: str, server: Server = MYSQL, own: str | None = "parking") -> str:
    """The SQL that is executed, with single blanks; nothing where the statement is left out."""
    (verdict,) = judged(statement, server=server, own=own)
    return " ".join(bytes(verdict.sql).decode().split()) if verdict.treatment is not Treatment.LEAVE_OUT else ""
