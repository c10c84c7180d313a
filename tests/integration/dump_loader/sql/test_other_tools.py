"""The same small database, as each tool writes it, is the same on the server; tests/unit cuts these dumps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dump_loader.database.connection import Connection, describe, rows
from dump_loader.database.loading import Loaded, load
from dump_loader.database.tables import recreate
from dump_loader.sql.signature import Signature
from local.emulator.database_server import DatabaseServer
from tests.integration.dump_loader.task import DATABASE, ROOT

# test_formats.py's; and of --compact, whose foreign keys no client can load either
ELSEWHERE = {"mysqldump_5.7", "mysqldump_8.4", "mariadb-dump_11", "mysqldump_9.7_compact"}
DUMPS = [path for path in (ROOT / "tests" / "data" / "dumps").glob("*.sql") if path.stem not in ELSEWHERE]


@pytest.fixture
def connection(server: DatabaseServer) -> Iterator[Connection]:
    with server.connect_as_root(autocommit=True) as made:
        yield made
        rows(made, f"DROP DATABASE IF EXISTS {DATABASE}")


def test_every_tool_says_the_same(server: DatabaseServer, connection: Connection) -> None:
    for dump in DUMPS:
        recreate(connection, DATABASE)
        signature = Signature()
        load(
            [dump.read_bytes()],
            signature,
            lambda name: server.connect(name, autocommit=True),
            describe(connection),
            database=DATABASE,
            connections=1,
            loaded=Loaded(),
        )
        signature.refuse_unfinished(dump.stem)
        rows(connection, f"USE {DATABASE}")
        streets = rows(connection, "SELECT * FROM street ORDER BY id")
        pcns = rows(connection, "SELECT id, reference, note, street_id FROM pcn WHERE id <> 2 ORDER BY id")
        assert streets == [(1, "Mare Street East"), (2, "Café Row")], dump.stem
        assert pcns == [(1, "QZ1", 'It\'s; a "note"', 1), (3, "QZ3", None, None)], dump.stem
        assert rows(connection, "SELECT reference FROM pcn WHERE id = 2") == [("QZ2",)], dump.stem
