"""A terminal, a stack's function, and its database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cubic.functions import migrate_metadata
from cubic.store.database import PostgreSql
from local.emulator.postgres_server import PostgresServer
from tests.operations import Terminal, environment_of


@pytest.fixture
def terminal(
    aws: str, postgres: PostgresServer, database: PostgreSql, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    for name, value in environment_of(postgres).items():
        monkeypatch.setenv(name, value)
    migrate_metadata.metadata.cache_clear()
    yield Terminal()
    migrate_metadata.metadata().database.close()
    migrate_metadata.metadata.cache_clear()
