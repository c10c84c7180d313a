"""The account that loads dumps: it has rights on their database and on nothing else of the instance.

A container of its own makes it, before the one that reads dumps starts. So the process that executes a supplier's SQL
never has the master user's password. Decided in docs/adr/0009-the-loader-is-not-the-master-user.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pymysql

from dump_loader.database.connection import quoted, rows
from ingestion.errors import Terminal

if TYPE_CHECKING:
    from dump_loader.database.connection import Connection
    from dump_loader.settings import Credentials

# All that MySQL has for a database, but GRANT OPTION. Not ALL: MariaDB's holds more than a master user may give.
# https://dev.mysql.com/doc/refman/8.4/en/grant.html
RIGHTS = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, "
    "CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, EVENT, TRIGGER"
)

_NO_SUCH_ACCOUNT = 1396  # ER_CANNOT_USER


def make(master: Connection, account: Credentials, database: str) -> None:
    """Make the account, or give it its present password and rights.

    ALTER comes first. If the account is a definer, as it is of last night's views, triggers and routines, MySQL refuses
    CREATE USER IF NOT EXISTS with error 4006, unless one has ALLOW_NONEXISTENT_DEFINER. RDS gives that to nobody.
    https://dev.mysql.com/doc/refman/8.4/en/create-user.html

    Safe to repeat, also while another task loads with it: nothing is taken away in between.
    """
    ((user,),) = rows(master, "SELECT SUBSTRING_INDEX(USER(), '@', 1)")
    if account.username == user:
        raise Terminal(f"DB_CREDENTIALS are those of the master user {user}: give the loader an account of its own.")
    password = account.password.get_secret_value()
    with master.cursor() as cursor:
        try:
            cursor.execute("ALTER USER %s@'%%' IDENTIFIED BY %s", (account.username, password))
        except pymysql.err.OperationalError as error:
            if error.args[0] != _NO_SUCH_ACCOUNT:
                raise
            cursor.execute("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s", (account.username, password))
        cursor.execute(f"GRANT {RIGHTS} ON {_pattern(master, database)}.* TO %s@'%%'", (account.username,))


def _pattern(master: Connection, database: str) -> str:
    """Return the database's name for GRANT, in which `_` is a wildcard unless the server has partial_revokes.

    https://dev.mysql.com/doc/refman/8.4/en/grant.html
    """
    literal = ("partial_revokes", "ON") in rows(master, "SHOW VARIABLES LIKE 'partial_revokes'")
    return quoted(database if literal else database.replace("_", r"\_"))
