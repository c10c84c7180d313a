"""The splitter against the real client: the server's general log says what its own client made of the same text."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dump_loader.sql.server import Flavour
from dump_loader.sql.splitter import Splitter
from liberator.errors import DumpRejected
from local.emulator.database_server import DatabaseServer


class Client:
    """The client, whose statements the server writes down."""

    def __init__(self, server: DatabaseServer) -> None:
        self._server = server
        self._connection = server.connect_as_root(autocommit=True)
        self._run("SET GLOBAL log_output = 'TABLE'")
        if server.flavour is Flavour.MYSQL:
            self._run("SET GLOBAL log_raw = ON")  # without it, nothing is logged that the server can't parse

    def close(self) -> None:
        self._run("SET GLOBAL general_log = OFF")
        self._connection.close()

    def statements(self, text: bytes) -> list[bytes]:
        self._run("SET GLOBAL general_log = OFF", "TRUNCATE mysql.general_log", "SET GLOBAL general_log = ON")
        command = [
            self._server.programs.client,
            "--no-defaults",
            f"--socket={self._server.socket}",
            "-uroot",
            "--force",
            "--comments",
            "--loose-commands",  # `\\g` in a script, which MySQL's client takes by default no more
        ]
        subprocess.run(command, input=text, capture_output=True, check=False, timeout=60)
        self._run("SET GLOBAL general_log = OFF")
        with self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT CAST(argument AS BINARY) FROM mysql.general_log WHERE command_type IN ('Query', 'Init DB')"
                " AND argument NOT LIKE 'SET GLOBAL%%'"
                " AND argument NOT IN ('select $$', 'select @@version_comment limit 1')"  # MySQL's client itself
            )
            return [row[0] for row in cursor.fetchall()]

    def _run(self, *statements: str) -> None:
        with self._connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


@pytest.fixture(scope="module")
def client(server: DatabaseServer) -> Iterator[Client]:
    made = Client(server)
    yield made
    made.close()


def ours(text: bytes) -> list[bytes]:
    return [bytes(s.text) for s in Splitter(iter([text]), max_bytes=1_000_000)]


_BEFORE = re.compile(rb"(?:\s|/\*(?!M?!).*?\*/|(?:--|#).*?(?:\n|\Z))*", re.DOTALL)


def bare(statements: list[bytes]) -> list[bytes]:
    """Without what the server ignores anyway: blanks around, comments before, a `;` at the end, which it doesn't log."""
    cut = (s[match.end() :].strip().rstrip(b";").rstrip() for s in statements if (match := _BEFORE.match(s)))
    return [s for s in cut if s]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1; SELECT ';' ; SELECT \"a;'b\"; SELECT `;` FROM t;\nSELECT 'it\\'s; \\\\'; SELECT 'a''b;'; SELECT 5--3;",
        "DELIMITER ;;\nCREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET @a = ';'; END ;;\nDELIMITER ;\nSELECT 1;",
        "delimiter //\nSELECT 1;//\nSELECT 6/3//\ndelimiter ;\nSELECT 2",
        "DELIMITER $$\nSELECT '$$'$$\nSELECT $ 1$$\nDELIMITER ;\nSELECT 3;",
        "/*!40101 SET NAMES utf8 */;\n/*!50003 SELECT ';' */;\n/*M!100616 SELECT 2 */;",
        "INSERT INTO t VALUES (1,'a\nb;'),\n(2,'c');\nSELECT\n\n2\n;\n",
        "SELECT 'line one\nline -- two\n# three; /* four */ five';SELECT 1;",
        "SELECT 1 + /*!99999 2 + */ 3; SELECT \\N; SELECT 4 \\g SELECT 5 \\G",
        "SELECT 1\n-- a; comment\n+ 1;\nSELECT 2 # b;\n+ 2;",
        "SELECT 1 /*/ ; */ + 1; /*/ SELECT 2; */ SELECT 3;",
        "SELECT 7",
    ],
)
def test_by_example(client: Client, text: str) -> None:
    assert bare(ours(text.encode())) == bare(client.statements(text.encode()))


TOKENS = st.sampled_from(
    [
        "SELECT", " 1 ", "'a'", "';'", "'it\\'s'", "'a''b'", '"x;"', "`c;d`", " + ", " - ", "--1", "/", " * ", "\n",
        "'two\nlines'",
        ";\n", ";\n", ";\n", "'\\\\'", "/*!40101 1 */", "/*! 2 */", "\\N", "(", ")", ",", "@a", "0x41", "'é'", "$", "x", "-",
        "# a;b\n", "-- c;'d\n", " /* e;'f */ ",
    ]
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(TOKENS, min_size=1, max_size=25), st.sampled_from([";", "//", "$$", ";;"]))
def test_by_wild_text(client: Client, tokens: list[str], delimiter: str) -> None:
    ending = f" {delimiter}\n"  # with a blank, as MySQL's client takes `*///` for a `*` and a delimiter
    text = f"DELIMITER {delimiter}\nSELECT 0{delimiter}\n" + "".join(ending if t == ";\n" else t for t in tokens) + " "
    try:
        mine = bare(ours(text.encode()))
    except DumpRejected:
        return
    assert mine == bare(client.statements(text.encode()))
