"""The dumps that are loaded: made once, by a real server and the tools of its users, and kept in .bench/."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dump_loader.sql.server import Flavour
from local.demo import sample
from local.emulator.database_server import DatabaseServer

KEPT = Path(__file__).parents[1] / ".bench"
TABLES, ROWS = 8, 250_000


@dataclass(frozen=True)
class Dump:
    """The same data three ways: zipped SQL, and what mydumper made of it (empty where it is not installed)."""

    name: str
    zipped: Path
    by_mydumper: Path
    megabytes: float


def oltp(rows: int = ROWS) -> Dump:
    """Tables as `sysbench oltp_read_write prepare` makes them: digits, and an index on a random column."""
    return _made(f"oltp-{TABLES}x{rows}", lambda server: fill_oltp(server, rows), by_mydumper=True)


def parking(scale: float) -> Dump:
    """The bundled sample with so many times its rows; not by mydumper, which takes the views' DEFINERs along."""
    return _made(f"sample-x{scale:g}", lambda server: sample.fill(server, scale=scale), by_mydumper=False)


def fill_oltp(server: DatabaseServer, rows: int) -> None:
    digits = ", ".join(["LPAD(FLOOR(RAND() * 1e11), 11, '0')"] * 10)
    pad = ", ".join(["LPAD(FLOOR(RAND() * 1e11), 11, '0')"] * 5)
    with server.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE liberator CHARACTER SET utf8mb4")
        cursor.execute("USE liberator")
        for n in range(1, TABLES + 1):
            cursor.execute(
                f"CREATE TABLE sbtest{n} (id INT NOT NULL AUTO_INCREMENT, k INT NOT NULL DEFAULT 0, c CHAR(120) NOT NULL"
                f" DEFAULT '', pad CHAR(60) NOT NULL DEFAULT '', PRIMARY KEY (id), KEY k_{n} (k)) ENGINE=InnoDB"
            )
            cursor.execute(
                f"INSERT INTO sbtest{n} SELECT seq, 1 + RAND() * {rows}, CONCAT_WS('-', {digits}),"  # noqa: S608
                f" CONCAT_WS('-', {pad}) FROM seq_1_to_{rows}"
            )


def _made(name: str, fill: Callable[[DatabaseServer], object], *, by_mydumper: bool) -> Dump:
    folder = KEPT / name
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with DatabaseServer(flavour=Flavour.MARIADB) as server:
            fill(server)
            account = ["--no-defaults", f"--socket={server.socket}", "-uroot"]
            # tables only: views and triggers have DEFINERs, which the other ways may not set
            database, tables = _tables(server)
            with (folder / "dump.sql").open("wb") as out:
                command = [server.programs.dump, *account, "--skip-triggers", database, *tables]
                subprocess.run(command, stdout=out, check=True)
            if by_mydumper and shutil.which("mydumper"):
                command = ["mydumper", "-u", "root", "-S", server.socket, "-B", database, "-o", str(folder / "mydumper")]
                subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=300)
        with zipfile.ZipFile(folder / "dump.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(folder / "dump.sql", "dump.sql")
        (folder / "made").write_text(str((folder / "dump.sql").stat().st_size))
        (folder / "dump.sql").unlink()
    return Dump(name, folder / "dump.zip", folder / "mydumper", int((folder / "made").read_text()) / 1e6)


def _tables(server: DatabaseServer) -> tuple[str, list[str]]:
    """The one database, and its tables without its views."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW DATABASES")
        [database] = {row[0] for row in cursor.fetchall()} - {"information_schema", "mysql", "performance_schema", "sys"}
        cursor.execute(f"SHOW FULL TABLES FROM `{database}` WHERE Table_type = 'BASE TABLE'")
        return str(database), [str(row[0]) for row in cursor.fetchall()]
