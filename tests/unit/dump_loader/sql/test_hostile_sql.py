"""SQL that tries to leave the dump's database: however it is written, it is refused by name and line, or left out."""

from __future__ import annotations

import pytest

from dump_loader.sql.policy import Policy, Treatment
from dump_loader.sql.server import Server
from dump_loader.sql.splitter import Splitter
from liberator.errors import DumpRejected
from tests.unit.dump_loader.sql.judging import MARIADB, MYSQL

TABLE = "CREATE TABLE t (a INT);\n"
STATEMENTS = {
    "CREATE USER x IDENTIFIED BY 'y'": "CREATE USER",
    "GRANT ALL ON *.* TO x": "GRANT",
    "LOAD DATA INFILE '/etc/passwd' INTO TABLE t": "LOAD DATA",
    "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t": "LOAD DATA",
    "LOAD XML INFILE '/etc/passwd' INTO TABLE t": "LOAD XML",
    "SELECT * FROM t INTO OUTFILE '/tmp/x'": "INTO OUTFILE",
    "SELECT * INTO OUTFILE '/tmp/x' FROM t": "INTO OUTFILE",
    "INSERT INTO mysql.user (user) VALUES (UPPER('x'))": "database mysql",
    "INSERT INTO `mysql`.`user` VALUES ('x')": "database mysql",
    "INSERT INTO t SELECT user FROM mysql . user": "database mysql",
    "INSERT INTO t SELECT user FROM MySQL/**/./**/user": "database MySQL",
    "DELETE FROM other.t": "database other",
    "INSERT INTO other.t VALUES (1)": "database other",
}
WITHIN_A_BODY = {
    "procedure": "CREATE PROCEDURE p()\nBEGIN\n {};\nEND",
    "function": "CREATE FUNCTION f() RETURNS INT\nBEGIN\n {};\n RETURN 1;\nEND",
    "trigger": "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW\nBEGIN\n {};\nEND",
    "event": "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO\nBEGIN\n {};\nEND",
    "handler": "CREATE PROCEDURE p()\nBEGIN\n DECLARE EXIT HANDLER FOR SQLEXCEPTION {};\nEND",
    "branch": "CREATE PROCEDURE p()\nIF 1 THEN {}; END IF",
}
FORMS = {
    "plain": "{}",
    "in a conditional comment": "/*!50001 {} */",
    "in one without version": "/*! {} */",
    "in MariaDB's": "/*M! {} */",
    "in MariaDB's with version": "/*M!100100 {} */",
    **WITHIN_A_BODY,
    **{f"{kind}, all of it in a conditional comment": f"/*!50001 {body} */" for kind, body in WITHIN_A_BODY.items()},
    **{f"{kind}, conditionally": body.format("/*!50001 {} */") for kind, body in WITHIN_A_BODY.items()},
}


def treatments(sql: str, server: Server) -> list[Treatment]:
    policy = Policy(server, database="liberator", own="parking")
    text = f"DELIMITER ;;\n{TABLE.replace(';', ';;')}{sql}\n;;"
    return [policy.judge(statement).treatment for statement in Splitter(iter([text.encode()]), max_bytes=10**6)]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize(("statement", "name"), STATEMENTS.items(), ids=STATEMENTS.keys())
def test_in_no_form_is_it_executed(statement: str, name: str, form: str) -> None:
    sql = form.format(statement)
    with pytest.raises(DumpRejected, match=rf"^Statement 2, line 3, is refused: .*{name}"):
        treatments(sql, MARIADB)
    if form.startswith("/*M!"):
        assert treatments(sql, MYSQL)[1:] == [Treatment.LEAVE_OUT]  # a comment, to this server
    else:
        with pytest.raises(DumpRejected, match=rf"^Statement 2, line 3, is refused: .*{name}"):
            treatments(sql, MYSQL)


