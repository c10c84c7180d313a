"""A private PostgreSQL server in a temporary directory: the RDS instance of Cubic's metadata in the local run.

It differs from RDS: whichever version is there runs, and it gives durability away for speed. All that a client can notice is
kept: TLS is required, the password is checked by SCRAM, and the account is the owner of its database and no superuser.
tools/install-server gets the programs. PostgreSQL refuses to run as root, so that root runs it as another user.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg import sql

from local.emulator import guard
from local.emulator.certificates import write_certificates
from local.emulator.database_server import DatabaseServerError, free_port, interrupts_held

if TYPE_CHECKING:
    from types import TracebackType

INSTALL = "tools/install-server postgresql gets one, or says how to."

_PORT_ATTEMPTS = 5
_START_SECONDS = 60.0
_DIRECTORIES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
)  # Debian, Fedora, macOS
_ADMINISTRATOR = "postgres"
# The first is of Debian's package, the other is everywhere.
_UNPRIVILEGED = ("postgres", "nobody")

_ACCESS = """\
local   all all              trust
hostssl all all samenet      scram-sha-256
"""


class PostgresServer:
    """Context manager: a running server, gone with its data at the end of the block or of the process.

    `settings` are options of the server, `name=value`; they come last, so they win. `also_on` is another address of this
    machine, for its containers. Raises DatabaseServerError.
    """

    host = "127.0.0.1"
    user = "cubic"
    database = "cubic"

    def __init__(self, *settings: str, also_on: str | None = None) -> None:
        self._extra = settings
        self._addresses = (self.host, *filter(None, [also_on]))
        self.password = secrets.token_urlsafe(18)
        self.port = 0
        self.directory: Path
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def ca_bundle(self) -> Path:
        """The authority that signed the server's certificate."""
        return self.directory / "ca.pem"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise DatabaseServerError("The server is not running.")
        return self._process.pid

    def __str__(self) -> str:
        """The server that runs and its version: `PostgreSQL 16.4`."""
        with self.connect_as_administrator() as connection:
            return f"PostgreSQL {connection.info.parameter_status('server_version')}".split(" (")[0]

    def __enter__(self) -> Self:
        self._programs = find_programs()
        self._account = _unprivileged()
        self.directory = guard.folder()
        try:
            write_certificates(self.directory, *self._addresses)
            (self.directory / "access").write_text(_ACCESS)
            self._give_away()
            self._initialise()
            self._start()
            self._create_account()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """A connection over TCP and TLS as the owner of the database; `options` are psycopg's."""
        account = {"host": self.host, "port": self.port, "user": self.user, "password": self.password}
        tls = {"sslmode": "verify-full", "sslrootcert": str(self.ca_bundle)}
        return psycopg.connect(**{"dbname": self.database, **account, **tls, **options})

    def connect_as_administrator(self, **options: Any) -> psycopg.Connection[Any]:
        """A connection over the socket with all rights: for what RDS does beneath the server, never for a function."""
        account = {"host": str(self.directory), "port": self.port, "user": _ADMINISTRATOR, "dbname": "postgres"}
        return psycopg.connect(**{**account, **options})

    def start_again(self) -> None:
        """The same data, on a port that may be another; every connection is lost."""
        if self._process is not None:
            _quit(self._process)
        self._start()

    def stop(self) -> None:
        """Stops the server and removes its directory; a Ctrl-C meanwhile waits until that is done."""
        with interrupts_held():
            if self._process is not None:
                _quit(self._process)
                self._process = None
            shutil.rmtree(self.directory, ignore_errors=True)

    def _give_away(self) -> None:
        """Lets the server's user into the folder, if it is not ours."""
        if self._account is None:
            return
        self.directory.parent.chmod(0o711)
        if closed := next((it for it in reversed(self.directory.parents) if not self._account.may_enter(it)), None):
            raise DatabaseServerError(
                f"PostgreSQL does not run as root but as {self._account.name}, who may not enter {closed}. Set TMPDIR to a "
                "folder that everybody may enter, /tmp for one, or do this as another user than root."
            )
        for path in (self.directory, *self.directory.iterdir()):
            os.chown(path, self._account.uid, self._account.gid)

    def _initialise(self) -> None:
        code, output = guard.run(
            [
                self._programs.initialise, f"--pgdata={self.directory / 'data'}", f"--username={_ADMINISTRATOR}",
                "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions",
            ],
            **self._as_account(),
        )  # fmt: skip
        if code:
            raise DatabaseServerError(f"{self._programs.initialise} failed:\n{output[-2000:]}")

    def _start(self) -> None:
        server, log = self._programs.server, self.directory / "log"
        for _ in range(_PORT_ATTEMPTS):
            self.port = free_port()
            with log.open("wb") as output:
                self._process = guard.start(
                    [server, "-D", self.directory / "data", *(f"--{setting}" for setting in self._settings())],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    **self._as_account(),
                )
            if self._answers():
                return
            _quit(self._process)
            if "Address already in use" not in (text := log.read_text(errors="replace")):
                raise DatabaseServerError(f"{server} did not start:\n{text[-2000:]}")
        raise DatabaseServerError(f"{server} found no free port in {_PORT_ATTEMPTS} attempts.")

    def _settings(self) -> list[str]:
        return [
            f"hba_file={self.directory / 'access'}",
            f"unix_socket_directories={self.directory}",
            f"listen_addresses={','.join(self._addresses)}",
            f"port={self.port}",
            "ssl=on",
            f"ssl_cert_file={self.directory / 'server.pem'}",
            f"ssl_key_file={self.directory / 'server.key'}",
            "timezone=UTC",
            "log_timezone=UTC",
            # speed: the data is thrown away; what is committed outlives the server's end all the same, not the machine's
            "fsync=off",
            "full_page_writes=off",
            "wal_level=minimal",
            "max_wal_senders=0",
            "shared_buffers=32MB",
            # in the folder, so that a server that is killed leaves nothing elsewhere
            "dynamic_shared_memory_type=mmap",
            *self._extra,
        ]

    def _as_account(self) -> dict[str, Any]:
        if self._account is None:
            return {"cwd": self.directory}
        return {"user": self._account.uid, "group": self._account.gid, "extra_groups": [], "cwd": self.directory}

    def _answers(self) -> bool:
        deadline = time.monotonic() + _START_SECONDS
        while self._process is not None and self._process.poll() is None and time.monotonic() < deadline:
            try:
                self.connect_as_administrator().close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return True
        return False

    def _create_account(self) -> None:
        with self.connect_as_administrator(autocommit=True) as connection:
            user, database = sql.Identifier(self.user), sql.Identifier(self.database)
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {}").format(user, sql.Literal(self.password))
            )
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, user))


