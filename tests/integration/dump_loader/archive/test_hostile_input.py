"""Zips made to hurt, given to the whole task: refused within seconds, in little memory, with one error line."""

from __future__ import annotations

import time
import zipfile

import pytest

from local.emulator.database_server import DatabaseServer
from tests.integration.dump_loader.task import DATABASE, Loader, peak_while_running
from tests.zips import deflate_of, forged, gzip_of

FORTY_GIGABYTES = 40 * 10**9
PEAK_MB = 200  # of which the interpreter with boto3 takes some 90


@pytest.fixture(scope="session")
def server(one_server: DatabaseServer) -> DatabaseServer:
    return one_server


def refused(loader: Loader, content: bytes, **environment: str) -> tuple[str, float]:
    """The error, and how many seconds after the dump was found."""
    loader.upload(content)
    began = time.monotonic()
    process = loader.start(**environment)
    peak = peak_while_running(process)
    outcome = loader.ended(process)
    assert peak < PEAK_MB
    return outcome.error, time.monotonic() - began


@pytest.mark.parametrize(
    ("environment", "said"),
    [({"MAX_DUMP_BYTES": "20000000000"}, "MAX_DUMP_BYTES"), ({}, "expands more than 500-fold")],
    ids=["above the limit", "below it"],
)
def test_a_bomb_of_40_mb_that_claims_what_it_is(loader: Loader, environment: dict[str, str], said: str) -> None:
    content = forged(deflate_of(FORTY_GIGABYTES), claims=FORTY_GIGABYTES)
    assert len(content) > 30_000_000
    error, seconds = refused(loader, content, **environment)
    assert said in error
    assert seconds < 15  # most of it is the start of the interpreter on a busy machine
    with loader.server.connect() as connection, connection.cursor() as cursor:
        assert not cursor.execute("SHOW DATABASES LIKE %s", (DATABASE,))


def test_a_bomb_that_claims_little(loader: Loader) -> None:
    error, _ = refused(loader, forged(deflate_of(FORTY_GIGABYTES), claims=10_000))
    assert "truncated or damaged" in error


@pytest.mark.parametrize("letter", [b" ", b"\0"], ids=["blanks", "zeros"])
def test_a_gzip_in_a_zip_that_expands_without_claiming_anything(loader: Loader, letter: bytes) -> None:
    packed = gzip_of(10**9, letter)
    error, seconds = refused(loader, forged(packed, claims=len(packed), method=zipfile.ZIP_STORED, name="a.sql.gz"))
    assert ("500-fold" if letter == b" " else "is longer than") in error
    assert seconds < 30
