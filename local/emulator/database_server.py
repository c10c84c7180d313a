"""A private MySQL or MariaDB server in a temporary directory: the RDS instance of the local run.

How it differs from RDS for MySQL 8.4: whichever version is there runs, or MariaDB where it is asked for or MySQL can't be
had, and it gives durability away for speed (nothing is synced, no binary log). What a loader can notice is kept: `sql_mode`,
`lower_case_table_names`, `max_allowed_packet`, and an account with the rights of an RDS master user, which has neither
SUPER nor FILE. tools/install-server gets the programs.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pymysql

from dump_loader.sql.server import Flavour
from local.emulator import guard
from local.emulator.certificates import write_certificates

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from pymysql.connections import Connection

INSTALL = "tools/install-server mysql mariadb gets one, or says how to."

_PORT_ATTEMPTS = 5
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_FETCHED = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "liberator-ingestion/mysql/bin"
_DIRECTORIES = ("/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin")

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html
_MASTER_PRIVILEGES = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, "
    "CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, "
    "CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER"
)


class DatabaseServerError(Exception):
    """No server is installed, or it did not start; the message says what to do, or ends with the server's own log."""


class DatabaseServer:
    """Context manager: a running server, gone with its data at the end of the block or of the process.

    `settings` are options of the server; they come last, so they win. Without `flavour` it is MySQL, which is deployed, or
    MariaDB where there is no MySQL. Raises DatabaseServerError.
    """

    host = "127.0.0.1"
    user = "liberator"

    def __init__(self, *settings: str, flavour: Flavour | None = None) -> None:
        self._wanted = flavour
        self._extra = settings
        self.password = secrets.token_urlsafe(18)
        self.port = 0
        self.directory: Path
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def flavour(self) -> Flavour:
        return self.programs.flavour

    @property
    def socket(self) -> str:
        return str(self.directory / "s")

    @property
    def ca_bundle(self) -> Path:
        """The authority that signed the server's certificate; TLS is offered and, unlike on RDS, not required."""
        return self.directory / "ca.pem"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise DatabaseServerError("The server is not running.")
        return self._process.pid

    def __str__(self) -> str:
        """The server that runs and its version: `MySQL 9.7.4`."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT VERSION()")
            version = re.match(r"[\d.]+", cursor.fetchone()[0])
        because = "" if self._wanted or self.flavour is Flavour.MYSQL else f", as no {Flavour.MYSQL} can be had here"
        return f"{self.flavour} {version[0] if version else 'of no version'}{because}"

    def __enter__(self) -> Self:
        self.programs = find_programs(self._wanted)
        self.directory = guard.folder()
        try:
            write_certificates(self.directory, self.host)
            initialise(self.programs, self.directory / "data")
            self._start()
            self._create_account()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def connect(self, database: str | None = None, **options: Any) -> Connection[Any]:
        """A connection over TCP as the master user; `options` are pymysql's. Without TLS, unless they say `ssl`."""
        account = {"host": self.host, "port": self.port, "user": self.user, "password": self.password}
        plain = {} if "ssl" in options else {"ssl_disabled": True}
        return pymysql.connect(**{**account, "database": database, "charset": "utf8mb4", **plain, **options})

    def connect_as_root(self, database: str | None = None, **options: Any) -> Connection[Any]:
        """A connection over the socket with all rights: for what RDS does beneath the server, never for a loader."""
        account = {"unix_socket": self.socket, "user": "root", "charset": "utf8mb4", "ssl_disabled": True}
        return pymysql.connect(**{**account, "database": database, **options})

    def start_again(self, *settings: str) -> None:
        """The same data, on a port that may be another; `settings`, if any, instead of the present ones."""
        if self._process is not None:
            _end(self._process)
        self._extra = settings or self._extra
        self._start()

    def stop(self) -> None:
        """Stops the server and removes its directory; a Ctrl-C meanwhile waits until that is done."""
        with interrupts_held():
            if self._process is not None:
                self._process.kill()  # its data goes with it
                self._process.wait()
                self._process = None
            shutil.rmtree(self.directory, ignore_errors=True)

    def _start(self) -> None:
        server = self.programs.server
        log = self.directory / "log.err"  # without an extension the server would add this one
        for _ in range(_PORT_ATTEMPTS):
            self.port = free_port()
            self._process = guard.start(
                [server, *self._settings(log)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if self._answers():
                return
            text = log.read_text(errors="replace") if log.exists() else ""
            _end(self._process)
            if "Address already in use" not in text:
                raise DatabaseServerError(f"{server} did not start:\n{text[-2000:]}")
            log.unlink()
        raise DatabaseServerError(f"{server} found no free port in {_PORT_ATTEMPTS} attempts.")

    def _settings(self, log: Path) -> list[str]:
        return [
            "--no-defaults",
            f"--datadir={self.directory / 'data'}",
            f"--tmpdir={self.directory}",
            f"--pid-file={self.directory / 'pid'}",
            f"--log-error={log}",
            f"--socket={self.socket}",
            f"--bind-address={self.host}",
            f"--port={self.port}",
            f"--ssl-ca={self.ca_bundle}",
            f"--ssl-cert={self.directory / 'server.pem'}",
            f"--ssl-key={self.directory / 'server.key'}",
            *_as_root(),
            # what RDS for MySQL has by default; for sql_mode see https://github.com/awsdocs/amazon-rds-user-guide/issues/160
            "--sql-mode=NO_ENGINE_SUBSTITUTION",
            "--lower-case-table-names=0",
            "--default-time-zone=+00:00",
            "--character-set-server=utf8mb4",
            "--max-allowed-packet=1G",
            "--local-infile=0",
            f"--secure-file-priv={self.directory}",
            # speed: the data is thrown away
            "--skip-log-bin",
            "--skip-name-resolve",
            "--event-scheduler=OFF",
            "--performance-schema=OFF",
            "--loose-mysqlx=OFF",
            "--innodb-buffer-pool-size=256M",
            *_log_size(self.flavour),
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-flush-method=nosync",
            "--innodb-doublewrite=0",
            "--innodb-fast-shutdown=2",
            *self._extra,
        ]

    def _answers(self) -> bool:
        deadline = time.monotonic() + _START_SECONDS
        while self._process is not None and self._process.poll() is None and time.monotonic() < deadline:
            try:
                self.connect_as_root().close()
            except pymysql.err.OperationalError:
                time.sleep(0.02)
            else:
                return True
        return False

    def _create_account(self) -> None:
        with self.connect_as_root() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT user, host FROM mysql.user WHERE user IN ('root', '') AND host <> 'localhost'")
            for user, host in cursor.fetchall():
                cursor.execute("DROP USER %s@%s", (user, host))
            cursor.execute(f"CREATE USER '{self.user}'@'%%' IDENTIFIED BY %s", (self.password,))
            cursor.execute(f"GRANT {_MASTER_PRIVILEGES} ON *.* TO '{self.user}'@'%' WITH GRANT OPTION")


@dataclass(frozen=True, slots=True)
class Programs:
    """A server, and the client and the dump program that belong to it. `--no-defaults` has to be their first option."""

    flavour: Flavour
    server: Path
    client: Path
    dump: Path


def find_programs(flavour: Flavour | None = None) -> Programs:
    """Those of the flavour, or of MySQL, or of MariaDB. Raises DatabaseServerError with the command that gets them."""
    for one in [flavour] if flavour else [Flavour.MYSQL, Flavour.MARIADB]:
        server, client, dump = (_find(one, name) for name in _NAMES[one])
        if server and client and dump:
            return Programs(one, server, client, dump)
    raise DatabaseServerError(f"There is no {flavour or 'MySQL or MariaDB'} server here. {INSTALL}")


def initialise(programs: Programs, data: Path) -> None:
    """Creates the system tables in `data`, with root@localhost without a password.

    Temporary tables go beside `data`: a server that starts removes those of all servers in its temporary directory.
    """
    temporary = f"--tmpdir={data.parent}"
    if programs.flavour is Flavour.MARIADB:
        script = _find(Flavour.MARIADB, "mariadb-install-db")
        if script is None:
            raise DatabaseServerError(f"{programs.server} is installed, but mariadb-install-db is not. {INSTALL}")
        command: list[str | Path] = [
            script, "--no-defaults", f"--datadir={data}", temporary, "--auth-root-authentication-method=normal",
            "--skip-test-db", "--skip-name-resolve", "--innodb-flush-method=nosync",
        ]  # fmt: skip
    else:
        command = [
            programs.server, "--no-defaults", "--initialize-insecure", f"--datadir={data}", temporary, "--skip-log-bin",
            "--innodb-flush-method=nosync",
        ]  # fmt: skip
    command += [*_log_size(programs.flavour), *_as_root()]
    code, output = guard.run(command)
    if code:
        raise DatabaseServerError(f"{command[0]} failed:\n{output[-2000:]}")


_NAMES = {Flavour.MYSQL: ("mysqld", "mysql", "mysqldump"), Flavour.MARIADB: ("mariadbd", "mariadb", "mariadb-dump")}


def _log_size(flavour: Flavour) -> list[str]:
    return [f"--{'innodb-redo-log-capacity' if flavour is Flavour.MYSQL else 'innodb-log-file-size'}=64M"]


def _find(flavour: Flavour, name: str) -> Path | None:
    """MySQL's programs where tools/install-server puts them, or on the PATH, unless those of the name are MariaDB's."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *_DIRECTORIES))
    if flavour is Flavour.MYSQL:
        path = f"{_FETCHED}{os.pathsep}{path}"
    found = shutil.which(name, path=path)
    if not found or (flavour is Flavour.MYSQL and b"MariaDB" in _version(found)):
        return None
    return Path(found)


def _version(program: str) -> bytes:
    return subprocess.run([program, "--no-defaults", "--version"], capture_output=True, check=False).stdout


def _as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((DatabaseServer.host, 0))
        return int(probe.getsockname()[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class interrupts_held:  # noqa: N801  reads as a statement
    """Notes a SIGINT, SIGTERM or SIGHUP and lets it act at the end of the block. Outside the main thread it does nothing."""

    def __enter__(self) -> None:
        self._noted: list[int] = []
        self._before: dict[int, Any] = {}
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            try:
                self._before[number] = signal.signal(number, self._note)
            except ValueError:
                return

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._noted.append(number)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        for number in self._noted:
            signal.raise_signal(number)
