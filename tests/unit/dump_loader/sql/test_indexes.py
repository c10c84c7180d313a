"""Which indexes are built after the rows, and when."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from dump_loader.database.loading import Loaded, load
from dump_loader.sql.indexes import Indexes, rebuildable
from dump_loader.sql.reading import Reading
from dump_loader.sql.server import Flavour, Server
from dump_loader.sql.signature import Signature

BODY = "`id` int NOT NULL AUTO_INCREMENT, `a` int, `b` varchar(99) DEFAULT 'x, KEY `k` (`a`)', PRIMARY KEY (`id`), "


def created(keys: str, *, body: str = BODY, engine: str = "InnoDB", name: str = "`t`") -> bytes:
    return f"CREATE TABLE {name} (\n {body}{keys}\n) ENGINE={engine} AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4".encode()


@pytest.mark.parametrize(
    "key", ["KEY `k` (`a`)", "KEY `k` (`a`,`b`(10))", "KEY `k` (`a` DESC, `b` ASC)", "KEY `k` (`a`) USING BTREE"]
)
def test_a_plain_key_can_be_built_afterwards(key: str) -> None:
    expected = Indexes(b"ALTER TABLE `t` DROP KEY `k`", b"ALTER TABLE `t` ADD " + key.encode())
    assert rebuildable(created(key)) == expected
    assert rebuildable(created(f"UNIQUE KEY `u` (`b`), {key}, FULLTEXT KEY `f` (`b`)")) == expected


def test_several_keys_are_built_by_one_statement() -> None:
    indexes = rebuildable(created("KEY `k` (`a`), KEY `l` (`b`)", name="IF NOT EXISTS `db`.`t`"))
    assert indexes == Indexes(
        b"ALTER TABLE `db`.`t` DROP KEY `k`, DROP KEY `l`", b"ALTER TABLE `db`.`t` ADD KEY `k` (`a`), ADD KEY `l` (`b`)"
    )


@pytest.mark.parametrize(
    "sql",
    [
        created("UNIQUE KEY `k` (`a`)"),
        created("FULLTEXT KEY `k` (`b`)"),
        created("SPATIAL KEY `k` (`b`)"),
        created("KEY `k` ((lower(`b`)))"),
        created("KEY `k` (`a`) COMMENT 'hm'"),
        created("KEY `k` (`a`) INVISIBLE"),
        created("KEY `ö` (`a`)"),
        created("KEY `k` (`a`)", name="`ö`"),
        created("KEY `k` (`a`)", engine="MyISAM"),
        created("KEY `k` (`a`), CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `u` (`id`)"),
        created("KEY `k` (`n`)", body="`id` int NOT NULL, `n` int AUTO_INCREMENT, PRIMARY KEY (`id`), "),
        created("KEY `k` (`n`)", body="`n` int NOT NULL AUTO_INCREMENT, "),
        created("CHECK (`a` > 1)"),
        b"CREATE TABLE `t` (`a` int, KEY `k` (`a`))",
    ],
    ids=lambda sql: sql.decode()[15:].replace(BODY, ""),
)
def test_what_something_may_need_meanwhile_stays(sql: bytes) -> None:
    assert rebuildable(sql) is None


@dataclass
class Connection:
    """Tells the story of all connections in one list, and its own."""

    story: list[str]
    own: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _result: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(warning_count=0))

    def query(self, sql: Any) -> None:
        with self.lock:
            self.story.append((sql if isinstance(sql, str) else bytes(sql[:60]).decode())[:60])
            self.own.append(self.story[-1])

    def cursor(self, _: object) -> Any:
        return nullcontext(SimpleNamespace(execute=self.query))

    def autocommit(self, _: bool) -> None:
        pass

    def commit(self) -> None:
        pass

    def close(self) -> None:
        pass


def played(*statements: str) -> tuple[list[str], list[Connection]]:
    """What all connections executed, and the connections: the loader's own first, then the two that load rows."""
    told: list[str] = []
    opened: list[Connection] = []

    def connect(_: str | None) -> Connection:
        opened.append(Connection(told))
        return opened[-1]

    def chunks() -> Iterator[bytes]:
        yield b"-- MySQL dump 10.13  Distrib 8.4.0, for Linux (x86_64)\n-- Host: h    Database: d\n"
        yield from (statement.encode() + b";\n" for statement in statements)

    signature, server = Signature(), Server(Flavour.MYSQL, 80400, 1 << 30, frozenset())
    with patch("dump_loader.database.loading.reading", return_value=Reading()):
        load(
            chunks(), signature, connect, server,  # type: ignore[arg-type]
            database="d", connections=2, loaded=Loaded(),
        )  # fmt: skip
    return told, opened


def story(*statements: str) -> list[str]:
    return [line for line in played(*statements)[0] if not line.startswith("SET")]