@dataclass(frozen=True, slots=True)
class Programs:
    """The server, and what makes its data directory."""

    server: Path
    initialise: Path


def find_programs() -> Programs:
    """The programs on the PATH, or the newest where packages put them. Raises DatabaseServerError, saying how to get them.

    Debian's package puts neither on the PATH.
    """
    packaged = (found for pattern in _DIRECTORIES for found in Path("/").glob(pattern.lstrip("/")))
    newest_first = sorted(packaged, key=lambda folder: [int(part) for part in _numbers(folder)], reverse=True)
    for folder in [*map(Path, os.get_exec_path()), *newest_first]:
        server, initialise = (folder / name for name in ("postgres", "initdb"))
        if os.access(server, os.X_OK) and os.access(initialise, os.X_OK):
            return Programs(server, initialise)
    raise DatabaseServerError(f"There is no PostgreSQL server here. {INSTALL}")


def _numbers(folder: Path) -> list[str]:
    return "".join(c if c.isdigit() else " " for c in str(folder)).split()


@dataclass(frozen=True, slots=True)
class _Account:
    name: str
    uid: int
    gid: int

    def may_enter(self, folder: Path) -> bool:
        """By its mode; access lists are not looked at."""
        found = folder.stat()
        bit = stat.S_IXUSR if found.st_uid == self.uid else stat.S_IXGRP if found.st_gid == self.gid else stat.S_IXOTH
        return bool(found.st_mode & bit)


def _unprivileged() -> _Account | None:
    """Another user than root; None where we are not root."""
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return _Account(name, found.pw_uid, found.pw_gid)
    raise DatabaseServerError(f"PostgreSQL does not run as root, and there is no user {' or '.join(_UNPRIVILEGED)} here.")


def _quit(process: subprocess.Popen[bytes]) -> None:
    """Ends the server and its processes at once, without a checkpoint: its data goes with it, or is recovered.

    https://www.postgresql.org/docs/current/server-shutdown.html
    """
    process.send_signal(signal.SIGQUIT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
