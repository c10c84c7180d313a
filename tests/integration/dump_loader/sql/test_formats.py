"""Dumps of every tool that the supplier may use, down to their values, triggers, routines, views and events."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from dump_loader.database.connection import quoted
from dump_loader.sql.server import Flavour
from liberator.row_counts import RowCounts
from local.emulator.database_server import DatabaseServer
from tests.integration.dump_loader.task import ACCOUNT, DATABASE, ROOT, Loader, Outcome, zipped

DUMPS = ROOT / "tests" / "data" / "dumps"


def load(loader: Loader, name: str, **environment: str) -> Outcome:
    outcome = loader.load(zipped((DUMPS / name).read_bytes(), name), **environment)
    assert outcome.exit_code == 0, outcome.log[-1]
    return outcome


@pytest.mark.parametrize("connections", ["1", "4"])
def test_mysqldump_5_7(loader: Loader, connections: str) -> None:
    load(loader, "mysqldump_5.7.sql", CONNECTIONS=connections)
    (counts,) = loader.row_counts()
    assert (counts.tables, counts.views) == ({"pcn": 3, "street": 2}, ("pcn_by_street",))
    assert loader.query("SELECT * FROM pcn ORDER BY id") == [
        (1, "QZ1", 'It\'s; a "note"\\', 1),
        (2, "QZ2", "line\nbreak -- no comment /*!50003 nor this */ utf8mb4_0900_ai_ci DEFINER=`root`@`localhost`", 1),
        (3, "QZ3", None, None),
    ]
    assert loader.query("SELECT name FROM street ORDER BY id") == [("Mare Street East",), ("Café Row",)]
    assert loader.query("SELECT pcns FROM pcn_by_street") == [(2,)]
    assert loader.query("SELECT pcns_of(1)") == [(2,)]
    assert loader.query(f"SELECT STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = '{DATABASE}'") == [("DISABLED",)]
    with loader.server.connect(DATABASE) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO pcn (id, reference) VALUES (9, '')")
        cursor.execute("SELECT reference FROM pcn WHERE id = 9")
        assert cursor.fetchall() == (("QZ9",),)
        cursor.execute("SHOW TRIGGERS")
        (trigger,) = cursor.fetchall()
        assert trigger[7] == f"{ACCOUNT.username}@%"
        assert "NO_AUTO_VALUE_ON_ZERO" not in trigger[6]
        assert "-- a comment; with a semicolon" in trigger[3]


@pytest.mark.parametrize("connections", ["1", "4"])
def test_mysqldump_8_4(loader: Loader, connections: str) -> None:
    load(loader, "mysqldump_8.4.sql", CONNECTIONS=connections)
    assert loader.query("SELECT holder, area, details, scan, CAST(issued AS CHAR), year FROM permit ORDER BY id") == [
        ("Åsa 🚗", "Ä1", '{"collation": "utf8mb4_0900_ai_ci"}', b"\0'\"\\;\n\x1a", "2021-06-04 10:15:30.123456", 2021),
        ("asa", "B", "[]", b"\xde\xad\xbe\xef", None, None),
    ]
    assert loader.query("SELECT * FROM recent") == [(2, None, "asa")]
    assert [row[2] for row in loader.query("SHOW TRIGGERS")] == ["permit"]


def test_mariadb_dump_11(loader: Loader) -> None:
    if loader.server.flavour is Flavour.MYSQL:  # which has no sequences
        outcome = loader.load(zipped((DUMPS / "mariadb-dump_11.sql").read_bytes()))
        assert "error 1064" in outcome.error
        assert "DROP SEQUENCE IF EXISTS `ticket`" in outcome.error
        return
    load(loader, "mariadb-dump_11.sql")
    assert loader.query("SELECT id, street, CAST(seen AS CHAR) FROM bay ORDER BY id") == [
        (1, "Mare Street", "2021-06-04 10:15:30.123"),
        (2, "a),\n(b;", None),
        (3, None, None),
    ]
    assert loader.query("SELECT NEXTVAL(ticket)") == [(1001,)]


def test_what_mariadb_has_computed(loader: Loader) -> None:
    """mariadb-dump writes the values of generated columns into its INSERTs, where MySQL takes none."""
    outcome = loader.load(
        zipped(
            "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)\n"
            "CREATE TABLE `fine` (`due` int(11), `half` int(11) GENERATED ALWAYS AS (`due` DIV 2) STORED,\n"
            "  `text` varchar(9) CHARACTER SET latin1 COLLATE latin1_swedish_nopad_ci\n"
            "  GENERATED ALWAYS AS (concat(`due`)) VIRTUAL, KEY `half` (`half`)\n"
            ") ENGINE=Aria DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_uca1400_swedish_ai_ci PAGE_CHECKSUM=1;\n"
            "INSERT INTO `fine` VALUES\n(130,65,'130'),\n(7,3,'7');\n-- Dump completed\n"
        )
    )
    assert outcome.exit_code == 0, outcome.log[-1]
    assert loader.query("SELECT * FROM fine ORDER BY due") == [(7, 3, "7"), (130, 65, "130")]


def test_triggers_of_clients_with_other_settings(loader: Loader) -> None:
    """mysqldump writes each trigger under the sql_mode and the character set of the client that made it."""
    trigger = (
        "/*!50003 SET @saved_cs_client = @@character_set_client, @saved_sql_mode = @@sql_mode */ ;\n"
        "/*!50003 SET character_set_client = {charset}, sql_mode = '{mode}' */ ;\nDELIMITER ;;\n"
        "/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`localhost`*/ /*!50003 TRIGGER {name} BEFORE INSERT ON {table} {body} */;;\n"
        "DELIMITER ;\n/*!50003 SET character_set_client = @saved_cs_client, sql_mode = @saved_sql_mode */ ;\n"
    ).format
    outcome = loader.load(
        zipped(
            "-- MySQL dump 10.13  Distrib 8.4.0, for Linux (x86_64)\nCREATE TABLE `fine` (`due` int, `note` text);\n"
            "INSERT INTO `fine` VALUES (1,'\\'x');\n"
            + trigger(charset="utf8mb4", mode="ANSI_QUOTES", name='"a"', table='"fine"',
                      body="""FOR EACH ROW SET NEW."due" = NEW."due" + 1, NEW."note" = CONCAT(NEW.note, ' it\\'s; "1"')""")
            + trigger(charset="gbk", mode="", name="`b`", table="`fine`",
                      body="""FOR EACH ROW SET NEW.due = NEW.due + 1, NEW.note = CONCAT(NEW.note, " 'e' 2")""")
            + "INSERT INTO `fine` VALUES (5,\"é\");\n-- Dump completed\n"
        )
    )  # fmt: skip
    assert outcome.exit_code == 0, outcome.log[-1]
    assert loader.query("SELECT * FROM fine ORDER BY due") == [(1, "'x"), (7, "é it's; \"1\" 'e' 2")]


