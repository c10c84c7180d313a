"""How mysqldump and mariadb-dump sign what they write."""

from __future__ import annotations

import pytest

from dump_loader.dialect import Signature
from ingestion.errors import DumpRejected

MYSQL = b"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n-- Host: 10.0.0.1    Database: liberator\n-- ---\n"
MARIADB = (
    b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19-11.4.5-MariaDB\n--\n-- Host: x    Database: a b\n"
)
END = b"-- Dump completed on 2021-06-04  3:00:00\n"


def seen(content: bytes, size: int = 100_000) -> Signature:
    signature = Signature()
    assert b"".join(signature.watch(content[i : i + size] for i in range(0, len(content), size))) == content
    return signature


@pytest.mark.parametrize("size", [1, 7, 4096, 100_000])
@pytest.mark.parametrize(
    "end", [END, b"-- Dump completed\n", b"-- Dump completed", b"-- Dump completed on 2021-06-04  3:00:00\r\n\r\n"]
)
def test_a_whole_dump(size: int, end: bytes) -> None:
    signature = seen(MYSQL + b"INSERT 1;\n" * 2000 + b"\n" + end, size)
    assert signature.by_mysqldump
    assert signature.database == "liberator"
    signature.refuse_unfinished("s3://data/x.zip")


def test_mariadb_dump_with_its_sandbox_line() -> None:
    signature = seen(MARIADB + END)
    assert signature.by_mysqldump
    assert signature.database == "a b"


@pytest.mark.parametrize(
    "content", [MYSQL, MYSQL + b"INSERT 1;\n", MYSQL + END + b"INSERT 1;\n", MYSQL + b"INSERT '\n-- Dump comp"]
)
def test_a_dump_without_its_end(content: bytes) -> None:
    with pytest.raises(DumpRejected, match=r"s3://data/x\.zip is truncated"):
        seen(content).refuse_unfinished("s3://data/x.zip")


@pytest.mark.parametrize(
    "content", [b"", b"CREATE TABLE t (a INT);", b"/* MySQL dump */ SELECT 1;", b"x" * 5000 + b"\n" + MYSQL]
)
def test_a_script_without_a_signature_needs_no_end(content: bytes) -> None:
    signature = seen(content)
    assert not signature.by_mysqldump
    assert signature.database is None
    signature.refuse_unfinished("s3://data/x.zip")


def test_all_databases_have_no_name() -> None:
    assert seen(MYSQL.replace(b"liberator", b"")).database is None
