"""One script through the server's own client and through the loader, into two databases of one server."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

from dump_loader import database
from dump_loader.dialect import Signature
from dump_loader.loading import Loaded, load
from ingestion.errors import IngestionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingestion.row_counts import Remark
    from local.database_server import DatabaseServer

BY_CLIENT, BY_LOADER = "differential_client", "differential_loader"


class Two:
    """Two databases of one server, made anew for each script."""

    def __init__(self, server: DatabaseServer) -> None:
        self.remarks: tuple[Remark, ...] = ()
        self._server = server
        self._connection = server.connect_as_root(autocommit=True)

    def close(self) -> None:
        for name in (BY_CLIENT, BY_LOADER):
            self._rows(f"DROP DATABASE IF EXISTS {name}")
        self._connection.close()

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def by_client(self, script: bytes) -> str:
        """What the client complains of."""
        database.recreate(self._connection, BY_CLIENT)
        # --comments: without it, the client loses the end of a conditional comment that has a comment in it
        command = [
            self._server.programs.client,
            "--no-defaults",
            f"--socket={self._server.socket}",
            "-uroot",
            "--default-character-set=utf8mb4",
            "--comments",
        ]
        done = subprocess.run([*command, BY_CLIENT], input=script, capture_output=True, check=False, timeout=60)
        return done.stderr.decode()

    def by_loader(self, script: bytes, sizes: Sequence[int] = ()) -> str:
        """What the loader complains of."""
        database.recreate(self._connection, BY_LOADER)
        signature, loaded = Signature(), Loaded()
        try:
            load(
                signature.watch(chunked(script, sizes)),
                signature,
                lambda name: self._server.connect(name, autocommit=True),
                database.describe(self._connection),
                database=BY_LOADER,
                connections=3,
                loaded=loaded,
            )
        except IngestionError as error:
            return str(error)
        self.remarks = loaded.remarks.all
        return ""

    def content(self, name: str) -> dict[str, tuple[int, int]]:
        """Rows and checksum of each table."""
        found = {}
        for (table,) in self._rows(f"SHOW TABLES IN {name}"):
            full = f"{name}.{database.quoted(table)}"
            ((count,),) = self._rows(f"SELECT COUNT(*) FROM {full}")
            ((_, checksum),) = self._rows(f"CHECKSUM TABLE {full}")
            found[table] = (count, checksum)
        return found


def chunked(content: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """The first chunk holds the header, as a chunk of the zip does."""
    position = 0
    for size in [60, *sizes]:
        yield content[position : position + size]
        position += size
    yield content[position:]