@pytest.mark.parametrize("delivery", ["crlf", "bom", "no newline at the end"])
def test_what_windows_and_editors_do_to_a_dump(loader: Loader, delivery: str) -> None:
    sql = (DUMPS / "mysqldump_5.7.sql").read_bytes()
    sql = {"crlf": sql.replace(b"\n", b"\r\n"), "bom": b"\xef\xbb\xbf" + sql, "no newline at the end": sql.rstrip()}[
        delivery
    ]
    outcome = loader.load(zipped(sql))
    assert outcome.exit_code == 0, outcome.log[-1]
    assert loader.query("SELECT pcns FROM pcn_by_street") == [(2,)]


SOURCE = """
CREATE TABLE street (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60) CHARACTER SET latin1, geo POINT);
CREATE TABLE `odd ``name; --` (`a;b` INT, `c'd` VARCHAR(20) COMMENT 'it''s; /*x*/', PRIMARY KEY (`a;b`));
CREATE TABLE pcn (
  id BIGINT UNSIGNED PRIMARY KEY, street_id INT, t TINYINT, b BIT(9), dec1 DECIMAL(20,4), f FLOAT, d DOUBLE, dt DATETIME(6),
  ts TIMESTAMP(3) NULL, y YEAR, tm TIME, da DATE, bin BINARY(4), vb VARBINARY(300), bl LONGBLOB, tx LONGTEXT,
  en ENUM('a','b;','c''d'), se SET('x','y'), js JSON,
  FOREIGN KEY (street_id) REFERENCES street (id), KEY (dt)
);
CREATE TABLE log (n INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(100)) ENGINE=MyISAM;
CREATE VIEW busy AS
  SELECT s.name, COUNT(*) n FROM pcn p JOIN street s ON s.id = p.street_id WHERE p.tx <> ';' GROUP BY s.name;
"""
BODIES = [
    "CREATE TRIGGER logged AFTER INSERT ON street FOR EACH ROW BEGIN /* ; */ INSERT INTO log (what) VALUES (';'); END",
    "CREATE PROCEDURE p(IN x INT) BEGIN DECLARE i INT; WHILE i < x DO SET i = i + 1; # count;\n END WHILE; SELECT ';'; END",
    "CREATE FUNCTION double_it(x INT) RETURNS INT DETERMINISTIC RETURN x * 2",
    "CREATE EVENT tidy ON SCHEDULE EVERY 1 HOUR COMMENT 'it''s; DO' DO BEGIN DELETE FROM log; END",
]
TEXTS = [
    "",
    "'",
    "\\",
    "\\'",
    '";',
    "a\nb",
    "a\r\nb\tc\0d\x1a",
    "-- x",
    "/* y",
    "é🚗" * 10,
    "DELIMITER ;;",
    "`",
    "NULL",
    "%s",
]


