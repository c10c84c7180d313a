"""What the loader has to know of the server it loads into: which of the two it is, and what it understands.

RDS runs MySQL 8.4; the local run and the tests use a newer MySQL, and MariaDB 10.11. Where the flavours differ for a dump:

- conditional comments: MariaDB skips `/*!50700 …*/` to `/*!99999 …*/`, features of MySQL that it doesn't have, and reads
  `/*M!…*/`, which to MySQL is a comment;
- collations: `utf8mb4_0900_*` are MySQL's (MariaDB from 11.4.5 knows them as aliases), `*_uca1400_*` MariaDB's;
- sql_mode: MySQL 8 refuses names that it has dropped (NO_AUTO_CREATE_USER and others), which MariaDB still takes;
- types: MySQL 8 calls GEOMETRYCOLLECTION by the short name GEOMCOLLECTION, which MariaDB doesn't know;
- SEQUENCE, SETVAL and system versioning are MariaDB's only, functional indexes MySQL's: they fail with the server's error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum


class Flavour(StrEnum):
    MYSQL = "MySQL"
    MARIADB = "MariaDB"


_MODES_MYSQL_DROPPED = frozenset(
    {
        "DB2", "MAXDB", "MSSQL", "MYSQL323", "MYSQL40", "NO_AUTO_CREATE_USER", "NO_FIELD_OPTIONS", "NO_KEY_OPTIONS",
        "NO_TABLE_OPTIONS", "ORACLE", "POSTGRESQL", "EMPTY_STRING_IS_NULL", "IGNORE_BAD_TABLE_OPTIONS",
        "SIMULTANEOUS_ASSIGNMENT", "TIME_ROUND_FRACTIONAL",
    }
)  # fmt: skip
_MODES_MARIADB_LACKS = frozenset({"TIME_TRUNCATE_FRACTIONAL"})
_COLLATION = re.compile(
    r"(?P<charset>[a-z0-9]+?)_(?:[a-z0-9_]+?_)?(?:0900|uca1400)_(?:nopad_)?(?P<rest>(?:a[is]_c[is]|bin)(?:_ks)?)"
)


@dataclass(frozen=True)
class Server:
    """`version` is like MySQL's own number: 8.4.3 is 80403, 10.11.6 is 101106. `collations`: every name that it knows."""

    flavour: Flavour
    version: int
    max_allowed_packet: int
    collations: frozenset[str] = field(repr=False)

    def executes(self, marker: str, version: str) -> bool:
        """Whether the server executes what is in `/*!version …*/` or, `marker` being `M`, in `/*M!version …*/`.

        https://dev.mysql.com/doc/refman/8.4/en/comments.html, https://mariadb.com/kb/en/comment-syntax/
        """
        if self.flavour is Flavour.MYSQL:
            return not marker and int(version or 0) <= self.version
        return int(version or 0) <= self.version and (bool(marker) or not 50700 <= int(version or 0) <= 99999)

    def collation(self, name: str) -> str:
        """The nearest collation that this server knows, for a name of the other one; any other name as it is."""
        match = _COLLATION.fullmatch(name.lower())
        if name.lower() in self.collations or not match:
            return name
        charset, rest = match["charset"], match["rest"].removesuffix("_ks")
        nearest = (
            f"{charset}_uca1400_nopad_{rest}",
            f"{charset}_0900_{rest}",
            f"{charset}_0900_as_cs" if rest == "ai_cs" else "",
        )
        oldest = (f"{charset}_bin",) if rest in ("bin", "as_cs") else (f"{charset}_unicode_520_ci", f"{charset}_unicode_ci")
        return next((c for c in (*nearest, *oldest) if c in self.collations), name)

    def type_name(self, name: str) -> str:
        """The name that this server has for a type."""
        return "GEOMETRYCOLLECTION" if self.flavour is Flavour.MARIADB and name == "GEOMCOLLECTION" else name

    def sql_mode(self, modes: str) -> str:
        """The modes without those that this server refuses."""
        refused = _MODES_MYSQL_DROPPED if self.flavour is Flavour.MYSQL else _MODES_MARIADB_LACKS
        return ",".join(m for m in modes.split(",") if m.strip().upper() not in refused)
