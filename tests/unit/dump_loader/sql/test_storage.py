"""How a table's rows are kept: by InnoDB, where the instance keeps all its rows."""

from __future__ import annotations

import pytest

from liberator.errors import DumpRejected
from tests.unit.dump_loader.sql.judging import MARIADB, judged, sql

COLUMNS = "(a INT, engine TEXT, `data` TEXT, tablespace INT, KEY k (a) KEY_BLOCK_SIZE=8, CHECK (engine = 'MyISAM'))"
PARTITIONS = "PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (1) {0}, PARTITION engine VALUES LESS THAN (2) {0})"


@pytest.mark.parametrize("engine", ["MyISAM", "aria", "MEMORY", "`MEMORY`", "'CSV'", "ARCHIVE", "RocksDB", "HEAP"])
@pytest.mark.parametrize("equals", ["=", " = ", " "])
def test_every_table_becomes_one_of_innodb_and_that_is_said(engine: str, equals: str) -> None:
    (verdict,) = judged(f"CREATE TABLE `t` {COLUMNS} ENGINE{equals}{engine} AUTO_INCREMENT=7")
    assert bytes(verdict.sql).decode() == f"CREATE TABLE `t` {COLUMNS} ENGINE=InnoDB AUTO_INCREMENT=7"
    assert verdict.remark == f"It is loaded into InnoDB instead of {engine.strip("`'")}"


@pytest.mark.parametrize("engine", ["InnoDB", "INNODB", "'InnoDB'"])
def test_one_of_innodb_stays_and_nothing_is_said(engine: str) -> None:
    statement = f"CREATE TABLE t {COLUMNS} ENGINE={engine} DEFAULT CHARSET=utf8mb4 COMMENT='ENGINE=MyISAM'"
    (verdict,) = judged(statement)
    assert (bytes(verdict.sql).decode(), verdict.remark) == (statement, "")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("ENGINE=InnoDB DATA DIRECTORY='/x/' INDEX DIRECTORY = '/y/' COMMENT='a'", "ENGINE=InnoDB COMMENT='a'"),
        ("/*!50100 TABLESPACE `x` */ ENGINE=InnoDB /*!80016 ENCRYPTION='Y' */", "ENGINE=InnoDB"),
        ("ENGINE=MyISAM CHECKSUM=1 ROW_FORMAT=FIXED", "ENGINE=InnoDB CHECKSUM=1"),
        ("ENGINE=InnoDB ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8 CHARSET=utf8mb4", "ENGINE=InnoDB CHARSET=utf8mb4"),
        ("ENGINE=Aria PAGE_CHECKSUM=1 TRANSACTIONAL=0 `ENCRYPTED`=YES `PAGE_COMPRESSED`='ON'", "ENGINE=InnoDB"),
        ("TABLESPACE = innodb_system", ""),
        (f"ENGINE=MyISAM {PARTITIONS.format('ENGINE = MyISAM')}", f"ENGINE=InnoDB {PARTITIONS.format('ENGINE=InnoDB')}"),
        (f"ENGINE=InnoDB {PARTITIONS.format("DATA DIRECTORY = '/x/'")}", f"ENGINE=InnoDB {PARTITIONS.format('')}"),
        ("ENGINE=MEMORY AS SELECT engine = memory, 1 FROM u", "ENGINE=InnoDB AS SELECT engine = memory, 1 FROM u"),
    ],
)
def test_what_only_the_source_has_is_taken_out(options: str, expected: str) -> None:
    assert sql(f"CREATE TABLE t {COLUMNS} {options}", MARIADB).strip() == f"CREATE TABLE t {COLUMNS} {expected}".strip()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("ALTER TABLE t ENGINE=MyISAM, ADD b INT", "ALTER TABLE t ENGINE=InnoDB, ADD b INT"),
        ("ALTER TABLE t ADD b INT, DATA DIRECTORY='/x/'", "ALTER TABLE t ADD b INT, ENGINE=InnoDB"),
        ("ALTER TABLE t ENCRYPTION='Y'", "ALTER TABLE t ENGINE=InnoDB"),
        ("ALTER TABLE t ADD engine INT AFTER tablespace, DROP row_format", None),
        ("ALTER TABLE t ADD (engine INT, row_format INT)", None),
        ("ALTER TABLE t ADD PARTITION (PARTITION p VALUES IN (1) ENGINE=Aria)",
         "ALTER TABLE t ADD PARTITION (PARTITION p VALUES IN (1) ENGINE=InnoDB)"),
    ],
)  # fmt: skip
def test_altering_a_table_does_not_bring_it_back(statement: str, expected: str | None) -> None:
    assert sql(statement) == (statement if expected is None else expected)


@pytest.mark.parametrize("engine", ["FEDERATED", "MRG_MyISAM", "MERGE", "BLACKHOLE", "CONNECT", "SPIDER", "anything"])
@pytest.mark.parametrize("statement", ["CREATE TABLE t (a INT) ENGINE={}", "ALTER TABLE t ENGINE = '{}'"])
def test_a_table_whose_rows_are_elsewhere_is_refused(statement: str, engine: str) -> None:
    with pytest.raises(DumpRejected, match=f"a table of the engine {engine} has no rows of its own; dump without it"):
        judged(statement.format(engine))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("(g INT, n INT AUTO_INCREMENT, PRIMARY KEY (g,n))", "(g INT, n INT , PRIMARY KEY (g,n))"),
        ("(g INT, n INT AUTO_INCREMENT COMMENT 'x', KEY `k` (`g`,`n`))", "(g INT, n INT COMMENT 'x', KEY `k` (`g`,`n`))"),
        ("(g INT, n INT AUTO_INCREMENT, PRIMARY KEY (g,n), KEY k (`N`))", None),
        ("(g INT, n INT AUTO_INCREMENT, CONSTRAINT c UNIQUE KEY k (n))", None),
        ("(n INT AUTO_INCREMENT PRIMARY KEY, g INT)", None),
        ("(n INT UNIQUE AUTO_INCREMENT, g INT)", None),
    ],
)
def test_numbers_within_a_group_come_from_the_dump(body: str, expected: str | None) -> None:
    assert sql(f"CREATE TABLE t {body} ENGINE=MyISAM") == f"CREATE TABLE t {expected or body} ENGINE=InnoDB"
    assert sql(f"CREATE TABLE t {body} ENGINE=InnoDB") == f"CREATE TABLE t {body} ENGINE=InnoDB"