@pytest.fixture
def source(server: DatabaseServer) -> object:
    """A database with everything in it that a dump can hold."""
    with server.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE source_of_dump")
        cursor.execute("USE source_of_dump")
        for statement in [s for s in SOURCE.split(";\n") if s.strip()]:
            cursor.execute(statement)
        for i, text in enumerate(TEXTS):
            cursor.execute("INSERT INTO street (name, geo) VALUES (%s, POINT(%s, 2))", (text.encode("latin1", "replace"), i))
            cursor.execute("INSERT INTO `odd ``name; --` VALUES (%s, %s)", (i, text[:10]))
            cursor.execute(
                "INSERT INTO pcn VALUES (%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s)",
                (2**64 - 1 - i, i + 1, -i, i, f"-12345678901234.567{i % 10}", 1.5e-7, 1e300, "2021-06-04 10:15:30.000001",
                 "2021-06-04 10:15:30.5", 2021, "-838:59:59", "2021-06-04", b"\0'\\\n", bytes(range(256)),
                 bytes(range(256)) * 50,
                 text * 20, "b;", "x,y", '{"a": "it\'s;"}'),
            )  # fmt: skip
        for body in BODIES:
            cursor.execute(body)
    yield server
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("DROP DATABASE source_of_dump")


def _everything(server: DatabaseServer, database: str) -> dict[str, object]:
    """Collect all that a dump has to bring across: definitions, but for the engine, and a checksum of the rows."""
    found: dict[str, object] = {}
    with server.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW FULL TABLES")
        for name, kind in cursor.fetchall():
            quoted = "`" + name.replace("`", "``") + "`"
            cursor.execute(f"SHOW CREATE TABLE {quoted}")
            found[name] = cursor.fetchall()[0][1].replace(f"`{database}`.", "").replace("ENGINE=MyISAM", "ENGINE=InnoDB")
            cursor.execute(
                f"CHECKSUM TABLE {quoted} EXTENDED" if kind == "BASE TABLE" else f"SELECT * FROM {quoted} ORDER BY 1"
            )
            found[name + " rows"] = [row[1:] for row in cursor.fetchall()]
        for kind, name in (("TRIGGER", "logged"), ("PROCEDURE", "p"), ("FUNCTION", "double_it"), ("EVENT", "tidy")):
            cursor.execute(f"SHOW CREATE {kind} {name}")
            found[name] = cursor.fetchall()[0][3 if kind == "EVENT" else 2].replace(" DISABLE ", " ENABLE ")
    return found


def _renamed_back(server: DatabaseServer, counts: RowCounts) -> DatabaseServer:
    """With the dump's own names again: nothing else was changed for the export."""
    with server.connect(DATABASE) as connection, connection.cursor() as cursor:
        for name, original in counts.originals.items():
            columns = [f"RENAME COLUMN `{new}` TO {quoted(its)}" for new, its in original.columns.items()]
            cursor.execute(f"ALTER TABLE `{name}` {', '.join(columns)}, RENAME TO {quoted(original.table or name)}")
    return server


