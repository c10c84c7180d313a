"""Connect to the instance, and ask its server what it is and how it reads."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.connections import Connection as PyMySqlConnection
from pymysql.cursors import SSCursor

from dump_loader.sql.reading import MULTI_BYTE, Reading
from dump_loader.sql.server import Flavour, Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from dump_loader.settings import Credentials, DatabaseSettings
    from dump_loader.sql.splitter import Text

type Connection = PyMySqlConnection[Any]
type Connect = Callable[[str | None], Connection]

# A load can take hours, during which the connection that holds the lock is silent; the server's default is 8 hours.
_IDLE_SECONDS = 7 * 24 * 3600
# MySQL before 8.4, and MariaDB, take a foreign key to a key that is not unique. MySQL 8.4 takes it only if told, else fails
# with error 6125. The session tells, not the instance's parameters: so it holds on every server. MariaDB skips it.
# https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_restrict_fk_on_non_standard_key
SESSION = f"SET SESSION wait_timeout = {_IDLE_SECONDS} /*!80400 , restrict_fk_on_non_standard_key = 0 */"
# Middle boxes forget a connection that is idle for 350 seconds: a NAT gateway, a load balancer, the
# network interface itself on newer instances. Linux sends its first keepalive after two hours.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
# https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html
_KEEPALIVE_SECONDS = 60
_TCP_KEEPIDLE: int = vars(socket).get("TCP_KEEPIDLE") or vars(socket)["TCP_KEEPALIVE"]  # its name on macOS


def connector(settings: DatabaseSettings, account: Credentials) -> Connect:
    """Return a function that connects as the account, to a database or to none, by TLS that verifies the server."""
    # RDS's own CAs are not among the system's: DB_CA_BUNDLE names the file with them
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
    tls = ssl.create_default_context(cafile=settings.db_ca_bundle)

    def connect(database: str | None) -> Connection:
        # Without CLIENT_MULTI_STATEMENTS (pymysql's default) the server refuses a second statement behind a `;`,
        # without local_infile (its default too) it can't ask for a file of ours.
        connection = pymysql.connect(
            host=settings.db_host,
            port=settings.db_port,
            user=account.username,
            password=account.password.get_secret_value(),
            database=database,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=30,
            init_command=SESSION,
            ssl=tls,
        )
        # pymysql switches keepalive on, but leaves it to the system how often.
        connection._sock.setsockopt(socket.IPPROTO_TCP, _TCP_KEEPIDLE, _KEEPALIVE_SECONDS)  # type: ignore[attr-defined]  # noqa: SLF001
        return connection

    return connect


def rows(connection: Connection, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
    """Return the result of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments or None)
        return list(cursor.fetchall())


def execute(connection: Connection, sql: Text) -> None:
    """Execute a statement of the dump. Its answer, of whatever size, is thrown away row by row."""
    with connection.cursor(SSCursor) as cursor:
        cursor.execute(sql)  # type: ignore[call-overload]  # bytes are sent as they are


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def describe(connection: Connection) -> Server:
    """Ask the server for its flavour, version, collations and longest packet."""
    ((version, packet),) = rows(connection, "SELECT VERSION(), @@max_allowed_packet")
    collations = rows(connection, "SELECT * FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY")
    major, minor, patch = (int(part) for part in version.split("-")[0].split("."))
    return Server(
        flavour=Flavour.MARIADB if "mariadb" in version.lower() else Flavour.MYSQL,
        version=major * 10_000 + minor * 100 + patch,
        max_allowed_packet=int(packet),
        # MariaDB has a third column for names that the first one has without their character set: uca1400_ai_ci
        collations=frozenset(str(row[2] if len(row) > 2 else row[0]).lower() for row in collations),
    )


def reading(connection: Connection) -> Reading:
    """Ask the server how it reads the next statement. The dump can't tell: there are too many ways to set a variable."""
    # As bytes, which the server sends as they are: the dump may have set another character set for its answers, or none.
    query = "SELECT CAST(@@sql_mode AS BINARY), CAST(@@character_set_client AS BINARY)"
    ((mode, charset),) = ([value.decode() for value in row] for row in rows(connection, query))
    modes = mode.upper().split(",")
    return Reading(
        escapes="NO_BACKSLASH_ESCAPES" not in modes,
        names_in_quotes="ANSI_QUOTES" in modes,
        charset=charset if charset in MULTI_BYTE else "",
    )


def warned(connection: Connection) -> int:
    """Return how many warnings the last statement had. The server says it with each answer, up to 65,535."""
    number: int = connection._result.warning_count  # type: ignore[attr-defined]  # noqa: SLF001
    return number


def warnings(connection: Connection) -> list[tuple[str, int, str]]:
    """Return level, code and text of each warning of the last statement, up to max_error_count.

    That is 1,024 for MySQL, where the loader's account may not change it, and 64 for MariaDB.
    https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_max_error_count
    """
    connection.use_unicode = False  # the dump may have set another character set for what the server answers
    try:
        found = connection.show_warnings()  # type: ignore[no-untyped-call]
    finally:
        connection.use_unicode = True
    return [(level.decode(), int(code), text.decode("utf-8", "replace")) for level, code, text in found]
