"""A second connection to the metadata database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cubic.store.database import PostgreSql
from local.emulator.postgres_server import PostgresServer
from tests import cubic


@pytest.fixture
def another_database(postgres: PostgresServer) -> Iterator[PostgreSql]:
    """As another run of the function has it."""
    database = cubic.database_of(postgres)
    yield database
    database.close()
