"""The connection to Trino, and its errors, sorted by what is done about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from trino.auth import JWTAuthentication
from trino.dbapi import Connection, connect
from trino.exceptions import HttpError, TrinoAuthError, TrinoConnectionError, TrinoQueryError

from data_commons.errors import StatementRefused, TrinoRefused
from ingestion.errors import IngestionError, NotYet

type Query = Callable[[str], list[list[Any]]]

# Ends a statement whose function is gone: https://trino.io/docs/476/admin/properties-query-management.html
STATEMENT_LIMIT = "10m"
_AGAIN = "then redrive the message"
_STATUS = re.compile(r"error (\d{3})")
_BAD_FILES = frozenset({"HIVE_BAD_DATA"})  # which Trino counts among the faults of what it reads from
_LATER = frozenset({"429", "500", "502", "503", "504"})


@dataclass(frozen=True)
class Server:
    """The address of Trino's coordinator, and the user whom the token is for.

    `ca_bundle` is a file of the authorities that are trusted, null for those that are publicly known. `catalogs` are those
    whose timestamps are read to the microsecond: Hive refuses the type `timestamp(6)` else.
    """

    host: str
    port: int
    user: str
    catalogs: tuple[str, ...]
    ca_bundle: str | None = None

    def __str__(self) -> str:
        return f"Trino at {self.host}:{self.port}"


class Trino:
    """Trino over TLS, connected when it is first used, with the token that `token` gives then, and anew once it is refused.

    The client repeats a request that got no answer, so that every statement must stand being run twice.
    """

    def __init__(self, server: Server, token: Callable[[], str]) -> None:
        self._server = server
        self._token = token
        self._connection: Connection | None = None

    def query(self, statement: str) -> list[list[Any]]:
        """Run a statement and return all its rows.

        Raises NotYet while Trino is down or busy; TrinoRefused; StatementRefused, which has Trino's name of the error.
        """
        connected = self._connection is not None
        with self._explained(statement):
            try:
                return self._run(statement)
            except HttpError as error:
                if not (connected and _status(error) == "401"):
                    raise
            self.close()  # the token may have been renewed since
            return self._run(statement)

    def close(self) -> None:
        """Close the connection; the next statement opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()  # type: ignore[no-untyped-call]

    def _run(self, statement: str) -> list[list[Any]]:
        if self._connection is None:
            self._connection = self._connect()
        cursor = self._connection.cursor()
        return list(cursor.execute(statement).fetchall())

    def _connect(self) -> Connection:
        """The session heeds nothing of the environment: REQUESTS_CA_BUNDLE would win over `verify`, and .netrc be read.

        https://requests.readthedocs.io/en/latest/user/advanced/#ssl-cert-verification
        """
        at = self._server
        session = requests.Session()
        session.trust_env, session.verify = False, at.ca_bundle or True
        properties = {f"{catalog}.timestamp_precision": "MICROSECONDS" for catalog in at.catalogs}
        made: Connection = connect(  # type: ignore[no-untyped-call]
            host=at.host,
            port=at.port,
            user=at.user,
            source="trino_publisher",
            http_scheme="https",
            auth=JWTAuthentication(self._token()),
            http_session=session,
            timezone="UTC",
            session_properties=properties | {"query_max_run_time": STATEMENT_LIMIT},
        )
        return made

    @contextmanager
    def _explained(self, statement: str) -> Iterator[None]:
        """Sort the client's errors into ours. https://trino.io/docs/476/develop/client-protocol.html"""
        try:
            yield
        except TrinoQueryError as error:
            raise _of_statement(error, statement, self._server) from error
        except HttpError as error:
            raise _of_answer(error, self._server) from error
        except TrinoAuthError as error:
            raise TrinoRefused(f"{self._server}: {error}. Correct the address, {_AGAIN}.") from error
        except (TrinoConnectionError, requests.RequestException) as error:
            self.close()
            raise _of_connection(error, self._server) from error


def _of_statement(error: TrinoQueryError, statement: str, at: Server) -> IngestionError:
    name = str(error.error_name)
    reason = f"{at} on {' '.join(statement.split())[:300]!r}: {error.message} ({name})"
    if name == "PERMISSION_DENIED":
        return TrinoRefused(f"{reason}. Grant it to {at.user}, {_AGAIN}.")
    if error.error_type == "USER_ERROR" or name in _BAD_FILES:
        return StatementRefused(name, f"{reason}. Correct what it says, {_AGAIN}.")
    return NotYet(reason)


def _of_answer(error: HttpError, at: Server) -> IngestionError:
    status = _status(error)
    if status in _LATER:
        return NotYet(f"{at}: {error}")
    if status == "401":
        return TrinoRefused(
            f"{at} does not take the token of {at.user}: {error}. It has expired, or is another server's. Renew it in its "
            f"secret, or TRINO_PASSWD, {_AGAIN}."
        )
    return TrinoRefused(f"{at} refuses {at.user}: {error}. Grant it, or correct the address, {_AGAIN}.")


def _of_connection(error: Exception, at: Server) -> IngestionError:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return TrinoRefused(
            f"{at} shows a certificate of no authority that is trusted: {error}. Name the file of its authority in "
            f"TRINO_CA_BUNDLE, {_AGAIN}."
        )
    if "WRONG_VERSION_NUMBER" in str(error):
        return TrinoRefused(f"{at} does not speak TLS: {error}. Give TRINO_PORT the one that does, {_AGAIN}.")
    return NotYet(f"{at} does not answer: {error}")


def _status(error: HttpError) -> str | None:
    found = _STATUS.match(str(error))
    return found[1] if found else None