@pytest.mark.parametrize(
    "marked",
    [
        "[ALTER USER] x IDENTIFIED BY 'y'", "[DROP USER] x", "[RENAME USER] x TO y", "[CREATE ROLE] x", "[DROP ROLE] x",
        "[REVOKE] ALL ON t", "[CREATE SERVER] s FOREIGN DATA WRAPPER mysql OPTIONS ()", "[ALTER SERVER] s OPTIONS ()",
        "[SHUTDOWN]", "[INSTALL PLUGIN] x SONAME 'y'",
        "[INSTALL SONAME] 'x'", "[INSTALL COMPONENT] 'x'", "[RESET MASTER]",
        "[UNINSTALL PLUGIN] x", "[UNINSTALL SONAME] 'x'", "[UNINSTALL COMPONENT] 'x'", "[RESET SLAVE]", "[RESET REPLICA]",
        "[RESET BINARY] LOGS", "[CHANGE MASTER] TO MASTER_HOST='x'", "[CHANGE REPLICATION] SOURCE TO SOURCE_HOST='x'",
        "[SET PASSWORD] = 'x'", "SELECT 1 [INTO DUMPFILE] 'x'", "SELECT [LOAD_FILE]('x')",
        "ALTER TABLE t [IMPORT TABLESPACE]",
        "ALTER TABLE t [DISCARD TABLESPACE]", "ALTER TABLE t [IMPORT PARTITION] p TABLESPACE",
        "ALTER TABLE t [DISCARD PARTITION] p TABLESPACE",
    ],
)  # fmt: skip
@pytest.mark.parametrize("body", WITHIN_A_BODY.values(), ids=WITHIN_A_BODY.keys())
def test_no_body_does_what_a_statement_may_not(marked: str, body: str) -> None:
    kind = marked.partition("[")[2].partition("]")[0]
    with pytest.raises(DumpRejected, match=rf"^Statement 2, line 3, is refused: {kind} is not among"):
        treatments(body.format(marked.replace("[", "").replace("]", "")), MYSQL)


@pytest.mark.parametrize("statement", ["USE mysql", "use `mysql`", "DROP DATABASE mysql", "CREATE SCHEMA IF NOT EXISTS sys"])
@pytest.mark.parametrize("form", ["{}", "/*!50001 {} */", "/*!{} */"])
def test_a_system_database_is_neither_used_nor_dropped(statement: str, form: str) -> None:
    with pytest.raises(DumpRejected, match=r"^Statement 2, line 3, is refused: .*database (mysql|sys)"):
        treatments(form.format(statement), MYSQL)


@pytest.mark.parametrize(
    "source",
    [
        "{}", "t, {}", "t AS a, {} AS b", "t a JOIN t b ON a.a = b.a, {}", "t a JOIN t b USING (a), {}", "{{ OJ {} }}",
        "{{ OJ t LEFT OUTER JOIN {} ON 1 }}", "(SELECT 1 AS a) AS d, {}", "t NATURAL JOIN {}", "t LEFT JOIN (t b, {}) ON 1",
        "t USE INDEX (i), {}",
        "t FORCE INDEX FOR ORDER BY (i), {}", "t STRAIGHT_JOIN t b, {}",
        "t PARTITION (p), {}", "t FOR SYSTEM_TIME AS OF NOW(), {}", "((({})))",
        "JSON_TABLE('[]', '$' COLUMNS (a INT PATH '$')) AS j, {}",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t SELECT 1 FROM {}", "CREATE VIEW v AS SELECT 1 FROM {}", "CREATE TABLE u AS SELECT 1 FROM {}",
        "SET @a = (SELECT 1 FROM {} LIMIT 1)", "DELETE FROM t USING {}", "UPDATE {} SET a = 1",
        "INSERT INTO t VALUES ((SELECT 1 FROM {}))", "CREATE PROCEDURE p() BEGIN DECLARE c CURSOR FOR SELECT 1 FROM {}; END",
    ],
)  # fmt: skip
def test_wherever_a_table_may_stand(statement: str, source: str) -> None:
    for table in ("mysql.user", "other.u"):
        with pytest.raises(DumpRejected, match=f"database {table.split('.')[0]}"):
            treatments(statement.format(source.format(table)), MARIADB)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE u LIKE mysql.user",
        "ALTER TABLE t RENAME AS other.u",
        "RENAME TABLE t TO u, v TO other.w",
        "CREATE PROCEDURE p() BEGIN INSERT mysql.user SELECT 1; END",
        "CREATE PROCEDURE p() REPLACE mysql.user SET a = 1",
        "CREATE PROCEDURE p() BEGIN TRUNCATE mysql.user; END",
        "SET @a = NEXT VALUE FOR mysql.s",
        "CREATE PROCEDURE p() BEGIN RENAME TABLE t TO mysql.t; END",
        "CREATE TRIGGER x BEFORE INSERT ON mysql.u FOR EACH ROW SET @a = 1",
        "CREATE VIEW v AS SELECT mysql.f(1)",
        "CREATE EVENT mysql.e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
    ],
)  # fmt: skip
def test_nor_by_any_other_way_to_name_one(statement: str) -> None:
    for database in ("mysql", "other"):
        with pytest.raises(DumpRejected, match=f"database {database}"):
            treatments(statement.replace("mysql.", f"{database}.").replace("other.", f"{database}."), MARIADB)


