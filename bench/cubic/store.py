"""The metadata database of the benchmarks: a server of its own, with Cubic's schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

from cubic.migrating import migrate
from cubic.store import configuration
from cubic.store.database import PostgreSql
from cubic.tables import TableConfig
from ingestion import telemetry
from local.emulator.postgres_server import PostgresServer
from tests import cubic

# The smallest instance gives as much: the tests' server is content with less.
_SETTINGS = ("shared_buffers=256MB", "max_wal_size=4GB")


@contextmanager
def database(prefixes: Sequence[str]) -> Iterator[tuple[PostgresServer, PostgreSql]]:
    """With these tables. Nothing is written of metrics, which would come between the figures."""
    quiet = patch.multiple(telemetry, count=lambda *_: None, seconds=lambda *_: None)
    with quiet, PostgresServer(*_SETTINGS) as server:
        migrate(cubic.settings_of(server), cubic.credentials_of(server))
        db = cubic.database_of(server)
        for prefix in prefixes:
            configuration.put_table(db, TableConfig(s3_prefix=prefix))
        yield server, db
        db.close()


def ods(tables: int) -> list[str]:
    """The prefixes of so many tables."""
    return [f"cubic/ods_qlik/EDW.TABLE{n:05}/" for n in range(tables)]
