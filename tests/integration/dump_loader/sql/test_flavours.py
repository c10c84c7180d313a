"""Hold the statements of server.py about the two flavours against a server of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pymysql
import pytest

from dump_loader.database.connection import describe, quoted, rows
from dump_loader.database.tables import recreate
from dump_loader.sql.policy import Policy
from dump_loader.sql.server import Flavour, Server
from dump_loader.sql.splitter import Splitter
from local.emulator.database_server import DatabaseServer

MODES = (
    "REAL_AS_FLOAT,PIPES_AS_CONCAT,IGNORE_SPACE,ONLY_FULL_GROUP_BY,NO_UNSIGNED_SUBTRACTION,NO_DIR_IN_CREATE,POSTGRESQL,ORACLE,"
    "MSSQL,DB2,MAXDB,NO_KEY_OPTIONS,NO_TABLE_OPTIONS,NO_FIELD_OPTIONS,MYSQL323,MYSQL40,NO_AUTO_VALUE_ON_ZERO,"
    "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ALLOW_INVALID_DATES,ERROR_FOR_DIVISION_BY_ZERO,"
    "TRADITIONAL,NO_AUTO_CREATE_USER,HIGH_NOT_PRECEDENCE,NO_ENGINE_SUBSTITUTION,PAD_CHAR_TO_FULL_LENGTH,EMPTY_STRING_IS_NULL,"
    "SIMULTANEOUS_ASSIGNMENT,TIME_ROUND_FRACTIONAL,TIME_TRUNCATE_FRACTIONAL,IGNORE_BAD_TABLE_OPTIONS"
)


def described(server: DatabaseServer) -> Server:
    with server.connect() as connection:
        return describe(connection)


def test_every_collation_of_one_flavour_has_a_relative_in_the_other(servers: Callable[[Flavour], DatabaseServer]) -> None:
    both = {flavour: described(servers(flavour)) for flavour in Flavour}
    assert len(both[Flavour.MARIADB].collations) > 1000  # with the character set of each: SHOW COLLATION has them without
    for server, other in (list(both.values()), list(both.values())[::-1]):
        charsets = {name.partition("_")[0] for name in server.collations}
        found = {name: server.collation(name) for name in other.collations if name.partition("_")[0] in charsets}
        assert {name for name in found.values() if name not in server.collations} <= {"utf8mb3_tolower_ci"}
        assert [name for name in found if found[name].partition("_")[0] != name.partition("_")[0]] == []
        assert {name for name in found if name in server.collations and found[name] != name} == set()
        padded = [(n, found[n]) for n in found if no_pad(n) and not no_pad(found[n]) and n.startswith("utf8mb4_")]
        assert padded == []


def no_pad(collation: str) -> bool:
    return "_0900_" in collation or "nopad" in collation


def test_the_server_takes_the_modes_that_are_left(server: DatabaseServer) -> None:
    known = described(server)
    with server.connect() as connection:
        for mode in MODES.split(","):
            kept = known.sql_mode(mode)
            if kept:
                rows(connection, "SET sql_mode = %s", kept)
            else:
                with pytest.raises(pymysql.err.MySQLError):
                    rows(connection, "SET sql_mode = %s", mode)


@pytest.mark.parametrize("marker", ["", "M"])
def test_the_server_executes_the_comments_that_are_laid_open(server: DatabaseServer, marker: str) -> None:
    known = described(server)
    near = [known.version - 1, known.version, known.version + 1]
    versions = ["", "40000", "50699", "50700", "80016", "99999", "100100", "999999", *map(str, near)]
    with server.connect() as connection:
        told = {v: rows(connection, f"SELECT 1 /*{marker}!{v} + 1 */")[0][0] == 2 for v in versions}
    assert told == {v: known.executes(marker, v) for v in versions}
    assert replace(known, version=0).executes("", "")


OPTIONS = [
    "ENGINE=MyISAM ROW_FORMAT=FIXED CHECKSUM=1 PACK_KEYS=1", "ENGINE=Aria PAGE_CHECKSUM=1 TRANSACTIONAL=0", "ENGINE=CSV",
    "ENGINE=MEMORY MAX_ROWS=9", "ENGINE=ARCHIVE", "ENGINE=ROCKSDB", "ENGINE=TokuDB ROW_FORMAT=TOKUDB_ZLIB",
    "ENGINE NDBCLUSTER",
    "ENGINE=InnoDB ENCRYPTION='Y'", "ENGINE=InnoDB DATA DIRECTORY='/nowhere/' INDEX DIRECTORY='/nowhere/'",
    "/*!50100 TABLESPACE `nowhere` */ ENGINE=InnoDB /*!80016 ENCRYPTION='N' */",
    "ENGINE=InnoDB KEY_BLOCK_SIZE=8 ROW_FORMAT=PAGE",
    "ENGINE=MyISAM PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (9) DATA DIRECTORY = '/nowhere/' ENGINE = MyISAM)",
]  # fmt: skip


def test_a_table_is_made_however_the_source_kept_its_rows(server: DatabaseServer) -> None:
    database = "kept_otherwise"
    script = "SET default_storage_engine = MyISAM;\nCREATE TABLE bare (a INT);\n" + "".join(
        f"CREATE TABLE t{i} (a INT NOT NULL, b VARCHAR(9), KEY k (a) USING HASH) {options};\n"
        f"INSERT DELAYED INTO t{i} (a) VALUES (NOW() > 0);\nALTER TABLE t{i} ENGINE=MEMORY, ADD c INT;\n"
        for i, options in enumerate(OPTIONS)
    )
    with server.connect(autocommit=True) as connection:
        recreate(connection, database)
        connection.select_db(database)
        try:
            policy = Policy(described(server), database=database)
            for statement in Splitter(iter([script.encode()]), max_bytes=10**6):
                if verdict := bytes(policy.judge(statement).sql).decode():
                    rows(connection, verdict)
            engines = rows(connection, f"SHOW TABLE STATUS IN {quoted(database)}")
            assert [row[1] for row in engines] == ["InnoDB"] * (len(OPTIONS) + 1)
        finally:
            rows(connection, f"DROP DATABASE {quoted(database)}")
