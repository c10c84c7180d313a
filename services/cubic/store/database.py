"""The connection to the metadata database, and its transactions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
from aws_lambda_powertools import Logger
from psycopg.rows import dict_row

from cubic.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from cubic.settings import DatabaseSettings

logger = Logger(child=True)

type Row = dict[str, Any]
type Cursor = psycopg.Cursor[Row]

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 60  # far below the shortest timeout of a function
# Ends a transaction whose function is gone, so that its locks are not held for the hours that TCP may take to notice.
IDLE_SECONDS = 60


class Database(Protocol):
    """The metadata database."""

    def transaction(self) -> AbstractContextManager[Cursor]:
        """Gives a cursor; commits at the end of the block, rolls back on an error. Raises DatabaseUnavailable."""


@dataclass(frozen=True)
class Credentials:
    """A user and its password, which no log line shows."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.user!r})"


class PostgreSql:
    """PostgreSQL over TLS, connected when it is first used, and anew after the connection is lost.

    `credentials` are asked for at each connection: RDS rotates the password.
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
    """

    def __init__(self, settings: DatabaseSettings, credentials: Callable[[], Credentials]) -> None:
        self._settings = settings
        self._credentials = credentials
        self._connection: psycopg.Connection[Row] | None = None

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        connection = self._connected()
        try:
            with connection.transaction(), connection.cursor() as cursor:
                yield cursor
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self.close()
            raise DatabaseUnavailable(
                f"The database {self._place} ended the transaction: {_line(error)}. It is tried again; "
                "look at the instance if this goes on."
            ) from error

    def close(self) -> None:
        """Close the connection; the next transaction opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @property
    def _place(self) -> str:
        return f"{self._settings.db_name} at {self._settings.db_host}:{self._settings.db_port}"

    def _connected(self) -> psycopg.Connection[Row]:
        """The connection. One that has died while the function slept is replaced before anything is asked of it."""
        if self._connection is not None:
            try:
                self._connection.execute("SELECT")
                return self._connection
            except psycopg.Error:
                self.close()
        self._connection = self._connect()
        return self._connection

    def _connect(self) -> psycopg.Connection[Row]:
        settings, credentials = self._settings, self._credentials()
        try:
            return psycopg.connect(
                host=settings.db_host,
                port=settings.db_port,
                dbname=settings.db_name,
                user=credentials.user,
                password=credentials.password,
                sslmode="verify-full",
                sslrootcert=settings.db_ca_bundle,
                connect_timeout=CONNECT_SECONDS,
                application_name="cubic",
                options=f"-c TimeZone=UTC -c statement_timeout={STATEMENT_SECONDS}s "
                f"-c idle_in_transaction_session_timeout={IDLE_SECONDS}s",
                autocommit=True,
                # A statement that the server has prepared fails once a migration has changed what it returns.
                prepare_threshold=None,
                row_factory=dict_row,
            )
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(
                f"No connection to the database {self._place} as {credentials.user!r}: {_line(error)}. It is tried again; "
                "look at the instance, its security group and the secret if this goes on."
            ) from error


def secret_credentials(secrets: SecretsManagerClient, secret_arn: str) -> Callable[[], Credentials]:
    """Read user and password from a secret as RDS writes it, at each call."""

    def credentials() -> Credentials:
        secret = json.loads(secrets.get_secret_value(SecretId=secret_arn)["SecretString"])
        return Credentials(secret["username"], secret["password"])

    return credentials


def _line(error: psycopg.Error) -> str:
    return " ".join(str(error).split()) or type(error).__name__