@pytest.mark.parametrize(
    "statement",
    ["CREATE PROCEDURE p() BEGIN DECLARE r ROW TYPE OF mysql.user; END", "ALTER TABLE t UNION = (t, mysql.user)"],
)
def test_a_system_database_is_found_elsewhere_too(statement: str) -> None:
    with pytest.raises(DumpRejected, match="database mysql"):
        treatments(statement, MARIADB)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t SELECT a.x FROM t AS a, u AS b ON DUPLICATE KEY UPDATE t.a = b.x, t.b = a.y",
        "CREATE VIEW v AS select a.x, b.y from t a join u b on a.x = b.x and f(a.z, b.z) order by a.x, b.y",
        "DELETE FROM t RETURNING t.a, t.b",
        "CREATE PROCEDURE p() BEGIN DELETE FROM t; SET @x = 1; SELECT a.x, b.y INTO @x, @y FROM t a JOIN t b USING (i); END",
        "UPDATE t a JOIN u b ON a.i = b.i SET a.x = 1, b.y = 2",
        "CREATE PROCEDURE p() SELECT INSERT(a.x, 1, 2, b.y), REPLACE(a.x, a.y, b.z), TRUNCATE(a.x, b.y) FROM t a JOIN t b",
    ],
)
def test_columns_are_not_taken_for_tables(statement: str) -> None:
    assert treatments(statement, MARIADB) == [Treatment.ONCE, Treatment.ONCE]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("CREATE EVENT disable ON SCHEDULE AT NOW() DO {}", "CREATE EVENT disable ON SCHEDULE AT NOW() DISABLE DO {}"),
        ("CREATE EVENT enable ON SCHEDULE AT NOW() DO {}", "CREATE EVENT enable ON SCHEDULE AT NOW() DISABLE DO {}"),
        ("CREATE EVENT IF NOT EXISTS comment ON SCHEDULE EVERY 1 DAY ENABLE COMMENT 'x' DO {}",
         "CREATE EVENT IF NOT EXISTS comment ON SCHEDULE EVERY 1 DAY DISABLE COMMENT 'x' DO {}"),
        ("CREATE EVENT e ON SCHEDULE AT @disable DO {}", "CREATE EVENT e ON SCHEDULE AT @disable DISABLE DO {}"),
        ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE ON SLAVE DO {}",
         "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE ON SLAVE DO {}"),
        ("ALTER EVENT e RENAME TO disable DO {}", "ALTER EVENT e RENAME TO disable DISABLE DO {}"),
        ("ALTER EVENT e ENABLE", "ALTER EVENT e DISABLE"),
        ("ALTER EVENT e RENAME TO enable", "ALTER EVENT e RENAME TO enable"),
    ],
)  # fmt: skip
def test_no_event_runs_whatever_its_names_read_like(event: str, expected: str) -> None:
    statement = next(iter(Splitter(iter([event.format("DELETE FROM t").encode()]), max_bytes=10**6)))
    verdict = Policy(MARIADB, database="liberator", own="parking").judge(statement)
    assert bytes(verdict.sql).decode() == expected.format("DELETE FROM t")
