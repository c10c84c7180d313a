"""The server that is loaded into: its flavour, and the SQL that it understands.

RDS runs MySQL 8.4; the local run and the tests use a newer MySQL, and MariaDB 10.11. Where the flavours differ for a dump:

- conditional comments: MariaDB skips `/*!50700 …*/` to `/*!99999 …*/`, features of MySQL that it doesn't have, and reads
  `/*M!…*/`, which to MySQL is a comment;
- collations: `utf8mb4_0900_*` are MySQL's (MariaDB from 11.4.5 knows them as aliases), `*_uca1400_*` MariaDB's;
- sql_mode: MySQL 8 refuses names that it has dropped (NO_AUTO_CREATE_USER and others), which MariaDB still takes;
- types: MySQL 8 calls GEOMETRYCOLLECTION by the short name GEOMCOLLECTION, which MariaDB doesn't know;
- columns that the server computes: MySQL refuses values for them, MariaDB ignores them, and dumps them;
- warnings: MySQL lists 1,024 of a statement, MariaDB 64; MySQL warns of literals of a BLOB that are no text (remarks.py);
- RENAME COLUMN: MySQL refuses it where a CHECK, a default, a generated column, a functional index or partitioning refers to
  the column, MariaDB changes these too (exportable.py);
- GET_LOCK: MySQL waits whole seconds, MariaDB fractions (lock.py);
- SEQUENCE, SETVAL and system versioning are MariaDB's only, functional indexes MySQL's: they fail with the server's error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


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
# Languages that MySQL calls by their code, and MariaDB by their name.
_LANGUAGES = {
    "cs": "czech", "da": "danish", "de_pb": "german2", "eo": "esperanto", "es": "spanish", "es_trad": "spanish2",
    "et": "estonian", "hr": "croatian", "hu": "hungarian", "is": "icelandic", "la": "roman", "lt": "lithuanian",
    "lv": "latvian", "pl": "polish", "ro": "romanian", "sk": "slovak", "sl": "slovenian", "sv": "swedish", "tr": "turkish",
    "vi": "vietnamese",
}  # fmt: skip
_CODES = {name: code for code, name in _LANGUAGES.items()}
_CHARSET = r"(?P<charset>[a-z0-9]+)_"
_OF_MYSQL = re.compile(_CHARSET + r"(?:(?P<language>[a-z_]+)_)?0900_(?P<rest>a[is]_c[is]|bin)(?:_ks)?")
_OF_MARIADB = re.compile(_CHARSET + r"uca1400_(?:(?P<language>[a-z0-9]+)_)??(?P<nopad>nopad_)?(?P<rest>a[is]_c[is])")
_OLD_OF_MARIADB = re.compile(
    _CHARSET + r"(?:(?:[a-z0-9_]+_)?nopad_(?P<rest>ci|bin)|croatian_mysql561_ci|myanmar_ci|thai_520_w2)"
)


@dataclass(frozen=True)
class Server:
    """`version` is like MySQL's own number: 8.4.3 is 80403, 10.11.6 is 101106. `collations`: every name that it knows."""

    flavour: Flavour
    version: int
    max_allowed_packet: int
    collations: frozenset[str] = field(repr=False)

    def executes(self, marker: str, version: str) -> bool:
        """Tell whether the server executes the SQL in `/*!version …*/` or, `marker` being `M`, in `/*M!version …*/`.

        https://dev.mysql.com/doc/refman/8.4/en/comments.html, https://mariadb.com/kb/en/comment-syntax/
        """
        if self.flavour is Flavour.MYSQL:
            return not marker and int(version or 0) <= self.version
        return int(version or 0) <= self.version and (bool(marker) or not 50700 <= int(version or 0) <= 99999)

    @property
    def refuses_generated_values(self) -> bool:
        """Tell whether an INSERT may have no values for columns that the server computes, as MariaDB's dumps have them."""
        return self.flavour is Flavour.MYSQL

    def collation(self, name: str) -> str:
        """Return the nearest collation that this server knows, for a name of the other one; any other name as it is.

        To a collation that does not pad, 'a' and 'a ' are two values, also in a unique key. One that does not pad becomes
        another that doesn't, where the server has any for the character set.
        """
        return next((c for c in _relatives(name.lower()) if c in self.collations), name)

    def type_name(self, name: str) -> str:
        """Return the name that this server has for a type."""
        return "GEOMETRYCOLLECTION" if self.flavour is Flavour.MARIADB and name == "GEOMCOLLECTION" else name

    def sql_mode(self, modes: str) -> str:
        """Return the modes without those that this server refuses."""
        refused = _MODES_MYSQL_DROPPED if self.flavour is Flavour.MYSQL else _MODES_MARIADB_LACKS
        return ",".join(m for m in modes.split(",") if m.strip().upper() not in refused)


def _relatives(name: str) -> Iterator[str]:
    """Yield the collation itself, then others like it, the nearest first."""
    yield name
    if not (match := _OF_MYSQL.fullmatch(name) or _OF_MARIADB.fullmatch(name) or _OLD_OF_MARIADB.fullmatch(name)):
        return
    found = match.groupdict()
    charset, code = found["charset"], _CODES.get(found.get("language") or "", found.get("language"))
    rest = "ai_ci" if found["rest"] in (None, "ci") else found["rest"]
    pads = ("",) if match.re is _OF_MARIADB and not found["nopad"] else ("nopad_", "")
    for language in [f"{_LANGUAGES[code]}_", ""] if code in _LANGUAGES else [""]:
        yield from (f"{charset}_uca1400_{language}{pad}{rest}" for pad in pads)
    for language in [f"{code}_", ""] if code else [""]:
        yield from (f"{charset}_{language}0900_{kind}" for kind in (rest, rest.replace("ai_cs", "as_cs")))
    exact = rest.endswith(("cs", "bin"))
    yield f"{charset}_nopad_bin" if exact else f"{charset}_unicode_520_nopad_ci"
    yield name.replace("nopad_", "")
    yield from (f"{charset}_bin",) if exact else (f"{charset}_unicode_520_ci", f"{charset}_unicode_ci")
