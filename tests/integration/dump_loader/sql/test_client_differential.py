"""One script through the server's own client and through the loader: the same tables, to the last byte.

test_client_parity.py compares what is sent; here it is what arrives, with conditional comments, delimiters, triggers and
changes of sql_mode taking effect.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.dump_loader.two import BY_CLIENT, BY_LOADER, Two

TABLES = (
    "CREATE TABLE notes (id INT PRIMARY KEY, note LONGTEXT);\n"
    "CREATE TABLE `we``ird;'name` (id INT PRIMARY KEY, `no\"te` LONGBLOB) COMMENT='; -- /* it''s';\n"
    "CREATE TABLE narrow (id INT PRIMARY KEY, t TINYINT NOT NULL, c VARCHAR(3) CHARACTER SET latin1);\n"
    "CREATE TABLE seen (id INT PRIMARY KEY AUTO_INCREMENT, row_id INT, note LONGTEXT);\n"
)
TARGETS = st.sampled_from(["notes", "`notes`", "`we``ird;'name`"])
VALUES = st.lists(
    st.sampled_from(
        ["a", "'", '"', "`", "\\", ";", ";;", "//", "$$", "--", "-- ", "#", "/*", "*/", "/*!50001 ", "\n", "\t", "%", "é",
         "🚲", "\\n", "\\'", "DELIMITER ;\n", "\nDELIMITER //\n", "USE x\n", "\\g", "),(", "x" * 300]
    ),
    max_size=8,
).map("".join)  # fmt: skip


def quoted(value: str, style: str) -> str:
    """The value as a literal that the server reads with backslash escapes on."""
    escaped = value.replace("\\", "\\\\")
    match style:
        case "doubled":
            return "'" + escaped.replace("'", "''") + "'"
        case "escaped":
            return "'" + escaped.replace("'", "\\'").replace("\n", "\\n") + "'"
        case "double":
            return '"' + escaped.replace('"', '""') + '"'
        case "double escaped":
            return '"' + escaped.replace('"', '\\"') + '"'
        case "hex":
            return "0x" + value.encode().hex() if value else "''"
        case "adjacent":
            return "'a' " + quoted(value, "doubled") + "\n'b'"
        case _:
            return "_utf8mb4'" + escaped.replace("'", "''") + "'"


LITERALS = st.builds(
    quoted, VALUES, st.sampled_from(["doubled", "escaped", "double", "double escaped", "hex", "adjacent", "introduced"])
)
BLANKS = st.sampled_from(
    [
        " ",
        "\n",
        "\t",
        " /* a; 'b */ ",
        ' -- c; "d\n',
        " # e; `f\n",
        " /* /* */ ",
        " /**/ ",
        " /***/ ",
        " --\n",
        " /*!50001 */ ",
    ]
)
IN_BETWEEN = st.sampled_from(
    [
        "",
        "\n",
        "-- it's; \"one`\n",
        "# and; 'two\n",
        "/* three; ' \n */",
        "/* DELIMITER $$\n */",
        "/*!99999 ' ; ' */\n",
    ]
)


@st.composite
def statements(draw: st.DrawFn, ids: Iterator[int]) -> str:
    """Of any kind, without delimiter."""
    kind = draw(
        st.sampled_from(
            ["rows"] * 4 + ["narrow", "expression", "update", "variable", "conditional", "trigger", "of the variable"]
        )
    )
    table, literal = draw(TARGETS), draw(LITERALS)
    gap, other = draw(BLANKS), draw(BLANKS)
    rows = ",".join(f"{gap}({next(ids)},{other}{draw(LITERALS)})" for _ in range(draw(st.integers(1, 3))))
    match kind:
        case "rows":
            return f"INSERT INTO {table} VALUES{rows}"
        case "narrow":  # cut with a warning; but NULL is refused, unless another row goes with it
            values = st.sampled_from(["1, 'abc'", "300, 'abcd'", "-129, NULL", "'x', '日本'"] * 3 + ["NULL, 'é'"])
            cut = draw(st.lists(values, min_size=1, max_size=3))
            return f"INSERT INTO narrow VALUES {','.join(f'({next(ids)},{value})' for value in cut)}"
        case "expression":
            return f"INSERT{gap}INTO {table}{other}VALUES ({next(ids)},CONCAT({literal},{gap}'-')),{rows}"
        case "update":
            return f"UPDATE notes{gap}SET note ={other}CONCAT(note, {literal}) WHERE id % 2 = 0"
        case "variable":
            return f"SET{gap}@a ={other}{literal}"
        case "conditional":
            form = draw(st.sampled_from(
                ["/*!50001 {} */", "/*! {}*/", "/*M! {} */", "/*M!100100 {} */", "/*!50001 {} /* inner ; ' */ */",
                 "/*!99999 {} */ DO 1",
                 "/*!50001 INSERT */ /*!40000 INTO notes */ VALUES (-{1}, 'x') /*!99999 , (-{1}, 'y') */"]
            ))  # fmt: skip
            return form.format(f"INSERT INTO {table} VALUES ({next(ids)},{quoted('plain; it', 'doubled')})", next(ids))
        case "trigger":
            number = next(ids)
            return (
                f"CREATE TRIGGER `t{number}` BEFORE INSERT ON {table} FOR EACH ROW\nBEGIN\n"
                f"  -- it's; a comment\n  INSERT INTO seen (row_id, note) VALUES (NEW.id,{gap}{literal});\nEND"
            )
        case _:
            return f"INSERT INTO notes VALUES ({next(ids)}, @a)"


@st.composite
def scripts(draw: st.DrawFn) -> str:
    ids = iter(range(1, 10**6))
    parts = [draw(st.sampled_from(["", "-- MySQL dump 10.13  Distrib 8.0.36\n"])), TABLES, "SET @a = 'first';\n"]
    for _ in range(draw(st.integers(2, 12))):
        statement, between = draw(statements(ids)), draw(IN_BETWEEN)
        delimiter = draw(st.sampled_from([";", ";;", "//", "$$", "|", "go;"]))
        compound = statement.startswith("CREATE TRIGGER")
        if draw(st.integers(0, 5)) == 0:  # by the other rules, in which a backslash is a letter
            parts += [
                "SET @m = @@sql_mode, sql_mode = 'NO_BACKSLASH_ESCAPES';\n",
                f"INSERT INTO notes VALUES ({next(ids)},'\\'),({next(ids)},'a\\''b;\\');\nSET sql_mode = @m;\n",
            ]
        if (compound or draw(st.booleans())) and delimiter != ";" and delimiter not in between + statement:
            # the comment behind DELIMITER: with --comments, the client takes DELIMITER behind a comment for SQL
            parts.append(f"\nDELIMITER {delimiter}\n{between}{statement}\n{delimiter}\nDELIMITER ;\n")
        elif not compound:
            parts.append(f"{between}{statement}{draw(st.sampled_from([';', ';', ' ;', ';;', '\\g']))}\n")
    return "".join([*parts, "-- Dump completed\n"])


@pytest.mark.parametrize("header", ["", "-- MySQL dump 10.13  Distrib 8.0.36\n"], ids=["by hand", "mysqldump"])
def test_what_only_seems_to_print_has_its_effect(two: Two, header: str) -> None:
    body = "CREATE FUNCTION f() RETURNS INT BEGIN INSERT INTO seen (note) VALUES ('called'); RETURN 1; END"
    insert = "INSERT INTO notes VALUES ({}, {})".format
    statements = [
        "SELECT f(), f()", "DO f()", "SELECT 'loading', REPEAT('x', 99) FROM seen", "CHECK TABLE notes",
        "DO LAST_INSERT_ID(7)", insert(1, "LAST_INSERT_ID()"), "SELECT LAST_INSERT_ID(8)", insert(2, "LAST_INSERT_ID()"),
        "SELECT SQL_CALC_FOUND_ROWS n FROM (SELECT 1 AS n UNION SELECT 2 UNION SELECT 3) AS three LIMIT 1",
        insert(3, "FOUND_ROWS()"), "SELECT @a := 9", insert(4, "@a"),
    ]  # fmt: skip
    script = f"{header}{TABLES}DELIMITER //\n{body}//\nDELIMITER ;\n{';\n'.join(statements)};\n-- Dump completed\n"
    assert two.by_client(script.encode()) == two.by_loader(script.encode())
    assert two.values(BY_CLIENT) == two.values(BY_LOADER)
    assert len(two.values(BY_LOADER)["seen"]) == 3


ALTERED_ZONES = """-- MySQL dump 10.13  Distrib 8.4.0, for Linux (x86_64)
SET sql_mode = '';
CREATE TABLE child (id INT PRIMARY KEY, zone INT, KEY k (zone), FOREIGN KEY (zone) REFERENCES zones (zone)) ENGINE=InnoDB;
CREATE TABLE `zones` (`id` int, `zone` int, `at` datetime NOT NULL, KEY `of` (`zone`)) ENGINE=InnoDB;
CREATE TABLE `times` (`id` int, `at` datetime NOT NULL DEFAULT '0000-00-00 00:00:00', KEY `at` (`at`)) ENGINE=InnoDB;
INSERT INTO `zones` VALUES (1,1,'2021-06-04 00:00:00'),(2,1,'0000-00-00 00:00:00');
INSERT INTO `times` VALUES (1,'2021-06-04 00:00:00'),(2,'0000-00-00 00:00:00');
SET sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE';
CREATE TRIGGER t BEFORE INSERT ON times FOR EACH ROW SET NEW.id = 1;
-- Dump completed
"""


def test_a_key_is_built_afterwards_only_where_the_table_is_the_same_then(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dump_loader.database.loading._LARGE", 50)
    script = f"SET FOREIGN_KEY_CHECKS=0;\n{ALTERED_ZONES}".encode()
    assert two.by_client(script) == ""
    assert two.by_loader(ALTERED_ZONES.encode()) == ""
    assert two.values(BY_CLIENT) == two.values(BY_LOADER)
    assert two.definitions(BY_CLIENT) == two.definitions(BY_LOADER)


@settings(
    max_examples=int(os.environ.get("DIFFERENTIAL_EXAMPLES", "100")),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.large_base_example],
)
@given(scripts(), st.lists(st.integers(1, 400), max_size=4))
def test_the_client_and_the_loader_leave_the_same_tables(two: Two, script: str, sizes: list[int]) -> None:
    content = script.encode()
    refused = bool(two.by_client(content)), bool(two.by_loader(content, sizes))
    assert refused in ((True, True), (False, False))
    if refused == (False, False):
        assert two.values(BY_CLIENT) == two.values(BY_LOADER)
