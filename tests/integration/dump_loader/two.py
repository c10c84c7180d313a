"""One script through the server's own client and through the loader, into two databases of one server."""

from __future__ import annotations

import re
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dump_loader.database.connection import SESSION, describe, quoted
from dump_loader.database.loading import Loaded, load
from dump_loader.database.tables import recreate
from dump_loader.sql.signature import Signature
from ingestion.errors import IngestionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from liberator.row_counts import Remark
    from local.emulator.database_server import DatabaseServer

BY_CLIENT, BY_LOADER = "differential_client", "differential_loader"
_NOT_ITS_OWN = re.compile(rb" DEFINER=`[^`]*`@`[^`]*`|`?differential_(?:client|loader|source)`?\.?| (?:EN|DIS)ABLED?(?= |$)")
_OBJECTS = {
    "TABLE": ("TABLE_NAME", "TABLES WHERE TABLE_TYPE = 'BASE TABLE'"),
    "VIEW": ("TABLE_NAME", "VIEWS WHERE TRUE"),
    "TRIGGER": ("TRIGGER_NAME", "TRIGGERS WHERE TRUE"),
    "EVENT": ("EVENT_NAME", "EVENTS WHERE TRUE"),
    "FUNCTION": ("ROUTINE_NAME", "ROUTINES WHERE ROUTINE_TYPE = 'FUNCTION'"),
    "PROCEDURE": ("ROUTINE_NAME", "ROUTINES WHERE ROUTINE_TYPE = 'PROCEDURE'"),
}
_TIME = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?")


class Two:
    """Two databases of one server, made anew for each script."""

    def __init__(self, server: DatabaseServer) -> None:
        self.remarks: tuple[Remark, ...] = ()
        self._server = server
        self._connection = server.connect_as_root(autocommit=True)
        raw = "SET character_set_results = NULL"
        self._as_stored = server.connect_as_root(autocommit=True, conv={}, use_unicode=False, init_command=raw)

    def close(self) -> None:
        for name in (BY_CLIENT, BY_LOADER):
            self._rows(f"DROP DATABASE IF EXISTS {name}")
        self._connection.close()
        self._as_stored.close()

    def _rows(self, sql: str, *arguments: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, arguments or None)
            return list(cursor.fetchall())

    @contextmanager
    def database(self, name: str) -> Iterator[None]:
        """One more, for as long as the context lasts."""
        recreate(self._connection, name)
        try:
            yield
        finally:
            self._rows(f"DROP DATABASE {name}")

    @contextmanager
    def time_zone(self, zone: str) -> Iterator[None]:
        """The zone of sessions that begin as long as the context lasts."""
        self._rows(f"SET GLOBAL time_zone = '{zone}'")
        try:
            yield
        finally:
            self._rows("SET GLOBAL time_zone = '+00:00'")

    def by_client(self, script: bytes) -> str:
        """Return the client's complaints."""
        recreate(self._connection, BY_CLIENT)
        return self.client(BY_CLIENT, script)

    def client(self, name: str, script: bytes) -> str:
        """Return the client's complaints, with the database as it is."""
        # Without --comments, the client loses the end of a conditional comment that has a comment in it; without --commands,
        # newer ones of MySQL take no `\\g`.
        command = [
            self._server.programs.client,
            "--no-defaults",
            f"--socket={self._server.socket}",
            "-uroot",
            "--default-character-set=utf8mb4",
            "--comments",
            "--loose-commands",
            f"--init-command={SESSION}",
        ]
        done = subprocess.run([*command, name], input=script, capture_output=True, check=False, timeout=60)
        return done.stderr.decode() if done.returncode else ""

    def by_loader(self, script: bytes, sizes: Sequence[int] = (), *, connections: int = 3) -> str:
        """Return the loader's complaints."""
        recreate(self._connection, BY_LOADER)
        signature, loaded = Signature(), Loaded()
        try:
            load(
                chunked(script, sizes),
                signature,
                lambda name: self._server.connect(name, autocommit=True, init_command=SESSION),
                describe(self._connection),
                database=BY_LOADER,
                connections=connections,
                loaded=loaded,
            )
        except IngestionError as error:
            return str(error)
        self.remarks = loaded.remarks.all
        return ""

    def definitions(self, name: str) -> dict[tuple[str, str], list[bytes]]:
        """Return SHOW CREATE of each object, by kind and name, without its definer, database, state and age."""
        found = {}
        for kind in _OBJECTS:
            for one in self._objects(name, kind):
                (row,) = self._raw(f"SHOW CREATE {kind} {name}.{quoted(one)}")
                told = [b"" if value is None else _NOT_ITS_OWN.sub(b"", value) for value in row]
                found[kind, one] = [value for value in told if not _TIME.fullmatch(value)]
        return found

    def values(self, name: str) -> dict[str, list[tuple[bytes | None, ...]]]:
        """Every value of each table as it is stored, of invisible and computed columns, too; sorted."""
        found = {}
        for table in self._objects(name, "TABLE"):
            columns = self._rows(
                "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
                " ORDER BY ORDINAL_POSITION", name, table,
            )  # fmt: skip
            # as text, a FLOAT has 6 digits, and an ENUM's '' may be its error value
            exactly = {"float": "{0} * 1e0", "double": "{0} * 1e0", "enum": "CONCAT({0} + 0, {0})"}
            wanted = ", ".join(exactly.get(kind, "{0}").format(quoted(column)) for column, kind in columns)
            rows = self._raw(f"SELECT {wanted} FROM {name}.{quoted(table)}")
            found[table] = sorted(rows, key=repr)
        return found

    def _objects(self, name: str, kind: str) -> list[str]:
        column, source = _OBJECTS[kind]
        schema = "TABLE_SCHEMA" if column == "TABLE_NAME" else column.replace("NAME", "SCHEMA")
        query = f"SELECT {column} FROM information_schema.{source} AND {schema} = %s ORDER BY 1"
        return [one for (one,) in self._rows(query, name)]

    def _raw(self, sql: str) -> list[tuple[bytes | None, ...]]:
        """Bytes as they are stored, whatever their character set."""
        with self._as_stored.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())


def chunked(content: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """The first chunk holds the header, as a chunk of the zip does."""
    position = 0
    for size in [60, *sizes]:
        yield content[position : position + size]
        position += size
    yield content[position:]
