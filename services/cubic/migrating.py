"""The metadata database's schema is brought up to date, or back. yoyo keeps account of what is applied."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI

from cubic.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yoyo.migrations import Migration

    from cubic.settings import DatabaseSettings
    from cubic.store.database import Credentials

FOLDER = Path(__file__).parent / "migrations"
_LOCK_SECONDS = 60
_LOCK = 20220304  # any number that no other lock of this database has


def migrate(settings: DatabaseSettings, credentials: Credentials, folder: Path = FOLDER) -> list[str]:
    """Apply what is not applied yet, each file in a transaction of its own; its names. Two at once take turns."""
    with _backend(settings, credentials) as backend:
        to_apply = backend.to_apply(read_migrations(str(folder)))
        backend.apply_migrations(to_apply)
        return [migration.id for migration in to_apply]


def roll_back(settings: DatabaseSettings, credentials: Credentials, folder: Path = FOLDER) -> list[str]:
    """Take back all that is applied, data included; its names. For tests and for a person."""
    with _backend(settings, credentials) as backend:
        to_roll_back = backend.to_rollback(read_migrations(str(folder)))
        backend.rollback_migrations(to_roll_back)
        return [migration.id for migration in to_roll_back]


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]  # yoyo has no types
    """Logs the database's user and no host: yoyo asks the system for both, where a container's user may have no name."""

    def get_log_data(self, migration: Migration | None = None, operation: str = "apply") -> dict[str, Any]:
        """Return a row of yoyo's log."""
        return {
            "id": str(uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": self.uri.username,
            "hostname": None,
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }


@contextmanager
def _backend(settings: DatabaseSettings, credentials: Credentials) -> Iterator[PostgresqlPsycopgBackend]:
    """Connect, and hold a lock that ends with the connection; yoyo's own is a row, which a dead process leaves behind."""
    options = {
        "sslmode": "verify-full",
        "sslrootcert": settings.db_ca_bundle,
        "connect_timeout": "10",
        "options": f"-c lock_timeout={_LOCK_SECONDS}s",
    }
    address = (settings.db_host, settings.db_port, settings.db_name, options)
    uri = DatabaseURI("postgresql+psycopg", credentials.user, credentials.password, *address)
    try:
        backend = _Backend(uri, "_yoyo_migration")
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(
            f"No connection to the database {settings.db_name} at {settings.db_host}:{settings.db_port}: "
            f"{' '.join(str(error).split())}. Look at the instance, its security group and the secret, then deploy again."
        ) from error
    try:
        backend.execute("SELECT pg_advisory_lock(:lock)", {"lock": _LOCK})
        backend.init_database()
        yield backend
    finally:
        backend.connection.close()
