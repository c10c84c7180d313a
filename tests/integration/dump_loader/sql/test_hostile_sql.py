"""What gets past the loader's policy meets the account's rights: on DB_NAME, and nothing else."""

from __future__ import annotations

import pymysql
import pytest

from tests.integration.dump_loader.task import ACCOUNT, CHINOOK, DATABASE, Loader, zipped

MYSQLDUMP = "-- MySQL dump 10.13  Distrib 8.0.36\n"
PASSWORD = ACCOUNT.password.get_secret_value()
REFUSED = {1044, 1045, 1142, 1227, 1370}  # access denied: to a database, a file, a command, a privilege, a routine


def test_rights_on_its_own_database_are_all_that_a_load_needs(loader: Loader) -> None:
    assert loader.load(CHINOOK.read_bytes()).exit_code == 0
    outcome = loader.load(
        zipped(
            "-- MySQL dump 10.13  Distrib 8.0.36\n/*!40101 SET NAMES utf8mb4 */;\n"
            "SET @OLD = @@SESSION.SQL_LOG_BIN;\nSET @@SESSION.SQL_LOG_BIN = 0;\nCREATE TABLE `t` (a INT);\n"
            "INSERT INTO `t` VALUES (1);\nDELIMITER ;;\n"
            "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER x BEFORE INSERT ON t FOR EACH ROW\n"
            "BEGIN SET NEW.a = 1; END */;;\nCREATE DEFINER=`root`@`%` VIEW v AS SELECT a FROM t;;\n"
            "CREATE DEFINER=`root`@`%` PROCEDURE p() SELECT 1;;\n"
            "CREATE DEFINER=`root`@`%` EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t;;\n-- Dump completed\n"
        )
    )
    assert outcome.exit_code == 0, outcome.log


DIRECT = """
CREATE USER x
GRANT SELECT ON mysql.* TO liberator_loader
GRANT SELECT ON liberator_under_test.* TO liberator_loader
ALTER USER root@localhost IDENTIFIED BY 'x'
SET PASSWORD FOR root@localhost = '*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29'
CREATE TABLE liberatorXunderXtest.t (a INT)
SELECT * FROM mysql.global_priv
DROP DATABASE mysql
CREATE DATABASE other
USE mysql
SELECT * FROM mysql.user
INSERT INTO mysql.db (user) VALUES ('x')
CREATE TABLE other.t (a INT)
SELECT 1 INTO OUTFILE '/tmp/never-written'
LOAD DATA INFILE '/etc/passwd' INTO TABLE t
CREATE VIEW v AS SELECT * FROM mysql.user
SET GLOBAL max_connections = 1
CREATE DEFINER=root@localhost VIEW v AS SELECT 1
SHUTDOWN
""".strip().splitlines()


def code_of(loader: Loader, statement: str) -> int:
    """The server's error about it."""
    with (
        loader.server.connect(DATABASE, user=ACCOUNT.username, password=PASSWORD) as connection,
        connection.cursor() as cursor,
        pytest.raises(pymysql.err.MySQLError) as raised,
    ):
        cursor.execute(statement)
    return int(raised.value.args[0])


def test_what_would_get_past_the_policy_is_refused_by_the_server(loader: Loader) -> None:
    assert loader.load(zipped("CREATE TABLE t (a TEXT);\nINSERT INTO t VALUES ('x');")).exit_code == 0
    assert {statement: code_of(loader, statement) in REFUSED for statement in DIRECT} == dict.fromkeys(DIRECT, True)
    assert loader.query("SELECT LOAD_FILE('/etc/passwd')") == [(None,)]


def test_what_a_body_hides_is_refused_when_it_is_executed(loader: Loader) -> None:
    """Dynamic SQL is nothing that a policy could judge; the loader itself calls no routine."""
    hidden = ["GRANT ALL ON *.* TO x", "SELECT * FROM mysql.user", "DROP DATABASE mysql", "CREATE USER x"]
    bodies = [f"PREPARE s FROM '{sql}'; EXECUTE s" for sql in hidden] + ["DROP DATABASE mysql", "KILL 1", "FLUSH PRIVILEGES"]
    routines = "".join(f"CREATE PROCEDURE p{i}()\nBEGIN\n {body};\nEND ;;\n" for i, body in enumerate(bodies))
    outcome = loader.load(zipped(f"CREATE TABLE t (a TEXT);\nINSERT INTO t VALUES ('x');\nDELIMITER ;;\n{routines}"))
    assert outcome.exit_code == 0, outcome.log
    codes = {body: code_of(loader, f"CALL p{i}()") for i, body in enumerate(bodies)}
    assert {body for body, code in codes.items() if code not in REFUSED | {1094, 1095}} == set()  # KILL: no such, not owner


@pytest.mark.parametrize(
    ("header", "sql", "said"),
    [
        ("", "SET sql_mode = CONCAT('ANSI', '_QUOTES');\nINSERT INTO \"mysql\".\"user\" VALUES (NOW());", "database mysql"),
        (MYSQLDUMP, 'SET @m = 4;\nSET sql_mode = @m;\nINSERT INTO "sys".t VALUES (1);', "database sys"),
        (MYSQLDUMP, "SET @c = 'gbk';\nSET character_set_client = @c;\nINSERT INTO t VALUES ('é');", "character set gbk"),
        ("", "/*!40101 SET NAMES cp932 */;\n-- é\nINSERT INTO t VALUES ('é');", "character set cp932"),
    ],
)
def test_text_is_read_as_the_server_reads_it(loader: Loader, header: str, sql: str, said: str) -> None:
    script = f"{header}CREATE TABLE t (a TEXT);\n{sql}"
    error = loader.load(zipped(script)).error
    assert f"Statement {script.count(';')}, line {script.count('\n') + 1}, is refused" in error
    assert said in error
