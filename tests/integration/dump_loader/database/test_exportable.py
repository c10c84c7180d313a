"""Names that RDS can't export: what a load makes of them on a real server, and what it says of them."""

from __future__ import annotations

import re

import pytest

from dump_loader.sql.server import Flavour
from liberator.row_counts import RowCounts
from tests.integration.dump_loader.task import Loader, Outcome, zipped

EXPORTABLE = re.compile(r"[A-Za-z0-9$_]+")
ODD = r"""
    CREATE TABLE `plain` (`id` INT PRIMARY KEY, `Name` TEXT);
    INSERT INTO `plain` VALUES (1, 'x');
    CREATE TABLE `empty one` (`id` INT PRIMARY KEY);
    CREATE TABLE `a b` (`id` INT PRIMARY KEY, `odd.col name` VARCHAR(9), `é` INT, `x=1;
y` INT, KEY (`odd.col name`));
    INSERT INTO `a b` VALUES (1, 'one', 10, 100), (2, 'two', 20, 200);
    CREATE TABLE `a_b` (`id` INT);
    INSERT INTO `a_b` VALUES (7);
    CREATE TABLE `slash/ed` (`of a b` INT, FOREIGN KEY (`of a b`) REFERENCES `a b` (`id`));
    INSERT INTO `slash/ed` VALUES (2);
    CREATE TABLE `Notes` (`c d` INT, `c_d` INT);
    INSERT INTO `Notes` VALUES (3, 4);
    CREATE TABLE `notes` (`id` INT);
    CREATE VIEW `v` AS SELECT `odd.col name` AS `x` FROM `a b`;
    CREATE TRIGGER `a trigger` BEFORE INSERT ON `a b` FOR EACH ROW SET NEW.`odd.col name` = 'by trigger';
"""
ROWS = {"plain": 1, "empty one": 0, "a b": 2, "a_b": 1, "slash/ed": 1, "Notes": 1, "notes": 0}


def original_names(counts: RowCounts) -> dict[str, str]:
    """The dump's name of each table → the export's."""
    return {counts.originals[t].table or t if t in counts.originals else t: t for t in counts.tables}


def loaded(loader: Loader, sql: str) -> tuple[Outcome, RowCounts]:
    outcome = loader.load(zipped(sql))
    assert outcome.exit_code == 0, outcome.log
    (counts,) = loader.row_counts()
    return outcome, counts


def column_names(loader: Loader) -> list[str]:
    return [
        name
        for (name,) in loader.query("SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE()")
    ]


def test_what_rds_cannot_export_is_renamed_and_the_row_counts_have_the_dumps_names(loader: Loader) -> None:
    outcome, counts = loaded(loader, ODD)
    names = original_names(counts)
    assert {original: counts.tables[name] for original, name in names.items()} == ROWS
    assert {name for (name,) in loader.query("SHOW TABLES")} == set(counts.tables)  # and no view
    assert counts.views == ()
    assert all(map(EXPORTABLE.fullmatch, [*counts.tables, *column_names(loader)]))
    assert len({name.lower() for name in names.values()}) == len(ROWS)
    assert [names[name] for name in ("plain", "a_b")] == ["plain", "a_b"]
    columns = {original: name for name, original in counts.originals[names["a b"]].columns.items()}
    assert set(columns) == {"odd.col name", "é", "x=1;\ny"}
    found = loader.query(
        f"SELECT `{columns['odd.col name']}`, `{columns['é']}`, `{columns['x=1;\ny']}` FROM `{names['a b']}`"
    )
    assert sorted(found) == [("one", 10, 100), ("two", 20, 200)]
    assert loader.query(f"SELECT * FROM `{names['Notes']}`") == [(3, 4)]
    [line] = [line for line in outcome.log if line["message"].startswith("Renamed") and line["table"] == "a b"]
    assert (line["new_name"], line["columns"]["odd.col name"]) == (names["a b"], columns["odd.col name"])


def test_what_can_be_exported_is_left_as_it_is(loader: Loader) -> None:
    sql = """
        CREATE TABLE `Notes` (`Id` INT); INSERT INTO `Notes` VALUES (1);
        CREATE VIEW `v` AS SELECT `Id` FROM `Notes`; CREATE VIEW `an odd view` AS SELECT `Id` FROM `Notes`;
    """
    outcome, counts = loaded(loader, sql)
    assert (counts.originals, counts.views, column_names(loader)) == ({}, ("v",), ["Id", "Id"])
    assert not any("Renamed" in line["message"] for line in outcome.log)


