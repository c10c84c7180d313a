"""What is done with each kind of statement, for both servers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dump_loader.sql.policy import Policy, Treatment
from dump_loader.sql.reading import MULTI_BYTE, Reading
from dump_loader.sql.server import Server
from dump_loader.sql.splitter import Splitter, Statement
from liberator.errors import DumpRejected
from tests.unit.dump_loader.sql.judging import MARIADB, MYSQL, OLD_MARIADB, judged, sql


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON p FOR EACH ROW SET @a = 1 */",
            "CREATE TRIGGER t BEFORE INSERT ON p FOR EACH ROW SET @a = 1",
        ),
        ("CREATE DEFINER = a@localhost PROCEDURE p() SELECT 1", "CREATE PROCEDURE p() SELECT 1"),
        ("CREATE DEFINER=CURRENT_USER() FUNCTION f() RETURNS INT RETURN 1", "CREATE FUNCTION f() RETURNS INT RETURN 1"),
        ("CREATE DEFINER=CURRENT_USER VIEW v AS SELECT 1", "CREATE VIEW v AS SELECT 1"),
        ("CREATE DEFINER=root@my.host.example VIEW v AS SELECT 1", "CREATE VIEW v AS SELECT 1"),
        (
            "CREATE OR REPLACE ALGORITHM=MERGE DEFINER='a b'@'%' SQL SECURITY DEFINER VIEW v AS SELECT 'DEFINER=`a`@`b`'",
            "CREATE OR REPLACE ALGORITHM=MERGE SQL SECURITY DEFINER VIEW v AS SELECT 'DEFINER=`a`@`b`'",
        ),
        ("ALTER DEFINER=a@b EVENT e ON SCHEDULE EVERY 1 DAY ENABLE", "ALTER EVENT e ON SCHEDULE EVERY 1 DAY DISABLE"),
        (
            "CREATE EVENT e ON SCHEDULE EVERY 1 DAY COMMENT 'ENABLE' DO DELETE FROM t",
            "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE COMMENT 'ENABLE' DO DELETE FROM t",
        ),
        ("DROP EVENT IF EXISTS e", "DROP EVENT IF EXISTS e"),
    ],
)
def test_definer_is_taken_out_and_events_are_disabled(statement: str, expected: str) -> None:
    assert sql(statement) == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SET @@GLOBAL.GTID_PURGED='abc'", ""),
        ("SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'abc'", ""),
        ("SET @OLD = @@SESSION.SQL_LOG_BIN, @@SESSION.SQL_LOG_BIN= 0", "SET @OLD = @@SESSION.SQL_LOG_BIN"),
        ("SET SQL_LOG_BIN = 0", ""),
        ("SET GLOBAL max_connections = 1, local_infile = 1", ""),
        ("SET GLOBAL a = 1, SESSION sql_mode = ''", "SET SESSION sql_mode = ''"),
        ("SET PERSIST a = 1", ""),
        ("SET PERSIST_ONLY a = 1, @@PERSIST_ONLY.b = 2", ""),
        ("SET @x = IF(1, autocommit, 2), autocommit = 0", "SET @x = IF(1, autocommit, 2)"),
        ("SET @@persist.a = 1, @b = 2", "SET @b = 2"),
        ("SET autocommit=0", ""),
        ("SET completion_type = CHAIN, default_storage_engine = MyISAM, @a = 1", "SET @a = 1"),
        ("SET SESSION storage_engine = MEMORY", ""),
        ("SET SQL_REQUIRE_PRIMARY_KEY = 0, @@SESSION.max_error_count = 9", ""),
        ("SET foreign_key_checks = 0, autocommit = 0, @x = (1, 2)", "SET foreign_key_checks = 0, @x = (1, 2)"),
        ("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", ""),
        ("SET SESSION TRANSACTION READ ONLY", ""),
        ("/*!40101 SET NAMES utf8mb4 */", "SET NAMES utf8mb4"),
        ("SET NAMES utf8mb4 COLLATE utf8mb4_uca1400_ai_ci", "SET NAMES utf8mb4 COLLATE utf8mb4_0900_ai_ci"),
        ("SET CHARACTER SET latin1", "SET CHARACTER SET latin1"),
        (
            "SET sql_mode = 'STRICT_TRANS_TABLES,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION'",
            "SET sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'",
        ),
        ("SET @a = 'NO_AUTO_CREATE_USER', @@SESSION.sql_mode := 'NO_AUTO_CREATE_USER'", None),
        ("SET @`GLOBAL` = 1", "SET @`GLOBAL` = 1"),
        ("SET @autocommit = 1", "SET @autocommit = 1"),
    ],
)
def test_set(statement: str, expected: str | None) -> None:
    wanted = "SET @a = 'NO_AUTO_CREATE_USER', @@SESSION.sql_mode := ''" if expected is None else expected
    assert sql(statement) == wanted


def test_mariadb_keeps_the_modes_that_only_mysql_has_dropped() -> None:
    assert "NO_AUTO_CREATE_USER" in sql("SET sql_mode = 'NO_AUTO_CREATE_USER,TIME_TRUNCATE_FRACTIONAL'", MARIADB)
    assert "TIME_TRUNCATE" not in sql("SET sql_mode = 'NO_AUTO_CREATE_USER,TIME_TRUNCATE_FRACTIONAL'", MARIADB)


@pytest.mark.parametrize(
    ("statement", "on_mysql", "on_mariadb"),
    [
        ("SELECT 1 /*!50003 INTO @a */", "SELECT 1 INTO @a", "SELECT 1 INTO @a"),
        ("SELECT 1 /*! INTO @a */", "SELECT 1 INTO @a", "SELECT 1 INTO @a"),
        ("SET @a = 1 /*!80016 + 1 */", "SET @a = 1 + 1", "SET @a = 1"),
        ("SET @a = 1 /*!50700 + 1 */", "SET @a = 1 + 1", "SET @a = 1"),
        ("SET @a = 1 /*!50699 + 1 */", "SET @a = 1 + 1", "SET @a = 1 + 1"),
        ("SET @a = 1 /*!100100 + 1 */", "SET @a = 1", "SET @a = 1 + 1"),
        ("SET @a = 1 /*M!100100 + 1 */", "SET @a = 1", "SET @a = 1 + 1"),
        ("SET @a = 1 /*M! + 1 */", "SET @a = 1", "SET @a = 1 + 1"),
        ("SET @a = 1 /*!999999 + ' */ + 2", "SET @a = 1 + 2", "SET @a = 1 + 2"),
        ("SET @a = 1 /*!999999 x /* y */ z */ + 2", "SET @a = 1 + 2", "SET @a = 1 + 2"),
        (
            "SET @a = '/*!999999 x */' /*!40000 + '*/' */",
            "SET @a = '/*!999999 x */' + '*/'",
            "SET @a = '/*!999999 x */' + '*/'",
        ),
        ("/*!99999 GRANT ALL ON *.* TO x */", "", ""),
    ],
)
def test_conditional_comments_are_resolved_as_the_server_would(statement: str, on_mysql: str, on_mariadb: str) -> None:
    assert (sql(statement, MYSQL), sql(statement, MARIADB)) == (on_mysql, on_mariadb)


@pytest.mark.parametrize(
    ("server", "collation", "expected"),
    [
        (MARIADB, "utf8mb4_0900_ai_ci", "utf8mb4_uca1400_nopad_ai_ci"),
        (MARIADB, "utf8mb4_0900_as_cs", "utf8mb4_uca1400_nopad_as_cs"),
        (MARIADB, "utf8mb4_de_pb_0900_ai_ci", "utf8mb4_uca1400_german2_nopad_ai_ci"),
        (MARIADB, "utf8mb4_sv_0900_ai_ci", "utf8mb4_uca1400_nopad_ai_ci"),
        (MARIADB, "utf8mb4_ja_0900_as_cs_ks", "utf8mb4_uca1400_nopad_as_cs"),
        (MARIADB, "utf8mb4_0900_bin", "utf8mb4_nopad_bin"),
        (MARIADB, "utf8mb4_general_ci", "utf8mb4_general_ci"),
        (MARIADB, "utf8mb4_uca1400_ai_ci", "utf8mb4_uca1400_ai_ci"),
        (OLD_MARIADB, "utf8mb4_0900_ai_ci", "utf8mb4_unicode_520_nopad_ci"),
        (MYSQL, "utf8mb4_0900_ai_ci", "utf8mb4_0900_ai_ci"),
        (MYSQL, "utf8mb4_uca1400_ai_ci", "utf8mb4_0900_ai_ci"),
        (MYSQL, "utf8mb4_uca1400_nopad_ai_ci", "utf8mb4_0900_ai_ci"),
        (MYSQL, "utf8mb4_uca1400_as_cs", "utf8mb4_0900_as_cs"),
        (MYSQL, "utf8mb4_uca1400_ai_cs", "utf8mb4_0900_as_cs"),
        (MYSQL, "utf8mb4_uca1400_swedish_ai_ci", "utf8mb4_sv_0900_ai_ci"),
        (MYSQL, "utf8mb4_uca1400_polish_nopad_ai_ci", "utf8mb4_0900_ai_ci"),
        (MYSQL, "utf8mb4_general_nopad_ci", "utf8mb4_0900_ai_ci"),
        (MYSQL, "utf8mb4_nopad_bin", "utf8mb4_0900_bin"),
        (MYSQL, "utf8mb4_thai_520_w2", "utf8mb4_0900_ai_ci"),
        (MYSQL, "latin1_swedish_nopad_ci", "latin1_swedish_ci"),
        (MYSQL, "utf8mb3_uca1400_ai_ci", "utf8mb3_unicode_520_ci"),
        (MYSQL, "utf8mb3_uca1400_as_cs", "utf8mb3_bin"),
        (MYSQL, "utf8mb4_names_of_things", "utf8mb4_names_of_things"),
    ],
)
def test_collations_of_the_other_server(server: Server, collation: str, expected: str) -> None:
    column = "a TEXT COLLATE {0} DEFAULT 'utf8mb4_0900_ai_ci' COMMENT 'COLLATE utf8mb4_uca1400_ai_ci'"
    table = f"CREATE TABLE t ({column}) COLLATE='{{0}}'"
    found = sql(table.format(collation), server)
    assert found.count(f"COLLATE {expected} DEFAULT") == 1
    assert found.endswith((f"COLLATE='{expected}'", f"COLLATE={expected}"))
    assert "DEFAULT 'utf8mb4_0900_ai_ci' COMMENT 'COLLATE utf8mb4_uca1400_ai_ci'" in found


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE `parking`.`t` (`x` INT)",
        "CREATE TABLE IF NOT EXISTS parking.t (a INT)",
        "CREATE TABLE t (a INT, FOREIGN KEY (a) REFERENCES `parking`.u (id))",
        "CREATE TABLE t LIKE parking.u",
        "INSERT INTO parking.t SELECT * FROM parking_t",
        "DELETE FROM parking.t WHERE t.a LIKE t.b",
        "UPDATE parking.t, parking.u SET t.a = u.b",
        "DROP TABLE IF EXISTS parking.a, `parking`.b",
        "RENAME TABLE parking.a TO parking.b",
        "CREATE INDEX i ON parking.t (a)",
        "CREATE TABLE s (id INT DEFAULT nextval(`parking`.`q`))",
        "CREATE TRIGGER parking.x AFTER UPDATE ON parking.t FOR EACH ROW BEGIN SELECT u.a INTO NEW.b FROM parking.u; END",
        "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW CALL parking.p(NEW.a, OLD.b)",
        "CREATE VIEW v AS select t.a, extract(year from t.d), trim(leading 'x' from u.b), parking.f(t.a) from t join u",
        "CREATE VIEW v AS select t.a from (parking.t join parking.u on((t.id = u.id))), parking.w order by t.a, u.b",
        "CREATE VIEW v AS select 1 from t where parking.t.x in (select z.y from z where z.a = t.b) group by t.a, u.b",
        "INSERT INTO t (a) SELECT 1 ON DUPLICATE KEY UPDATE t.a = t.a + 1",
        "SELECT COUNT(*) INTO @a FROM information_schema.tables",
    ],
)
def test_the_dumps_own_database_becomes_ours(statement: str) -> None:
    assert sql(statement) == re.sub(r"\bparking\.|`parking`\.", "`liberator`.", statement)


@pytest.mark.parametrize(
    "statement",
    [
        "USE other",
        "CREATE DATABASE other",
        "DROP DATABASE IF EXISTS other",
        "ALTER DATABASE other CHARACTER SET utf8mb4",
        "CREATE TABLE other.t (a INT)",
        "INSERT INTO t SELECT * FROM a JOIN other.b USING (x)",
        "INSERT INTO t SELECT 1 FROM a, other.b",
        "INSERT INTO t SELECT other.b.c FROM b",
        "CREATE VIEW v AS SELECT other.f(1)",
        "CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW INSERT INTO other.log VALUES (1)",
        "INSERT INTO `other`.`t` VALUES (1)",
        "REPLACE INTO other.t (a) VALUES (1)",
        "ALTER TABLE t RENAME TO other.t",
        "INSERT INTO t SELECT authentication_string FROM mysql.user",
        "DELETE FROM sys.x",
    ],
)
def test_another_database_is_refused(statement: str) -> None:
    with pytest.raises(DumpRejected, match=r"database (other|mysql|sys)"):
        list(
            map(
                Policy(MYSQL, database="liberator", own="parking").judge,
                Splitter(iter([statement.encode()]), max_bytes=10**6),
            )
        )


@pytest.mark.parametrize(
    "statement",
    [
        f"{verb} other.t {rest}"
        for verb, rest in {
            "INSERT IGNORE": "VALUES (NOW())", "INSERT IGNORE INTO": "VALUES (NOW())", "INSERT DELAYED": "SET a = 1",
            "INSERT HIGH_PRIORITY INTO": "SELECT 1", "REPLACE LOW_PRIORITY INTO": "SELECT 1", "INSERT": "VALUES (NOW())",
            "UPDATE LOW_PRIORITY IGNORE": "SET a = 1", "DELETE QUICK IGNORE FROM": "WHERE a", "DO (SELECT 1 FROM": ")",
            "TRUNCATE": "", "TRUNCATE TABLE": "", "SELECT 1 FROM t STRAIGHT_JOIN": "", "SELECT 1 FROM t JOIN": "",
            "SELECT 1 FROM t a STRAIGHT_JOIN u b,": "", "UPDATE t STRAIGHT_JOIN": "SET a = 1", "SELECT * FROM": "",
            "ANALYZE TABLE t,": "", "CREATE TABLE t LIKE": "", "CREATE TABLE t (LIKE": ")",
        }.items()
    ],
)  # fmt: skip
def test_no_word_before_a_name_hides_its_database(statement: str) -> None:
    with pytest.raises(DumpRejected, match="database other"):
        judged(statement)


@pytest.mark.parametrize("database", ["mysql", "sys", "performance_schema", "Performance_Schema"])
def test_a_system_database_is_found_wherever_it_stands(database: str) -> None:
    with pytest.raises(DumpRejected, match=f"server's own database {database}"):
        judged(f"SELECT 1 FROM t WHERE {database}.x = 1")
    with pytest.raises(DumpRejected, match=f"server's own database {database}"):
        judged(f"SELECT {database}.x FROM t AS {database}, {database}.x")


@pytest.mark.parametrize("charset", ["big5", "cp932", "gb18030", "gbk", "sjis"])
def test_only_ascii_is_executed_for_a_client_in_whose_characters_a_quote_can_hide(charset: str) -> None:
    assert charset in MULTI_BYTE
    policy = Policy(MYSQL, database="liberator")
    policy.reading = Reading(charset=charset)
    ascii_only = Statement(1, 1, b"CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a = 'b'")
    assert policy.judge(ascii_only).sql == ascii_only.text
    for values_at in (0, 22):
        with pytest.raises(
            DumpRejected, match=f"Statement 2, line 9, is refused: with the client's character set {charset}"
        ):
            policy.judge(Statement(2, 9, b"INSERT INTO t VALUES ('\xa5\x5c')", values_at))


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ('CREATE TABLE "parking"."t" ("a" INT)', 'CREATE TABLE `liberator`."t" ("a" INT)'),
        ('/*!50003 CREATE*/ /*!50017 DEFINER="r"@"h"*/ /*!50003 TRIGGER "x" AFTER INSERT ON "t" FOR EACH ROW SET @a = b */',
         'CREATE TRIGGER "x" AFTER INSERT ON "t" FOR EACH ROW SET @a = b'),
        ('CREATE TABLE "t" ("a" INT) ENGINE="MyISAM"', 'CREATE TABLE "t" ("a" INT) ENGINE=InnoDB'),
    ],
)  # fmt: skip
def test_names_in_double_quotes_are_names_where_the_server_says_so(statement: str, expected: str) -> None:
    policy = Policy(MYSQL, database="liberator", own="parking")
    policy.reading = Reading(names_in_quotes=True)
    assert " ".join(bytes(policy.judge(Statement(1, 1, statement.encode())).sql).decode().split()) == expected
    for hidden in ('"mysql"."user"', '"mysql" . user', 'mysql."us""er"', '"MySQL"."u\\"'):
        with pytest.raises(DumpRejected, match=r"server's own database (mysql|MySQL)"):
            policy.judge(Statement(2, 2, f"INSERT INTO {hidden} VALUES (NOW()), {'(NOW()),' * 2000} (1)".encode()))


def test_without_a_header_the_first_name_is_the_dumps_own() -> None:
    assert sql("CREATE TABLE anything.t (a INT)", own=None) == "CREATE TABLE `liberator`.t (a INT)"
    assert len(judged("USE `a`", "CREATE TABLE A.t (x INT)", own=None)) == 2
    with pytest.raises(DumpRejected, match="the dump's own is a: a dump of two databases"):
        judged("USE `a`", "CREATE TABLE A.t (x INT)", "USE b", own=None)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("GRANT ALL ON *.* TO x", "GRANT"),
        ("REVOKE ALL ON *.* FROM x", "REVOKE"),
        ("CREATE USER x", "CREATE USER"),
        ("CREATE OR REPLACE USER x", "CREATE USER"),
        ("ALTER USER x IDENTIFIED BY 'y'", "ALTER USER"),
        ("DROP ROLE x", "DROP ROLE"),
        ("RENAME USER a TO b", "RENAME USER"),
        ("SET PASSWORD = 'x'", "SET PASSWORD"),
        ("SET ROLE admin", "SET ROLE"),
        ("SET DEFAULT ROLE ALL TO x", "SET DEFAULT"),
        ("SET RESOURCE GROUP g", "SET RESOURCE"),
        ("SET STATEMENT max_statement_time=1 FOR SHUTDOWN", "SET STATEMENT"),
        ("LOAD DATA INFILE 'x' INTO TABLE t", "LOAD DATA"),
        ("LOAD XML INFILE 'x' INTO TABLE t", "LOAD XML"),
        ("SELECT 1 INTO OUTFILE 'x'", "INTO OUTFILE"),
        ("SELECT 1 INTO/**/DUMPFILE 'x'", "INTO DUMPFILE"),
        ("UPDATE t SET a = load_file ('x')", "LOAD_FILE"),
        ("CREATE TABLE t AS SELECT LOAD_FILE('x') AS a", "LOAD_FILE"),
        ("INSTALL PLUGIN x SONAME 'y'", "INSTALL PLUGIN"),
        ("INSTALL COMPONENT 'x'", "INSTALL"),
        ("UNINSTALL SONAME 'x'", "UNINSTALL"),
        ("CREATE FUNCTION f RETURNS STRING SONAME 'x.so'", "SONAME"),
        ("CREATE AGGREGATE FUNCTION f RETURNS STRING SONAME 'x.so'", "SONAME"),
        ("SHUTDOWN", "SHUTDOWN"),
        ("KILL 5", "KILL"),
        ("RESET MASTER", "RESET MASTER"),
        ("RESET BINARY LOGS AND GTIDS", "RESET BINARY"),
        ("CHANGE MASTER TO MASTER_HOST='x'", "CHANGE MASTER"),
        ("CHANGE REPLICATION SOURCE TO SOURCE_HOST='x'", "CHANGE REPLICATION"),
        ("CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')", "CREATE SERVER"),
        ("CREATE TABLESPACE x ADD DATAFILE 'y'", "CREATE TABLESPACE"),
        ("ALTER TABLE t IMPORT TABLESPACE", "IMPORT TABLESPACE"),
        ("ALTER TABLE t DISCARD TABLESPACE", "DISCARD TABLESPACE"),
        ("ALTER TABLE t DISCARD PARTITION p TABLESPACE", "DISCARD PARTITION"),
        ("ALTER TABLE t IMPORT PARTITION p, q TABLESPACE", "IMPORT PARTITION"),
        ("ALTER INSTANCE ROTATE INNODB MASTER KEY", "ALTER INSTANCE"),
        ("FLUSH PRIVILEGES", "FLUSH PRIVILEGES"),
        ("PURGE BINARY LOGS TO 'x'", "PURGE BINARY"),
        ("BINLOG 'x'", "BINLOG"),
        ("PREPARE s FROM 'GRANT ALL ON *.* TO x'", "PREPARE"),
        ("PREPARE s FROM @x", "PREPARE"),
        ("EXECUTE IMMEDIATE 'SHUTDOWN'", "EXECUTE IMMEDIATE"),
        ("CALL p()", "CALL"),
        ("HANDLER t OPEN", "HANDLER"),
        ("ROLLBACK", "ROLLBACK"),
        ("XA START 'x'", "XA"),
        ("source /etc/passwd", "SOURCE"),
        ("system rm -rf /", "SYSTEM"),
        ("BEGIN NOT ATOMIC GRANT ALL ON *.* TO x; END", "GRANT"),
        ("BEGIN NOT ATOMIC INSERT INTO t VALUES (1); END", "BEGIN NOT"),
        ("IF 1 THEN SHUTDOWN; END IF", "SHUTDOWN"),
        ("LOCK INSTANCE FOR BACKUP", "LOCK INSTANCE"),
        ("CREATE PROCEDURE p() BEGIN CREATE USER x; END", "CREATE USER"),
        ("CREATE PROCEDURE liberator.alter() DROP USER x", "DROP USER"),
        ("CREATE PROCEDURE p(a INT) SELECT @alter; DROP ROLE x", "DROP ROLE"),
        ("CREATE PROCEDURE p() BEGIN ALTER TABLE t ADD a INT; DROP USER x; END", "DROP USER"),
        ("ALTER EVENT e DO DROP USER x", "DROP USER"),
        ("CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW BEGIN SELECT 1 INTO OUTFILE 'x'; END", "INTO OUTFILE"),
        ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SET PASSWORD = 'x'", "SET PASSWORD"),
        ("CREATE TRIGGER t AFTER UPDATE ON a FOR EACH ROW SET PASSWORD = 'x'", "SET PASSWORD"),
        ("CREATE PROCEDURE p() SET PASSWORD = 'x'", "SET PASSWORD"),
        ("CREATE PROCEDURE p() BEGIN UPDATE t SET a = 1; SHUTDOWN; END", "SHUTDOWN"),
        ("/*!50003 GRANT */ ALL ON *.* TO x", "GRANT"),
        ("/*!50003 INSERT INTO t VALUES (1) */ /*!99999 -- */ GRANT x", "GRANT"),
        ("'abc'", "abc"),
    ],
)
def test_everything_else_is_refused_by_name_and_place(statement: str, kind: str) -> None:
    with pytest.raises(DumpRejected, match=rf"^Statement 1, line 1, is refused: .*{kind}"):
        judged(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE `grant` (`revoke` INT, password TEXT, `load_file` INT, shutdown INT, role INT, user INT, reset INT)",
        "CREATE TABLE t (a TEXT COMMENT 'GRANT ALL; LOAD_FILE(x) INTO OUTFILE')",
        "CREATE VIEW v AS SELECT t.password, t.shutdown, t.load_file FROM t",
        "CREATE PROCEDURE p() BEGIN DECLARE load_data INT; SELECT user, host INTO @a, @b FROM t; END",
        "UPDATE t SET password = 'x'",
        "INSERT INTO t SET password = 'x'",
        "ALTER TABLE t CHANGE master main INT",
        "CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW UPDATE t SET password = 'x'",
        "ANALYZE TABLE t",
        "TRUNCATE t",
        "ALTER TABLE t ADD user INT, DROP role, ALTER user SET DEFAULT 1, RENAME COLUMN server TO soname, DROP user",
        "CREATE TABLE t (user TEXT, role TEXT, soname TEXT, sys TEXT)",
        "CREATE VIEW v AS SELECT soname, user, role FROM t WHERE soname = 'x'",
        "ALTER VIEW v AS SELECT sys.a, mysql.b FROM t sys JOIN (u AS mysql) ON sys.a = mysql.b",
        "CREATE PROCEDURE p() BEGIN ALTER TABLE t DROP user; ALTER TABLE t ADD role INT; END",
        "CREATE PROCEDURE p() UPDATE a JOIN b ON a.id = b.id SET a.x = b.x, b.y = a.y",
        "CREATE PROCEDURE p(IN x DECIMAL(5, 2)) COMMENT 'x' DELETE a FROM a JOIN b ON a.id = b.id WHERE a.c LIKE b.c",
        "CREATE FUNCTION f(x INT) RETURNS VARCHAR(9) DETERMINISTIC RETURN (SELECT MAX(a.x) FROM a JOIN b ON a.id = b.id)",
        "CREATE TABLE t (a TEXT, b TEXT, CHECK (a LIKE t.b))",
    ],
)
def test_words_that_only_look_forbidden(statement: str) -> None:
    assert sql(statement) == statement


@pytest.mark.parametrize(
    "statement",
    [
        "LOCK TABLES `t` WRITE", "UNLOCK TABLES", "START TRANSACTION", "BEGIN", "BEGIN WORK", "COMMIT", "SHOW WARNINGS",
        "ALTER TABLE t DISABLE KEYS", "/*!40000 ALTER TABLE `t` ENABLE KEYS */",
        "DROP DATABASE IF EXISTS parking", "CREATE DATABASE parking", "USE parking",
        "/* nothing */", ";",
    ],
)  # fmt: skip
def test_what_has_no_effect_on_the_outcome_is_left_out(statement: str) -> None:
    assert sql(statement) == ""


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT f(1)",
        "DO f()",
        "DO LAST_INSERT_ID(7)",
        "SELECT SQL_CALC_FOUND_ROWS * FROM t LIMIT 1",
        "SELECT 1",
        "SELECT @a := 2",
    ],
)
def test_what_only_seems_to_print_is_executed(statement: str) -> None:
    assert sql(statement) == statement


def test_the_character_set_of_the_dumps_database_becomes_ours() -> None:
    create = (
        "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `parking` /*!40100 DEFAULT CHARACTER SET latin1 */ "
        "/*!80016 DEFAULT ENCRYPTION='N' */"
    )
    assert sql(create) == "ALTER DATABASE `liberator` CHARACTER SET latin1"
    collated = "ALTER DATABASE `parking` CHARACTER SET = utf8mb4 COLLATE = utf8mb4_0900_ai_ci"
    assert sql(collated, MARIADB) == "ALTER DATABASE `liberator` CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_nopad_ai_ci"


def test_dropping_the_database_halfway_is_refused() -> None:
    with pytest.raises(DumpRejected, match="DROP DATABASE after tables were defined"):
        judged("CREATE TABLE t (a INT)", "DROP DATABASE parking")


def test_percona_looking_for_rocksdb_is_left_out() -> None:
    assert sql("/*!50717 PREPARE s FROM @rocksdb_get_is_supported */") == ""
    assert sql("/*!50717 EXECUTE s */") == ""
    assert sql("/*!50717 DEALLOCATE PREPARE s */") == ""


@pytest.mark.parametrize(
    ("statement", "apart"),
    [
        ("CREATE TABLE t (a INT)", True),
        ("DROP TABLE IF EXISTS t", True),
        ("DROP TABLE t, u", False),
        ("CREATE TABLE t (a INT, FOREIGN KEY (a) REFERENCES u (a))", False),
        ("CREATE TABLE t LIKE u", False),
        ("CREATE TABLE t SELECT * FROM u", False),
        ("ALTER TABLE t ADD a INT", False),
    ],
)
def test_what_is_about_one_table_only_need_not_wait_for_the_others(statement: str, apart: bool) -> None:
    (verdict,) = judged(statement)
    assert (verdict.apart, verdict.table) == (apart, "t" if apart else "")


def test_a_trigger_says_which_table_it_is_on() -> None:
    for trigger in ("TRIGGER `x`", "TRIGGER IF NOT EXISTS parking.`x`", "OR REPLACE TRIGGER x"):
        (verdict,) = judged(f"CREATE {trigger} BEFORE INSERT ON `parking`.`Permits` FOR EACH ROW SET @a = 1")
        assert verdict.trigger_on == "permits"


ROWS = st.lists(
    st.one_of(
        st.integers().map(str),
        st.just("NULL"),
        st.text(max_size=30).map(lambda s: "'" + s.replace("\\", "\\\\").replace("'", "''") + "'"),
        st.binary(max_size=10).map(lambda b: "0x" + (b.hex() or "00")),
        st.sampled_from(
            [
                "'utf8mb4_0900_ai_ci'",
                "'`parking`.t'",
                "'/*!50003 x */'",
                "'DEFINER=`a`@`b`'",
                "'GRANT'",
                "'NO_AUTO_CREATE_USER'",
            ]
        ),
    ),
    min_size=1,
    max_size=8,
).map(lambda values: "(" + ",".join(values) + ")")


@given(
    st.lists(ROWS, min_size=1, max_size=5), st.sampled_from(["`t`", "t", "`parking`.`t`"]), st.sampled_from([MYSQL, MARIADB])
)
def test_rows_are_never_altered(rows: list[str], table: str, server: Server) -> None:
    statement = f"INSERT INTO {table} VALUES " + ",\n".join(rows)
    (split,) = Splitter(iter([statement.encode()]), max_bytes=10**6)
    verdict = Policy(server, database="liberator", own="parking").judge(split)
    assert verdict.treatment is Treatment.ROWS
    assert bytes(verdict.sql) == statement.replace("`parking`.`t`", "`liberator`.`t`", 1).encode()
    assert bytes(verdict.sql[verdict.rows_at :]).decode() == ",\n".join(rows)


def test_delayed_inserts_are_made_at_once() -> None:
    assert sql("INSERT DELAYED IGNORE INTO parking.t VALUES (1)") == "INSERT IGNORE INTO `liberator`.t VALUES (1)"
    assert sql("REPLACE DELAYED INTO t SET delayed = 1") == "REPLACE INTO t SET delayed = 1"


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("b INT GENERATED ALWAYS AS (`a` + (1)) VIRTUAL COMMENT 'x'", "b INT COMMENT 'x'"),
        ("b INT GENERATED ALWAYS AS (f(a, 1)) STORED", "b INT "),
        ("b INT AS (a + 1) PERSISTENT UNIQUE", "b INT UNIQUE"),
        ("b TEXT COLLATE utf8mb4_uca1400_ai_ci AS (a COLLATE utf8mb4_uca1400_ai_ci)", "b TEXT COLLATE utf8mb4_0900_ai_ci "),
        ("b INT DEFAULT (CAST(1 AS SIGNED))", "b INT DEFAULT (CAST(1 AS SIGNED))"),
    ],
)
def test_what_mariadb_has_computed_is_loaded_into_an_ordinary_column_of_mysql(column: str, expected: str) -> None:
    def judged_of(server: Server, *, of_mariadb: bool) -> str:
        policy = Policy(server, database="liberator", of_mariadb=of_mariadb)
        return bytes(policy.judge(Statement(1, 1, f"CREATE TABLE t (a INT, {column})".encode())).sql).decode()

    assert " ".join(judged_of(MYSQL, of_mariadb=True).split()) == f"CREATE TABLE t (a INT, {expected})"
    assert judged_of(MARIADB, of_mariadb=True) == f"CREATE TABLE t (a INT, {column})"
    assert ("GENERATED" in column) == ("GENERATED" in judged_of(MYSQL, of_mariadb=False))


def test_the_columns_of_each_insert_are_its_own() -> None:
    heads = ["INSERT INTO parking.t (a,b) VALUES ", "INSERT INTO parking.t (b,a) VALUES ", "INSERT INTO parking.t VALUES "]
    policy = Policy(MYSQL, database="liberator", own="parking")
    statements = Splitter(iter([";".join(f"{head}(1,2)" for head in heads * 2).encode()]), max_bytes=10**6)
    expected = [f"{head}(1,2)".replace("parking", "`liberator`") for head in heads * 2]
    assert [bytes(policy.judge(statement).sql).decode() for statement in statements] == expected


def test_a_large_insert_of_expressions_is_looked_at_all_the_same() -> None:
    values = ",".join(["(NOW(), 'x')"] * 5000)
    assert sql(f"INSERT INTO t VALUES {values}").endswith("(NOW(), 'x')")
    functions = ["other.f(1)", "`other`.f (1)", "other.`f`(1)", "other /**/ . /**/ f(1)", "other.#\nf(1)", "other.f-- \n(1)"]
    sequences = ["NEXT/**/VALUE FOR other.s", "NEXTVAL(other.s)", "SETVAL(other.s, 1)", "LASTVAL(other.s)"]
    for bad in ("LOAD_FILE('x')", "(SELECT a FROM mysql.user)", "load_file /**/ ('x')", *functions, *sequences):
        with pytest.raises(DumpRejected):
            judged(f"INSERT INTO t VALUES {values},({bad},1)")
    for bad in ("INSERT INTO mysql.t VALUES", "INSERT INTO `mysql`.t VALUES", "INSERT mysql.t VALUES"):
        with pytest.raises(DumpRejected):
            judged(f"{bad} {values}")