# test_dump_programs.py has two dozen sets of options, without the task around the load.
@pytest.mark.parametrize(
    ("options", "member"),
    [
        (["--databases", "source_of_dump"], "dump.sql.gz"),
        (["--replace", "--skip-quote-names", "--add-drop-database", "--databases", "source_of_dump"], "dump.sql"),
    ],
    ids=["quoted, gzipped", "not quoted"],
)
def test_what_mariadb_dump_writes_of_everything(
    loader: Loader, source: DatabaseServer, options: list[str], member: str
) -> None:
    if "--skip-quote-names" in options:
        with source.connect("source_of_dump") as connection, connection.cursor() as cursor:
            cursor.execute("DROP TABLE `odd ``name; --`")
    command = [
        source.programs.dump,
        "--no-defaults",
        f"--socket={source.socket}",
        "-uroot",
        "--routines",
        "--events",
        "--triggers",
        "--force",
    ]
    dump = subprocess.run([*command, *options], capture_output=True, check=True).stdout
    outcome = loader.load(zipped(dump, member))
    assert outcome.exit_code == 0, outcome.log[-1]
    (counts,) = loader.row_counts()
    expected, found = _everything(source, "source_of_dump"), _everything(_renamed_back(loader.server, counts), DATABASE)
    if counts.originals:
        assert counts.views == ()
        expected = {name: value for name, value in expected.items() if name not in ("busy", "busy rows")}
    for both in (expected, found):  # who loads is who defines
        for name, value in both.items():
            both[name] = _without_definer(value) if isinstance(value, str) else value
    assert found == expected
    assert any(
        "table log" in said and "into InnoDB instead of MyISAM" in said for said in (line["message"] for line in outcome.log)
    )
    assert loader.query(f"SELECT DISTINCT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{DATABASE}' AND "
                        "TABLE_TYPE = 'BASE TABLE'") == [("InnoDB",)]  # fmt: skip
    assert (counts.tables["pcn"], counts.tables["log"]) == (
        len(TEXTS),
        0,
    )  # the trigger was not there yet when the rows were


def test_large_tables_have_all_their_indexes_in_the_end(loader: Loader, server: DatabaseServer) -> None:
    """Those that are built after the rows too; and what needs one of them before finds it."""
    define = """
        SET @a = 1 /*!80400 , SESSION restrict_fk_on_non_standard_key = 0 */;
        CREATE DATABASE source_of_large;
        USE source_of_large;
        CREATE TABLE big (id INT PRIMARY KEY, a INT NOT NULL, b VARCHAR(200), UNIQUE KEY u (a, id), KEY k (a, b(10)),
          KEY descending (b DESC), FULLTEXT KEY words (b)) ENGINE=InnoDB COMMENT 'KEY `x` (`a`),';
        CREATE TABLE digits (d INT);
        INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
        INSERT INTO big SELECT n, n % 977, REPEAT(SHA2(n, 224), 4) FROM
          (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d AS n
           FROM digits a, digits b, digits c, digits d, digits e WHERE e.d < 3) AS numbers;
        DROP TABLE digits;
        CREATE TABLE child (id INT PRIMARY KEY, a INT NOT NULL, KEY (a), CONSTRAINT f FOREIGN KEY (a) REFERENCES big (a));
        CREATE TABLE huge LIKE big;
        INSERT INTO huge SELECT * FROM big;
        CREATE VIEW seen AS SELECT a FROM huge FORCE INDEX (k)
    """
    with server.connect(autocommit=True) as connection, connection.cursor() as cursor:
        for statement in define.split(";\n"):
            cursor.execute(statement)
    command = [server.programs.dump, "--no-defaults", f"--socket={server.socket}", "-uroot", "source_of_large"]
    dump = subprocess.run(command, capture_output=True, check=True).stdout
    try:
        outcome = loader.load(zipped(dump))
        assert outcome.exit_code == 0, outcome.log[-1]
        found = []
        for database in ("source_of_large", DATABASE):
            with server.connect(database) as connection, connection.cursor() as cursor:
                for table in ("big", "child", "huge"):
                    cursor.execute(f"SHOW CREATE TABLE {table}")
                    found.append(cursor.fetchall()[0][1].replace(database, ""))
                    cursor.execute(f"CHECKSUM TABLE {table} EXTENDED")
                    found.append(cursor.fetchall()[0][1])
        assert found[:6] == found[6:]
    finally:
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("DROP DATABASE source_of_large")


def _without_definer(definition: str) -> str:
    words = [w for w in definition.split(" ") if not w.startswith("DEFINER=")]
    return " ".join(words)


