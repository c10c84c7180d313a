"""Bad SQL on each server: exit code 1, one error line with statement and line, IngestionFailed, no snapshot."""

from __future__ import annotations

import pytest

from tests.integration.dump_loader.task import BUCKET, KEY, Loader, zipped

TABLE = "CREATE TABLE permits (id INT PRIMARY KEY, note TEXT);\n"
URI = f"s3://{BUCKET}/{KEY}"
ROW = "INSERT INTO permits VALUES (1,'abc');\n"
HEADER = "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n-- Host: db    Database: liberator\n"
END = "\n-- Dump completed on 2021-06-04  3:00:00\n"
SQL = {
    "truncated after a statement": (HEADER + TABLE, ["truncated", "Dump completed"]),
    "truncated in a string": (HEADER + TABLE + "INSERT INTO permits VALUES (1,'abc", ["middle of a string", "line 5"]),
    "truncated in a comment": (TABLE + "/* abc", ["middle of a comment"]),
    "truncated in an INSERT": (HEADER + TABLE + "INSERT INTO permits VALUES (1,'abc'),\n(2", ["line 5", "truncated"]),
    "truncated after a row": (TABLE + "INSERT INTO permits VALUES (1,'abc'),\n(2,'def')", ["line 2", "truncated"]),
    "truncated behind a byte order mark": ("\ufeff" + HEADER + TABLE + ROW, ["truncated", "Dump completed"]),
    "truncated with saved variables": ("SET @OLD_SQL_MODE=@@SQL_MODE;\n" + TABLE + ROW, ["truncated", "@old_sql_mode", URI]),
    "failing statement": (
        TABLE + "\n\nINSERT INTO permits VALUES (1, 'x');\nINSERT INTO permits VALUES (1, '" + "\t" + "y" * 300 + "');\n",
        ["Statement 3, line 5", "1062", "Duplicate entry", "INSERT INTO permits VALUES (1, ' yyy"],
    ),
    "failing statement of mysqldump's": (
        HEADER + TABLE + "INSERT INTO `permits` VALUES (1,'x');\nINSERT INTO `permits` VALUES (1,'y');\n" + END,
        ["line", "1062", "Duplicate entry"],
    ),
    "users": (TABLE + "GRANT ALL ON *.* TO 'x'@'%';", ["Statement 2, line 2", "GRANT"]),
    "hidden in a conditional comment": (TABLE + "/*!50003 CREATE USER x */;", ["CREATE USER"]),
    "hidden behind a comment that is not executed": (TABLE + "/*!99999 INSERT */ GRANT ALL ON *.* TO x;", ["GRANT"]),
    "files": (TABLE + "SELECT * FROM permits INTO OUTFILE '/tmp/x';", ["INTO OUTFILE"]),
    "reading files": (TABLE + "INSERT INTO permits VALUES (1, LOAD_FILE('/etc/passwd'));", ["LOAD_FILE"]),
    "loading files": (TABLE + "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE permits;", ["LOAD DATA"]),
    "plugins": (TABLE + "INSTALL PLUGIN x SONAME 'x.so';", ["INSTALL PLUGIN"]),
    "client commands": (TABLE + "source /etc/passwd\n;", ["SOURCE"]),
    "shell": (TABLE + "\\! id\n", ["\\!", "mysql client"]),
    "in a trigger": (
        TABLE + "DELIMITER ;;\nCREATE TRIGGER t BEFORE INSERT ON permits FOR EACH ROW BEGIN INSERT INTO mysql.user (user) "
        "VALUES ('x'); END;;",
        ["mysql"],
    ),
    "two databases": (
        "CREATE DATABASE a; USE a; CREATE TABLE x (i INT); CREATE DATABASE b; USE b; CREATE TABLE y (i INT);",
        ["two databases", "database b"],
    ),
    "another database's table": (
        "USE a; " + TABLE + "INSERT INTO b.permits VALUES (1,'x');",
        ["two databases", "database b"],
    ),
    "no table": ("SET NAMES utf8mb4;", ["defines no table"]),
    "no row": (HEADER + TABLE + END, ["has no row in any of its tables", URI]),
    "UTF-16": (TABLE.encode("utf-16"), ["UTF-16"]),
}


@pytest.mark.parametrize(("sql", "said"), SQL.values(), ids=SQL.keys())
def test_what_is_wrong_with_the_sql_is_said_with_statement_and_line(
    loader: Loader, sql: str | bytes, said: list[str]
) -> None:
    error = loader.load(zipped(sql)).error
    for words in said:
        assert words in error


def test_the_shown_statement_is_cut_after_200_characters(loader: Loader) -> None:
    error = loader.load(zipped(TABLE + "INSERT INTO permits VALUES (1, 'x'), (1, '" + "y" * 300 + "');")).error
    assert "y" * (200 - len("INSERT INTO permits VALUES (1, 'x'), (1, '")) + " --" in error
