"""Memory doesn't grow with the dump: the kernel's own high-water mark of the loader's process."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.emulator.database_server import DatabaseServer
from tests.integration.dump_loader.task import Loader, Outcome, peak_while_running

LIMIT_MB = 200
HEADER = b"-- MySQL dump 10.13  Distrib 8.0.36\n"
END = b"-- Dump completed on 2021-06-04  3:00:00\n"

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")


@pytest.fixture(scope="session")
def server(one_server: DatabaseServer) -> DatabaseServer:
    return one_server


def run(loader: Loader, parts: Iterator[bytes]) -> tuple[Outcome, float, int]:
    """The outcome, the peak in MB, and the unpacked size."""
    content, size = io.BytesIO(), 0
    with (
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("dump.sql", "w", force_zip64=True) as member,
    ):
        for part in parts:
            size += member.write(part)
    loader.upload(content.getvalue())
    process = loader.start(PROGRESS_SECONDS="30")
    peak = peak_while_running(process)
    return loader.ended(process), peak, size


def test_300_mb_over_four_connections(loader: Loader) -> None:
    def parts() -> Iterator[bytes]:
        yield HEADER + b"CREATE TABLE `permit` (a INT, b VARCHAR(200), c TEXT);\n"
        rows = b",".join(b"(%d,'%d It\\'s a note; with \\\"quotes\\\"','%s')" % (i, i, b"x" * 300) for i in range(2600))
        for _ in range(335):
            yield b"INSERT INTO `permit` VALUES " + rows + b";\n"
        yield END

    outcome, peak, size = run(loader, parts())
    assert outcome.exit_code == 0, outcome.log[-1]
    assert size > 300_000_000
    assert loader.row_counts()[0].tables == {"permit": 335 * 2600}
    assert peak < LIMIT_MB


@pytest.mark.parametrize("header", [HEADER, b""], ids=["mysqldump", "by hand"])
def test_rows_of_50_mb(loader: Loader, header: bytes) -> None:
    def parts() -> Iterator[bytes]:
        yield header + b"CREATE TABLE `scan` (a INT, b LONGBLOB);\n"
        for i in range(2):
            yield b"INSERT INTO `scan` VALUES (%d,_binary '" % i
            for _ in range(50):
                yield b"\\0\\'%" * 200_000
            yield b"');\n"
        yield END if header else b""

    outcome, peak, _ = run(loader, parts())
    assert outcome.exit_code == 0, outcome.log[-1]
    assert loader.query("SELECT LENGTH(b) FROM scan") == [(30_000_000,)] * 2
    assert peak < LIMIT_MB


def test_a_string_that_never_ends(loader: Loader) -> None:
    def parts() -> Iterator[bytes]:
        yield HEADER + b"CREATE TABLE `scan` (a INT, b LONGBLOB);\nINSERT INTO `scan` VALUES (1,'"
        for _ in range(300):
            yield b"x" * 1_000_000

    outcome, peak, _ = run(loader, parts())
    assert "Statement 2, line 3, is longer than" in outcome.error
    assert peak < LIMIT_MB


def test_a_comment_that_never_ends(loader: Loader) -> None:
    def parts() -> Iterator[bytes]:
        yield b"CREATE TABLE t (a INT);\n/* "
        for _ in range(300):
            yield b"x" * 1_000_000

    outcome, peak, _ = run(loader, parts())
    assert "in the middle of a comment" in outcome.error
    assert peak < LIMIT_MB / 2 + 50


def test_a_result_that_nobody_reads(loader: Loader) -> None:
    twice = "INSERT INTO t SELECT * FROM t;\n" * 8
    script = f"CREATE TABLE t (a LONGTEXT);\nINSERT INTO t VALUES (REPEAT('x', 1000000));\n{twice}SELECT * FROM t;\n"
    outcome, peak, _ = run(loader, iter([script.encode()]))
    assert outcome.exit_code == 0, outcome.log[-1]
    assert loader.row_counts()[0].tables == {"t": 256}
    assert peak < LIMIT_MB / 2 + 50