# MySQL refuses to rename a column that anything else refers to, and MariaDB has no functional indexes.
DEPENDENT = """
    CREATE TABLE `a check` (`id` INT PRIMARY KEY, `a b` INT, CHECK (`a b` < 9));
    CREATE TABLE `generated` (`id` INT PRIMARY KEY, `a b` INT, `g h` INT AS (`a b` + 1) STORED, `i` INT AS (`a b` + 2));
    CREATE TABLE `a default` (`id` INT PRIMARY KEY, `a b` INT, `c` INT DEFAULT (`a b` + 1), `d` DATETIME DEFAULT NOW());
    CREATE TABLE `partitions` (`id` INT, `a b` INT) PARTITION BY HASH (`a b`) PARTITIONS 3;
    CREATE TABLE `parent` (`id` INT, `a b` INT PRIMARY KEY, CHECK (`a b` < 9));
    CREATE TABLE `child` (`id` INT, `a b` INT, FOREIGN KEY (`a b`) REFERENCES `parent` (`a b`));
"""
FUNCTIONAL = "CREATE TABLE `an index` (`id` INT PRIMARY KEY, `a b` INT, KEY ((`a b` + 1)));"


def test_a_column_that_something_refers_to_is_renamed_with_its_rows(loader: Loader) -> None:
    sql = DEPENDENT + FUNCTIONAL * (loader.server.flavour is Flavour.MYSQL)
    tables = re.findall("CREATE TABLE `(.*?)`", sql)
    sql += "".join(f"INSERT INTO `{table}` (`id`, `a b`) VALUES (1, 2), (2, 3);" for table in tables)
    _, counts = loaded(loader, sql)
    names = original_names(counts)
    assert {original: counts.tables[name] for original, name in names.items()} == dict.fromkeys(tables, 2)
    for name in names.values():
        columns = {original: new for new, original in counts.originals[name].columns.items()}
        assert sorted(loader.query(f"SELECT id, {columns['a b']} FROM `{name}`")) == [(1, 2), (2, 3)]
        if name == "generated":
            assert sorted(loader.query(f"SELECT {columns['g h']}, i FROM `{name}`")) == [(3, 4), (4, 5)]


COLUMNS = """
    `u` BIGINT UNSIGNED, `n` DECIMAL(20, 5), `f` DOUBLE, `y` YEAR, `bits` BIT(9), `d` DATE NOT NULL DEFAULT '0000-00-00',
    `dt` DATETIME(6), `ts` TIMESTAMP(3) NULL, `ti` TIME, `c` CHAR(9), `v` VARCHAR(9) CHARACTER SET latin1, `text` LONGTEXT,
    `e` ENUM('', 'é'), `s` SET('x', 'y'), `p` POINT, `blob` LONGBLOB, `j` JSON
"""
VALUES = r"""
    (1, 18446744073709551615, 123456789012345.12345, 0.1, 2021, b'101010101', '0000-00-00', '2021-10-31 01:30:00.123456',
     '2021-10-31 01:30:00.123', '-838:59:59', 'é', 'é', REPEAT('x', 70000), 'é', 'x,y', POINT(1, 2), x'00FF', '{"k": [1]}'),
    (2, 0, NULL, NULL, 0, NULL, '2021-02-00', NULL, NULL, NULL, '', '', '', 0, '', NULL, '', NULL)
"""


def test_a_copy_has_every_type_and_every_value_as_it_was(loader: Loader) -> None:
    """Where MySQL copies; what is exported depends on both. The server's own mode takes no such dates."""
    sql = f"""
        SET sql_mode = '';
        CREATE TABLE `same` (`a b` INT, {COLUMNS}); INSERT INTO `same` VALUES {VALUES};
        CREATE TABLE `copy` (`a b` INT, {COLUMNS}, CHECK (`a b` < 9)); INSERT INTO `copy` VALUES {VALUES};
    """
    with loader.server.connect_as_root() as root, root.cursor() as cursor:
        cursor.execute("SELECT @@GLOBAL.sql_mode")
        [(before,)] = cursor.fetchall()
        cursor.execute("SET GLOBAL sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'")
        try:
            outcome, _ = loaded(loader, sql)
        finally:
            cursor.execute("SET GLOBAL sql_mode = %s", (before,))
    copied = {line["table"] for line in outcome.log if line["message"].startswith("Renamed") and "copy" in line["how"]}
    assert copied == ({"copy"} if loader.server.flavour is Flavour.MYSQL else set())
    same, copy = (loader.query(f"SELECT * FROM `{table}`") for table in ("same", "copy"))
    assert sorted(map(str, copy)) == sorted(map(str, same))
    assert len(copy) == 2
    same, copy = (
        loader.query(
            "SELECT column_name, column_type, character_set_name FROM information_schema.columns "
            f"WHERE table_schema = DATABASE() AND table_name = '{table}' ORDER BY ordinal_position"
        )
        for table in ("same", "copy")
    )
    assert copy == same


def test_a_table_that_cannot_be_renamed_is_refused_by_name(loader: Loader) -> None:
    if loader.server.flavour is Flavour.MARIADB:
        pytest.skip("MariaDB renames every column")
    with loader.server.connect_as_root() as root, root.cursor() as cursor:
        cursor.execute("SET GLOBAL sql_require_primary_key = 1")
        try:
            error = loader.load(zipped("CREATE TABLE `t` (`id` INT PRIMARY KEY, `a b` INT, CHECK (`a b` < 9));")).error
        finally:
            cursor.execute("SET GLOBAL sql_require_primary_key = 0")
    assert "RDS can't export table 't' with its columns ['a b']" in error
    assert "Rename it in the dump" in error
