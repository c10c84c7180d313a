"""Statements as the mysql client sees them: by example, and whatever the text and however it arrives in chunks."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dump_loader.sql.reading import Reading
from dump_loader.sql.splitter import Splitter
from liberator.errors import DumpRejected

LIMIT = 1_000_000


def split(
    text: bytes | str, *, sizes: list[int] | None = None, escapes: bool = True, names_in_quotes: bool = False
) -> list[tuple[int, int, bytes]]:
    """Number, line and text of each statement; the text arrives in chunks of `sizes`, again and again."""
    content = text.encode() if isinstance(text, str) else text
    splitter = Splitter(chunked(content, sizes or [len(content) or 1]), max_bytes=LIMIT)
    splitter.reading = Reading(escapes=escapes, names_in_quotes=names_in_quotes)
    return [(s.number, s.line, bytes(s.text)) for s in splitter]


def chunked(content: bytes, sizes: list[int]) -> Iterator[bytes]:
    position = index = 0
    while position < len(content):
        size = sizes[index % len(sizes)]
        yield content[position : position + size]
        position, index = position + size, index + 1


def texts(text: bytes | str, *, escapes: bool = True) -> list[bytes]:
    return [statement for _, _, statement in split(text, escapes=escapes)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1;SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT 1 ;\n\n ;; SELECT 2 ;", ["SELECT 1 ", "SELECT 2 "]),
        ("", []),
        (" \n-- nothing\n# at all\n/* here */", []),
        ("SELECT ';'; SELECT \";\"; SELECT `;`", ["SELECT ';'", 'SELECT ";"', "SELECT `;`"]),
        (r"SELECT 'it\'s;', 'a''b;', '\\'; SELECT 2", [r"SELECT 'it\'s;', 'a''b;', '\\'", "SELECT 2"]),
        ("SELECT `\\`; SELECT 2", ["SELECT `\\`", "SELECT 2"]),
        ("SELECT 1 -- ; no\n+ 1; SELECT 2", ["SELECT 1 -- ; no\n+ 1", "SELECT 2"]),
        ("SELECT 1 # ; no\n+ 1; SELECT 2", ["SELECT 1 # ; no\n+ 1", "SELECT 2"]),
        ("SELECT 5--3; SELECT 5---3;", ["SELECT 5--3", "SELECT 5---3"]),
        ("SELECT 1 --\n;SELECT 2", ["SELECT 1 --\n", "SELECT 2"]),
        ("SELECT 1 /* ; ' */ + 1; SELECT 2 /**/;", ["SELECT 1 /* ; ' */ + 1", "SELECT 2 /**/"]),
        ("SELECT 1 /*/ ; */ + 1; SELECT 2 /*/;*/;", ["SELECT 1 /*/ ; */ + 1", "SELECT 2 /*/;*/"]),
        ("/*/ SELECT 1; */ SELECT 2; /*/;*/ SELECT 3;", ["SELECT 2", "SELECT 3"]),
        ("/*/ SELECT 1; " + "x" * 50_000 + "*/ SELECT 2;", ["SELECT 2"]),
        ("SELECT 6/3; SELECT 6/ /*x*/ 3", ["SELECT 6/3", "SELECT 6/ /*x*/ 3"]),
        ("/*!40101 SET NAMES utf8 */; SELECT 1", ["/*!40101 SET NAMES utf8 */", "SELECT 1"]),
        ("/*!50003 SELECT ';' */;SELECT 1", ["/*!50003 SELECT ';' */", "SELECT 1"]),
        ("/*M!100616 SET NOTE_VERBOSITY=0 */;SELECT 1", ["/*M!100616 SET NOTE_VERBOSITY=0 */", "SELECT 1"]),
        ("/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump\nSELECT 1;", ["SELECT 1"]),
        ("DELIMITER ;;\nBEGIN a; b; END ;;\nDELIMITER ;\nSELECT 1;", ["BEGIN a; b; END ", "SELECT 1"]),
        ("delimiter //\nA;/b//\n  DELIMITER $$ \nB$;$$C$$delimiter ;\nD;", ["A;/b", "B$;", "C", "D"]),
        ('DELIMITER "//"\nA//DELIMITER go\nB go C', ["A", "B ", "C"]),
        ("DELIMITER --\nA - B; C -- D\n--", ["A - B; C ", "D\n"]),
        ("DELIMITER |\nA;'|'|B", ["A;'|'", "B"]),
        ("USE parking\nSELECT 1;", ["USE parking", "SELECT 1"]),
        ("USE parking;SELECT 1;", ["USE parking", "SELECT 1"]),
        ("SELECT 1\\g SELECT 2\\G SELECT \\N;", ["SELECT 1", "SELECT 2", "SELECT \\N"]),
        ("\ufeffSELECT 1;", ["SELECT 1"]),
        ("SELECT 1;\r\nSELECT\r\n'a\r\nb';\r\n", ["SELECT 1", "SELECT\r\n'a\r\nb'"]),
        ("DELIMITER $$\r\nA;$$\r\nDELIMITER ;\r\nB;", ["A;", "B"]),
        ("--no space needed at the beginning\nSELECT 1", ["SELECT 1"]),
        ("INSERT INTO t VALUES (1,'a;b'),\n(2,'c');\nSELECT 1", ["INSERT INTO t VALUES (1,'a;b'),\n(2,'c')", "SELECT 1"]),
        ("INSERT INTO delimiters VALUES (1); DELIMITERS;", ["INSERT INTO delimiters VALUES (1)", "DELIMITERS"]),
    ],
)
def test_statements(text: str, expected: list[str]) -> None:
    assert texts(text) == [e.encode() for e in expected]


def test_only_the_last_statement_can_be_without_its_delimiter() -> None:
    def ended(text: str) -> list[bool]:
        return [s.ended for s in Splitter(iter([text.encode()]), max_bytes=LIMIT)]

    assert ended("SELECT 1; SELECT 2 \\g SELECT 3\n;\nUSE a\nDELIMITER $$\nSELECT 4;$$ -- end") == [True] * 5
    assert ended("SELECT 1; SELECT 2") == [True, False]
    assert ended("SELECT 1;\n/*!40101 SET a = 1 */\n-- Dump completed\n") == [True, False]
    assert ended("DELIMITER $$\nSELECT 1;\n") == [False]


def test_a_backslash_is_a_letter_where_the_server_says_so() -> None:
    assert texts("SELECT '\\'; SELECT 2", escapes=False) == [b"SELECT '\\'", b"SELECT 2"]
    with pytest.raises(DumpRejected, match="in the middle of a string"):
        texts("SELECT '\\'; SELECT 2")


def test_the_mind_of_the_server_can_change_between_two_statements() -> None:
    splitter = Splitter(iter([b"SET a; SELECT '\\'; SELECT 2"]), max_bytes=LIMIT)
    statements = iter(splitter)
    next(statements)
    splitter.reading = Reading(escapes=False)
    assert [s.text for s in statements] == [b"SELECT '\\'", b"SELECT 2"]


def test_binary_data_stays_as_it_is() -> None:
    blob = bytes(range(256)).replace(b"\\", b"\\\\").replace(b"'", b"\\'")
    statement = b"INSERT INTO b VALUES (1,_binary '" + blob + b"')"
    assert texts(statement + b";\nSELECT 1;") == [statement, b"SELECT 1"]


def test_number_and_line() -> None:
    text = "-- one\nSELECT 1;\n\n/* three\nfour */ SELECT\n'five\nsix'; SELECT 3;\nDELIMITER $$\n# nine\nSELECT 4$$"
    assert [(n, line) for n, line, _ in split(text)] == [(1, 2), (2, 5), (3, 7), (4, 10)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT 1;\nSELECT 'abc;\n", "in the middle of a string, in the statement that begins at line 2"),
        ('SELECT "abc', "a string"),
        ("SELECT `abc", "a string"),
        ("SELECT 1 /* abc", "a comment"),
        ("/* " + "x" * 50_000, "a comment"),
        ("INSERT INTO t VALUES (1,'abc\\'", "a string"),
        ("SELECT 1;\n\\! rm -rf /\n", r"Statement 2, line 2: \\! is a command of the mysql client"),
        ("SELECT 1 \\. /etc/passwd", r"\\\. is a command"),
        ("DELIMITER\nSELECT 1;", "DELIMITER needs"),
        ("DELIMITER \\\\\nSELECT 1;", "DELIMITER needs"),
        ("\n SELECT '" + "x" * LIMIT + "';", "Statement 1, line 2, is longer than 1,000,000 bytes"),
        ("SELECT 1; INSERT INTO t VALUES (1)" + ",(2)" * LIMIT, "Statement 2, line 1, is longer"),
        ("/*/", "a comment"),
        ("SELECT 1 /*/", "a comment"),
    ],
)
def test_text_that_cannot_be_split(text: str, said: str) -> None:
    with pytest.raises(DumpRejected, match=said):
        split(text, sizes=[4096])


@pytest.mark.parametrize(
    ("statement", "literal"),
    [
        ("INSERT INTO `t` VALUES (1,-2.5,'a',NULL,1e5,1E-5,x'00',0xAB,b'1',_binary 'x',N'y',TRUE,\"z\")", True),
        ("INSERT INTO `t` (`a`, b) VALUES\n(1, 'x'),\n(2, 'y')", True),
        ("insert ignore into t values (1)", True),
        ("REPLACE INTO `db`.`t` VALUES (0x" + "AB" * 50_000 + ")", True),
        ("INSERT INTO t VALUES ('" + "x" * 50_000 + "'," + "NULL," * 10_000 + "1)", True),
        ("INSERT INTO t VALUES (NOW())", False),
        ("INSERT INTO t VALUES (1, LOAD_FILE('x'))", False),
        ("INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1", False),
        ("INSERT INTO t VALUES ((SELECT 1))", False),
        ("INSERT INTO t VALUES (1 /*! + 1 */)", False),
        ("INSERT INTO t VALUES (@a)", False),
        ("INSERT INTO t VALUES (0xAG)", False),
        ("INSERT INTO t SELECT 1", False),
        ("UPDATE t SET a = 1", False),
    ],
)
def test_rows_of_literals_are_told_apart_from_everything_else(statement: str, literal: bool) -> None:
    for sizes in ([1_000_000], [1000], [7]):
        (found,) = Splitter(chunked(statement.encode(), sizes), max_bytes=LIMIT)
        assert bytes(found.text).decode() == statement
        assert bool(found.values_at) is literal
        if literal:
            assert re.search(r"(?i)values\s*$", statement[: found.values_at])


PIECES = [
    "'", '"', "`", "''", "\\", "\\'", "\\\\", ";", ";;", "$$", "//", "--", "-- ", "-", "#", "/*", "*/", "/*!", "/*!50003 ",
    "/*M!1 ", "/*M!999999\\- x */", "/", "*", "\n", "\r\n", " ", "\t", "a", "SELECT", "INSERT INTO t VALUES (", "(1,'x')",
    ",", "0x", "0xAB", "AB", "NULL", "NU", "_binary '", "1e5", "-1", "\ndelimiter ;\n", "\nDELIMITER $$\n",
    "\nDELIMITER //\n", "\nDELIMITER ;;\n", "\nDELIMITER --\n", "USE x\n", "\\g", "\\N", "\0", "\xff", "é", "x" * 40,
    "values", "replace into `a`.b (c) values\n(",
]  # fmt: skip
WILD = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


def outcome(text: str, sizes: list[int], *, escapes: bool) -> object:
    try:
        return split(text, sizes=sizes, escapes=escapes)
    except DumpRejected as error:
        return str(error)


@given(WILD, st.lists(st.integers(1, 20), min_size=1, max_size=5), st.booleans())
@example("INSERT INTO t VALUES (1,0xAB", [1], True)
@example("\nDELIMITER //\n/*", [1], True)
def test_where_the_chunks_end_changes_nothing(text: str, sizes: list[int], escapes: bool) -> None:
    assert outcome(text, sizes, escapes=escapes) == outcome(text, [100_000], escapes=escapes)


@given(WILD, st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 40_000))
def test_nor_does_it_deep_in_a_long_text(text: str, sizes: list[int], before: int) -> None:
    """The buffer holds a beginning before it looks at a statement: here every boundary falls behind that."""
    long = "INSERT INTO t VALUES (1,'" + "y" * before + "'),(" + text
    content = long.encode()
    chunks = [content[: before + 20], *chunked(content[before + 20 :], sizes)]

    def result(source: list[bytes]) -> object:
        try:
            return [(s.number, s.line, bytes(s.text), s.values_at) for s in Splitter(iter(source), max_bytes=LIMIT)]
        except DumpRejected as error:
            return str(error)

    assert result(chunks) == result([content])


@given(st.binary(max_size=200), st.lists(st.integers(1, 20), min_size=1, max_size=5), st.booleans())
def test_bytes_that_are_no_text_are_split_or_refused(content: bytes, sizes: list[int], escapes: bool) -> None:
    def result(sizes: list[int]) -> object:
        try:
            return split(content, sizes=sizes, escapes=escapes)
        except DumpRejected as error:
            return str(error)

    assert result(sizes) == result([1000])


STRING_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="'\"`\\"), max_size=20)
TOKENS = st.one_of(
    st.sampled_from(["SELECT", "a", "(", ")", ",", "1", "-", "+", "=", "/ ", "*", "@x", "\n", " ", "BEGIN", "END", "\\N"]),
    STRING_TEXT.map(lambda s: f"'{s}'"),
    STRING_TEXT.map(lambda s: f"'{s}\\''"),
    STRING_TEXT.map(lambda s: f'"{s}"'),
    STRING_TEXT.map(lambda s: f"`{s}`"),
    STRING_TEXT.map(lambda s: f"'{s}''{s}'"),
    st.text(st.characters(codec="utf-8", exclude_characters="*!/\0M"), max_size=20).map(lambda s: f"/* {s} */"),
    st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), max_size=20).map(lambda s: f"-- {s}\n"),
    st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), max_size=20).map(lambda s: f"# {s}\n"),
)
STATEMENTS = st.lists(st.lists(TOKENS, max_size=8).map(lambda t: "SET " + " ".join(t) + " 0"), min_size=1, max_size=6)


@given(
    STATEMENTS, st.sampled_from([";", ";;", "$$", "//", "|", "go;"]), st.lists(st.integers(1, 30), min_size=1, max_size=4)
)
def test_what_is_joined_by_a_delimiter_is_split_into_the_same(
    statements: list[str], delimiter: str, sizes: list[int]
) -> None:
    whole = "".join(f"DELIMITER {delimiter}\n{s}{delimiter}\n" for s in statements)
    assert [text.decode() for _, _, text in split(whole, sizes=sizes)] == statements


def values_at(text: str, *, names_in_quotes: bool = False) -> int:
    splitter = Splitter(iter([text.encode()]), max_bytes=LIMIT)
    splitter.reading = Reading(names_in_quotes=names_in_quotes)
    (statement,) = splitter
    assert bytes(statement.text).decode() == text.removesuffix(";")
    return statement.values_at


def test_a_name_among_the_rows_is_no_literal() -> None:
    rows = "INSERT INTO `t` VALUES (1,'a'),"
    begin = rows.index("(1")
    assert values_at(rows + '(2,"b");') == begin
    assert values_at(rows + '(2,"b");', names_in_quotes=True) == 0
    assert values_at(rows + "(2,`f`(';'));") == 0
    assert values_at(rows + "(`mysql`.`f`(1),'b');") == 0


@pytest.mark.parametrize(
    "literal", ["DEFAULT", "null", "TRUE", "-1.5e-3", "x'0f'", "0xFF", "b'1'", "N'a'", "_utf8mb4'a'", "''"]
)
def test_rows_of_literals_need_no_second_look(literal: str) -> None:
    begin = "INSERT IGNORE INTO `d`.`t` (`a`,b) VALUES "
    assert values_at(f"{begin}(1,{literal}),\n({literal},'x');") == len(begin)


def test_a_backslash_is_a_letter_of_a_name_in_quotes() -> None:
    text = 'CREATE TABLE "a\\" (b INT); SELECT \'c\\\';\'; INSERT INTO "t" VALUES ("a""b")'
    expected = ['CREATE TABLE "a\\" (b INT)', "SELECT 'c\\';'", 'INSERT INTO "t" VALUES ("a""b")']
    for size in (1, 7, 100):
        found = split(text, sizes=[size], names_in_quotes=True)
        assert [statement.decode() for _, _, statement in found] == expected