def table(name: str, extra: str = "") -> str:
    return f"CREATE TABLE `{name}` (`id` int NOT NULL, `a` int, PRIMARY KEY (`id`), KEY `k` (`a`){extra}) ENGINE=InnoDB"


def rows(name: str, megabytes: int) -> list[str]:
    return [f"INSERT INTO `{name}` VALUES (1,'{'x' * 1_000_000}')"] * megabytes


def test_indexes_of_large_tables_are_built_after_all_rows() -> None:
    told = story(table("t"), *rows("t", 6), "DROP TABLE IF EXISTS `u`", table("u"), *rows("u", 6), table("v"), *rows("v", 2))
    kinds = [" ".join(line.split()[:4]) for line in told if "INSERT" not in line]
    assert kinds[:6] == [
        "CREATE TABLE `t` (`id`",
        "ALTER TABLE `t` DROP",
        "DROP TABLE IF EXISTS",
        "CREATE TABLE `u` (`id`",
        "ALTER TABLE `u` DROP",
        "CREATE TABLE `v` (`id`",
    ]
    assert sorted(kinds[6:]) == ["ALTER TABLE `t` ADD", "ALTER TABLE `u` ADD"]
    inserts = [i for i, line in enumerate(told) if "INSERT" in line]
    assert len(inserts) == 14
    assert all("ADD" in line for line in told[inserts[-1] + 1 :])


@pytest.mark.parametrize(
    "dependent",
    [
        table("child", ", CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `t` (`a`)"),
        "CREATE VIEW `v` AS SELECT * FROM `t`",
        "CREATE TRIGGER `tr` BEFORE INSERT ON `t` FOR EACH ROW SET @x = 1",
        "DROP TABLE `t`",
        "ALTER TABLE `t` RENAME KEY `k` TO `l`",
    ],
)
def test_whatever_may_need_an_index_finds_it(dependent: str) -> None:
    told = story(table("t"), *rows("t", 6), dependent)
    assert told[-2].startswith("ALTER TABLE `t` ADD KEY `k`")
    assert told[-1][:30] == dependent[:30]


def test_a_definition_that_was_altered_is_left_alone() -> None:
    told = story(table("t"), "ALTER TABLE `t` RENAME KEY `k` TO `l`", *rows("t", 6))
    assert not any("DROP KEY" in line for line in told)


@pytest.mark.parametrize(
    ("setting", "built_first"),
    [
        ("SET sql_mode = 'STRICT_ALL_TABLES'", True),
        ("SET @saved = @@sql_mode, innodb_strict_mode = ON", True),
        ("SET @saved_cs_client     = @@character_set_client", False),
        ("/*!50503 SET character_set_client = utf8mb4 */", False),
    ],
)
def test_indexes_are_built_in_the_session_of_their_table(setting: str, built_first: bool) -> None:
    told, _ = played(table("t"), *rows("t", 6), setting, table("u"))
    order = [
        word for line in told for word in ("ADD KEY", "SET @saved", "SET sql_mode", "SET character_set") if word in line
    ]
    assert (order[0] == "ADD KEY") is built_first
    told, _ = played(table("t"), setting, *rows("t", 6))
    assert any("DROP KEY" in line for line in told) is not built_first


def test_enabling_keys_needs_neither_rows_nor_indexes_where_it_does_nothing() -> None:
    keys = "ALTER TABLE `t` DISABLE KEYS", "ALTER TABLE `t` ENABLE KEYS"
    told = story(table("t"), keys[0], *rows("t", 6), keys[1], table("u"))
    assert not any("ABLE KEYS" in line for line in told)
    assert told.index(next(line for line in told if "`u`" in line)) < told.index(
        next(line for line in told if "ADD" in line)
    )


def test_a_table_of_another_engine_is_loaded_as_one_of_innodb() -> None:
    other = table("t").replace("InnoDB", "MyISAM")
    assert story(other, "ALTER TABLE `t` DISABLE KEYS", *rows("t", 6)) == story(table("t"), *rows("t", 6))


def test_what_sets_the_session_comes_before_the_rows_that_follow_it_on_each_connection() -> None:
    many = [statement for n in range(40) for statement in (f"SET @n = {n}", f"INSERT INTO `t` VALUES ({n})")]
    _, (own, *loading) = played(table("t"), *many)
    assert own.own[-1] == "SET @n = 39"
    inserted = []
    for connection in loading:
        present = ""
        for line in connection.own:
            if line.startswith("SET @n"):
                assert int(line.split()[-1]) == (int(present) + 1 if present else 0), "each of them, in order"
                present = line.split()[-1]
            elif line.startswith("INSERT"):
                assert line.endswith(f"({present})")
                inserted.append(present)
    assert sorted(map(int, inserted)) == list(range(40))
