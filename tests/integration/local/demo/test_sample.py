from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dump_loader.sql.server import Flavour
from local.demo import sample
from local.emulator.database_server import DatabaseServer
from local.emulator.rds.frozen import ConsistentRead, FrozenTable

TYPES_OF_THE_TABLE = {
    *("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "bit", "binary", "varbinary"),
    *("tinyblob", "blob", "mediumblob", "longblob", "char", "varchar", "tinytext", "text", "mediumtext", "longtext"),
    *("enum", "set", "date", "time", "datetime", "timestamp", "year", "geometry", "point", "linestring", "polygon"),
    *("multipoint", "multilinestring", "multipolygon"),
}
TYPES_OF_ONE_FLAVOUR = {Flavour.MYSQL: {"json", "geomcollection"}, Flavour.MARIADB: {"geometrycollection"}}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    zipped = tmp_path_factory.mktemp("sample") / "small.zip"
    sample.build(zipped, scale=0.01)
    return zipped


def script(zipped: Path) -> bytes:
    with zipfile.ZipFile(zipped) as archive:
        return archive.read(sample.MEMBER)


def schema(zipped: Path) -> list[str]:
    """All of the dump but its rows and what they were counted to."""
    lines = script(zipped).decode(errors="replace").split("\n")
    return [
        line.split(" AUTO_INCREMENT=")[0]
        for line in lines
        if not line.startswith(("(", "INSERT INTO", "-- Server version", "-- MySQL dump"))
    ]


def reloaded(zipped: Path, server: DatabaseServer) -> None:
    command = [server.programs.client, "--no-defaults", f"--socket={server.socket}", "--user=root", "--binary-mode"]
    subprocess.run(command, input=script(zipped), check=True)


def frozen(server: DatabaseServer, folder: Path) -> list[FrozenTable]:
    folder.mkdir(exist_ok=True)
    read = ConsistentRead(server)
    read.copy_to(folder, part_rows=100_000, stopping=lambda: False)
    read.close()
    return read.tables


@pytest.fixture
def clean(empty_server: DatabaseServer) -> Iterator[DatabaseServer]:
    yield empty_server
    with empty_server.connect_as_root() as connection:
        connection.cursor().execute(f"DROP DATABASE IF EXISTS {sample.DATABASE}")


def test_rebuilding_gives_the_same_bytes(small: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    sample.build(again, scale=0.01)
    assert again.read_bytes() == small.read_bytes()


def test_the_bundled_zip_is_what_the_command_would_build(small: Path) -> None:
    assert schema(sample.BUNDLED) == schema(small)
    assert sample.BUNDLED.stat().st_size < 6_000_000
    assert zipfile.ZipFile(sample.BUNDLED).namelist() == [sample.MEMBER]


def test_it_has_every_type_every_kind_of_object_and_rows_enough(clean: DatabaseServer, tmp_path: Path) -> None:
    reloaded(sample.BUNDLED, clean)
    tables = frozen(clean, tmp_path)
    assert len(tables) >= 12
    assert 100_000 <= sum(t.rows for t in tables) <= 200_000
    assert [t.name for t in tables if not t.rows] == ["liberator_suspension_archive"]
    assert not [t.name for t in tables if t.skipped_because]
    assert {c.data_type for t in tables for c in t.columns} == TYPES_OF_THE_TABLE | TYPES_OF_ONE_FLAVOUR[clean.flavour]
    with clean.connect_as_root(sample.DATABASE) as connection, connection.cursor() as cursor:
        for kind, place in {"VIEW": "tables", "FUNCTION": "routines", "PROCEDURE": "routines"}.items():
            name = "table" if place == "tables" else "routine"
            cursor.execute(
                f"SELECT 1 FROM information_schema.{place} WHERE {name}_schema=%s AND {name}_type=%s", ("liberator", kind)
            )
            assert cursor.fetchone(), kind
        cursor.execute("SHOW TRIGGERS")
        assert cursor.fetchone()


def test_a_mysql_client_loads_just_what_was_generated(clean: DatabaseServer, small: Path, tmp_path: Path) -> None:
    with DatabaseServer(flavour=Flavour.MYSQL) as origin:
        assert sample.fill(origin, scale=0.01) > 1_000
        before = frozen(origin, tmp_path / "before")
    reloaded(small, clean)
    after = frozen(clean, tmp_path / "after")
    assert [(t.name, t.rows) for t in before] == [(t.name, t.rows) for t in after]
    for one, other in zip(before, after, strict=True):
        assert [pq.read_table(p) for p in one.parts] == [pq.read_table(p) for p in other.parts], one.name


def test_it_has_the_values_that_break_naive_loaders(small: Path, clean: DatabaseServer, tmp_path: Path) -> None:
    dump = script(small)
    assert dump.endswith(b"-- Dump completed on 2021-06-04  2:00:00\n")
    for trap in (b"DEFINER=`root`@`localhost`", b"DELIMITER ;;", b"\xff\xfe\x80", "🚗".encode(), b"';;'", b"\\0"):
        assert trap in dump, trap
    reloaded(small, clean)
    (table,) = [t for t in frozen(clean, tmp_path) if t.name == "liberator_every_type"]
    assert len(table.parts) == 1
    rows = pq.read_table(table.parts[0])
    lowest, highest = rows.slice(0, 1).to_pylist()[0], rows.slice(1, 1).to_pylist()[0]
    assert lowest["t_bigint"] == -(2**63)
    assert highest["t_bigint_unsigned"] == 2**64 - 1
    assert lowest["t_date"] == "0000-00-00"
    assert lowest["t_time"] == "-838:59:59"
    assert rows.column("t_decimal_65").type == pa.string()