def test_a_trigger_that_is_there_before_the_rows_adds_its_own(loader: Loader) -> None:
    sql = (
        "-- MySQL dump 10.13  Distrib 8.0.36\nCREATE TABLE `a` (id INT AUTO_INCREMENT PRIMARY KEY, n INT);\n"
        "CREATE TABLE `b` (id INT AUTO_INCREMENT PRIMARY KEY, n INT);\nDELIMITER ;;\n"
        "CREATE TRIGGER t AFTER INSERT ON `a` FOR EACH ROW INSERT INTO b (n) VALUES (NEW.n);;\nDELIMITER ;\n"
        + "".join(f"INSERT INTO `a` VALUES ({i},{i});\n" for i in range(1, 3000))
        + "-- Dump completed\n"
    )
    outcome = loader.load(zipped(sql))
    assert outcome.exit_code == 0, outcome.log[-1]
    assert loader.row_counts()[0].tables == {"a": 2999, "b": 2999}
    assert loader.query("SELECT COUNT(*) FROM b WHERE id <> n") == [(0,)]


def test_a_script_by_hand_runs_in_order_on_one_connection(loader: Loader) -> None:
    outcome = loader.load(
        zipped(
            "CREATE DATABASE shop; USE shop\n"
            "CREATE TABLE a (id INT AUTO_INCREMENT PRIMARY KEY, n INT);\n"
            "CREATE TABLE b (a_id INT REFERENCES a (id), v INT);\n"
            "SET @n = 5; START TRANSACTION;\n"
            + "INSERT INTO a (n) VALUES (@n); INSERT INTO shop.b VALUES (LAST_INSERT_ID(), @n); SET @n = @n + 1;\n" * 500
            + "COMMIT; SELECT 'done' AS message; SELECT MAX(n) INTO @m FROM a; UPDATE b SET v = v + @m WHERE a_id = 1;"
        )
    )
    assert outcome.exit_code == 0, outcome.log[-1]
    assert loader.query("SELECT COUNT(*) FROM a JOIN b ON b.a_id = a.id WHERE a.n = a.id + 4") == [(500,)]
    assert loader.query("SELECT v FROM b WHERE a_id = 1") == [(5 + 504,)]


def test_a_foreign_key_to_a_key_that_is_not_unique(loader: Loader) -> None:
    """Servers before MySQL 8.4 took it, and their dumps have it."""
    outcome = loader.load(
        zipped(
            "CREATE TABLE a (n INT, KEY (n));\nCREATE TABLE b (n INT, FOREIGN KEY (n) REFERENCES a (n));\n"
            "INSERT INTO a VALUES (1), (1);\nINSERT INTO b VALUES (1);\n-- Dump completed\n"
        )
    )
    assert outcome.exit_code == 0, outcome.log[-1]
    assert loader.row_counts()[0].tables == {"a": 2, "b": 1}


def test_sql_modes_that_change_what_a_backslash_is(loader: Loader) -> None:
    outcome = loader.load(
        zipped(
            "CREATE TABLE t (a VARCHAR(20));\nSET sql_mode = 'NO_BACKSLASH_ESCAPES';\nINSERT INTO t VALUES ('\\');\n"
            "INSERT INTO t SELECT 'x\\';\nSET sql_mode = '';\nINSERT INTO t VALUES ('\\'');"
        )
    )
    assert outcome.exit_code == 0, outcome.log[-1]
    assert loader.query("SELECT a FROM t") == [("\\",), ("x\\",), ("'",)]


def test_a_dump_in_latin1_keeps_its_letters(loader: Loader) -> None:
    sql = "SET NAMES latin1;\nCREATE TABLE t (a VARCHAR(20) CHARACTER SET latin1);\nINSERT INTO t VALUES ('Café');"
    outcome = loader.load(zipped(sql.encode("latin1")))
    assert outcome.exit_code == 0, outcome.log[-1]
    assert loader.query("SELECT a FROM t") == [("Café",)]


def test_zip64(loader: Loader, tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "big.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("dump.sql", "w", force_zip64=True) as member,
    ):
        member.write(b"CREATE TABLE t (a INT); INSERT INTO t VALUES (1);")
    outcome = loader.load((tmp_path / "big.zip").read_bytes())
    assert outcome.exit_code == 0, outcome.log[-1]
