"""The sample dump: a made-up parking database with every column type of the type table, as mysqldump writes it."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

from dump_loader.sql.server import Flavour
from local.demo.sample.rows import TABLES
from local.emulator.database_server import DatabaseServer, DatabaseServerError

BUNDLED = Path(__file__).parent / "liberator_dump.zip"
DATABASE = "liberator"
MEMBER = "liberator_dump.sql"
FIXED = (2021, 6, 4, 2, 0, 0)  # so that rebuilding gives the same bytes


def build(destination: Path = BUNDLED, *, scale: float = 1.0) -> int:
    """Makes the database on a server of its own, dumps and zips it; returns the rows. Takes some 15 seconds."""
    with DatabaseServer(flavour=Flavour.MYSQL) as server:
        rows = fill(server, scale=scale)
        _zip(dump(server), destination)
    return rows


def fill(server: DatabaseServer, *, scale: float = 1.0) -> int:
    """Creates the sample's database on a server, with `scale` times its rows; returns how many there are."""
    here = Path(__file__).parent
    # as root, so that the dump has DEFINERs that RDS refuses; strict, so that no value is cut, but with zero dates
    with server.connect_as_root(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'")
        cursor.execute(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
        connection.select_db(DATABASE)
        for statement in _statements(here / "schema.sql", ";\n"):
            cursor.execute(statement)
        for table in TABLES:
            connection.begin()
            cursor.executemany(table.insert, table.rows(scale))
            connection.commit()
        for statement in _statements(here / "routines.sql", "\n;;\n"):
            cursor.execute(statement)
        counts = 0
        for table in TABLES:
            cursor.execute(f"SELECT COUNT(*) FROM {table.table}")
            counts += cursor.fetchone()[0]
        return counts


def dump(server: DatabaseServer) -> bytes:
    """Dump the database as the supplier's nightly mysqldump does: routines, triggers, and binary data as it is."""
    options = [
        "--single-transaction",
        "--routines",
        "--triggers",
        "--events",
        "--default-character-set=utf8mb4",
        "--skip-dump-date",
    ]
    program = str(server.programs.dump)
    command = [program, "--no-defaults", f"--socket={server.socket}", "--user=root", *options, "--databases", DATABASE]
    script = subprocess.run(command, capture_output=True, check=True).stdout
    end = b"-- Dump completed\n"
    if not script.endswith(end):
        raise DatabaseServerError(f"{program} did not finish its dump")
    return script.removesuffix(end) + b"-- Dump completed on 2021-06-04  2:00:00\n"


def _zip(script: bytes, destination: Path) -> None:
    with zipfile.ZipFile(destination, "w") as archive:
        archive.writestr(zipfile.ZipInfo(MEMBER, FIXED), script, zipfile.ZIP_DEFLATED, 9)


def _statements(script: Path, separator: str) -> list[str]:
    lines = [line for line in script.read_text().splitlines() if not line.startswith("--")]
    return [s for s in ("\n".join(lines) + "\n").split(separator) if s.strip()]
