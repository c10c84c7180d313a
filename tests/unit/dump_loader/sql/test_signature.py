"""Whether a dump is all there, whoever wrote it: a cut is refused or remarked on, a whole dump is neither."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dump_loader.sql.signature import Signature
from dump_loader.sql.splitter import Splitter
from liberator.errors import DumpRejected

DUMPS = sorted((Path(__file__).parents[3] / "data" / "dumps").glob("*.sql"))
WITHOUT_A_SIGN = {"by_hand", "mysqldump_9.7_compact"}
MYSQL = b"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n-- Host: 10.0.0.1    Database: liberator\n-- ---\n"
MARIADB = (
    b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19-11.4.5-MariaDB\n--\n-- Host: x    Database: a b\n"
)
ADMINER = b"-- Adminer 4.8.1 MySQL 8.0.36 dump\n\nCREATE TABLE t (a INT);\n"
END = b"-- Dump completed on 2021-06-04  3:00:00\n"


def seen(content: bytes, size: int = 100_000) -> tuple[Signature, list[bytes]]:
    """As the loader does: each statement is noted, then the end is looked at."""
    signature = Signature()
    chunks = (content[i : i + size] for i in range(0, len(content), size))
    statements = []
    for statement in Splitter(signature.watch(chunks), max_bytes=1_000_000):
        signature.note(statement)
        statements.append(bytes(statement.text))
    signature.refuse_unfinished("s3://data/x.zip")
    return signature, statements


def is_heard(content: bytes) -> bool:
    try:
        return bool(seen(content)[0].remarks())
    except DumpRejected:
        return True


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"], ids=["", "byte order mark"])
@pytest.mark.parametrize("dump", DUMPS, ids=lambda d: d.stem)
def test_of_a_whole_dump_nothing_is_said(dump: Path, before: bytes) -> None:
    content = dump.read_bytes()
    for whole in (content, content.replace(b"\n", b"\r\n"), content.rstrip()):
        signature, _ = seen(before + whole)
        assert bool(signature.remarks()) is (dump.stem in WITHOUT_A_SIGN)


@pytest.mark.parametrize("dump", DUMPS, ids=lambda d: d.stem)
def test_a_cut_that_loses_a_statement_is_refused_or_remarked_on(dump: Path) -> None:
    content = dump.read_bytes()
    statements = seen(content)[1]
    chance = random.Random(dump.stem)  # noqa: S311
    begin = content.index(b"CREATE TABLE") + 1  # what is cut before is refused for having no table
    line_ends = [i + 1 for i in range(begin, len(content)) if content[i : i + 1] == b"\n"]
    for at in chance.sample(range(begin, len(content)), 100) + chance.choices(line_ends, k=100):
        cut = content[:at]
        assert is_heard(cut) or seen(cut)[1] == statements, content[max(0, at - 80) : at]


def test_percona_s_question_for_rocksdb_is_no_part_of_the_dump() -> None:
    saved = b"SET @OLD_A=@@A;\nSELECT 1 INTO @r;\nPREPARE s FROM @r;\nEXECUTE s;\nDEALLOCATE PREPARE s;\nSET @OLD_B=@@B;\n"
    signature, _ = seen(saved + b"INSERT 1;\nSET A=@OLD_A;\nSET B=@OLD_B;\n")
    assert signature.remarks() == []


@pytest.mark.parametrize("size", [1, 7, 4096, 100_000])
@pytest.mark.parametrize(
    "end", [END, b"-- Dump completed\n", b"-- Dump completed", b"-- Dump completed on 2021-06-04  3:00:00\r\n\r\n"]
)
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"])
def test_mysqldump_signs_both_ends(size: int, end: bytes, before: bytes) -> None:
    signature, _ = seen(before + MYSQL + b"INSERT 1;\n" * 2000 + b"\n" + end, size)
    assert signature.by_mysqldump
    assert signature.database == "liberator"
    assert signature.remarks() == []


def test_mariadb_dump_with_its_sandbox_line() -> None:
    signature, _ = seen(MARIADB + END)
    assert signature.by_mysqldump
    assert signature.database == "a b"


def test_all_databases_have_no_name() -> None:
    assert seen(MYSQL.replace(b"liberator", b"") + END)[0].database is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (MYSQL, "mysqldump's"),
        (MYSQL + b"INSERT 1;\n", "mysqldump's"),
        (MYSQL + END + b"INSERT 1;\n", "mysqldump's"),
        (b"\xef\xbb\xbf" + MYSQL + b"INSERT 1;\n", "mysqldump's"),
        (ADMINER, "Adminer's"),
        (ADMINER + b"-- 2021-06-04 03:00", "Adminer's"),
        (b"SET @OLD_SQL_MODE = @@SQL_MODE;\nINSERT 1;", r"line 1 needs a `SET … = @old_sql_mode` further down"),
        (b"/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='' */;\nINSERT 1;", "@old_sql_mode"),
        (b"SET @OLD_SQL_MODE=@@SQL_MODE;\nSET @OLD_SQL_MODE='', @x=@y;\nINSERT 1;", "line 1 .*@old_sql_mode"),
        (b"/*M!100616 SET @OLD_NOTE_VERBOSITY=@@NOTE_VERBOSITY */;\nINSERT 1;", "@old_note_verbosity"),
        (b"INSERT 1;\nSET @saved_cs_client = @@character_set_client;\nCREATE TABLE t (a INT);", "line 2 .*@saved_cs_client"),
        (b"INSERT 1;\nLOCK TABLES t WRITE;\nINSERT 1;", "line 2 needs a `UNLOCK TABLES`"),
        (b"INSERT 1;\nSTART TRANSACTION;\nINSERT 1;", "line 2 needs a `COMMIT`"),
        (b"INSERT 1;\nBEGIN;\nINSERT 1;", "line 2 needs a `COMMIT`"),
        (b"INSERT 1;\n/*!40000 ALTER TABLE `a b` DISABLE KEYS */;\nINSERT 1;", "line 2 needs a `ENABLE KEYS`"),
    ],
)
def test_a_dump_without_the_end_that_its_beginning_promises(content: bytes, said: str) -> None:
    with pytest.raises(DumpRejected, match=rf"s3://data/x\.zip is truncated: .*{said}.*Ask for the dump again"):
        seen(content)


@pytest.mark.parametrize("text", ["INSERT INTO t VALUES (1,2),\n(3,4)", "INSERT INTO t VALUES (1,2),(", "SELECT 1\n\n"])
def test_a_last_statement_without_its_delimiter(text: str) -> None:
    """Its last row may be whole, and others behind it not there."""
    with pytest.raises(DumpRejected, match="in the middle of the statement that begins at line 3: the dump is truncated"):
        seen(f"CREATE TABLE t (a INT, b INT);\n\n{text}".encode())


@pytest.mark.parametrize(
    "content",
    [
        b"CREATE TABLE t (a INT);",
        b"CREATE TABLE t (a INT);\n-- 2021-06-04 03:00:01\n",
        b"/* MySQL dump */ SELECT 1;CREATE TABLE t (a INT);",
        b"CREATE TABLE t (a INT);" + b" " * 5000 + b"\n" + MYSQL,
        b"START TRANSACTION;\nINSERT 1;\nCOMMIT;\n",
        b"START TRANSACTION;\nINSERT 1;\nCOMMIT;\nSTART TRANSACTION;\nINSERT 1;\nCOMMIT;\n",
        b"SET @OLD_SQL_MODE = @@SQL_MODE;\nINSERT 1;\nSET SQL_MODE = @OLD_SQL_MODE;\nINSERT 1;\n",
        b"INSERT 1;\nSET @id = @@identity;\nINSERT 2;\n",
    ],
)
def test_a_script_that_a_cut_could_not_be_seen_in_is_remarked_on(content: bytes) -> None:
    signature, _ = seen(content)
    assert not signature.by_mysqldump
    assert signature.database is None
    (remark,) = signature.remarks()
    assert "Nothing at the end of this dump says that it is whole" in remark
    assert seen(content + b"\n-- Dump completed")[0].remarks() == []
