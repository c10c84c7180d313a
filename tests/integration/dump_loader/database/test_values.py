"""Values that a table can't hold: the server cuts them with a warning, and people hear of it, or refuse such a dump."""

from __future__ import annotations

from liberator.messages import LoadedWithRemarks
from tests.integration.dump_loader.task import Loader, zipped
from tests.integration.dump_loader.two import BY_CLIENT, BY_LOADER, Two

# mysqldump's header, which turns strict mode and notes off
LOSSY = """-- MySQL dump 10.13  Distrib 8.4.0, for Linux (x86_64)
/*!40101 SET NAMES utf8mb4 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;
CREATE TABLE `whole` (`id` int(11) NOT NULL, `d` decimal(4,2), `b` blob, PRIMARY KEY (`id`)) ENGINE=InnoDB;
INSERT INTO `whole` VALUES (1,1.239,_binary '\x7f'),(2,2,0xFFFE);
CREATE TABLE `Permit` (`id` int NOT NULL, `zone` tinyint, `until` timestamp NULL, `note` varchar(3)) ENGINE=InnoDB;
INSERT INTO `Permit` VALUES (1,300,'2021-06-04 10:00:00','abc');
INSERT INTO `Permit` VALUES (2,1,'2040-06-04 10:00:00','abc'),(3,400,NULL,'abcd');
-- Dump completed on 2021-06-04
"""
TOLD = [
    "table Permit, statement 7, line 8, 3 times: Out of range value for column 'zone' at row 1 (warning 1264)",
    "table Permit, statement 8, line 9: Data truncated for column 'note' at row 2 (warning 1265)",
]


def test_what_was_cut_lands_and_people_hear_of_it_once(loader: Loader) -> None:
    outcome = loader.load(zipped(LOSSY))
    assert outcome.exit_code == 0
    assert [line["message"] for line in outcome.log if line["level"] == "WARNING"] == TOLD
    (alert,) = outcome.alerts
    assert isinstance(alert, LoadedWithRemarks)
    assert [text for text in TOLD if text not in alert.reason] == []
    (counts,) = loader.row_counts()
    assert [str(remark) for remark in counts.remarks] == TOLD
    assert len(outcome.snapshots) == 1


def test_such_a_dump_can_be_refused(loader: Loader) -> None:
    error = loader.load(zipped(LOSSY), LOSSY_LOADS="reject").error
    assert [text for text in TOLD if text not in error] == [], error
    assert "LossyLoads" in error


def test_the_server_warns_by_hand_as_it_does_by_mysqldump(two: Two) -> None:
    by_hand = LOSSY.replace("-- MySQL dump", "-- A dump").replace("-- Dump completed", "-- End")
    assert two.by_loader(by_hand.encode()) == ""
    assert [str(remark) for remark in two.remarks] == TOLD


def test_rows_one_by_one_are_refused_where_the_client_refuses_them(two: Two) -> None:
    rows = "".join(f"INSERT INTO `whole` VALUES ({'NULL' if n == 30 else n},1.00,NULL);\n" for n in range(10, 50))
    dump = LOSSY.replace("-- Dump completed", f"{rows}-- Dump completed").encode()
    assert "ERROR 1048" in two.by_client(dump)
    assert "Statement 29, line 30, failed: error 1048" in two.by_loader(dump)


def test_literals_that_are_no_text_are_whole_in_a_blob(two: Two) -> None:
    """As mysqldump wrote them before it wrote `_binary`. MySQL warns of each, though nothing is lost."""
    dump = LOSSY.split("CREATE TABLE `Permit`")[0].encode().replace(b"0xFFFE", b"'\xff\xfe'") + b"-- Dump completed on 1\n"
    assert (two.by_client(dump), two.by_loader(dump)) == ("", "")
    assert two.values(BY_CLIENT) == two.values(BY_LOADER)
    assert two.remarks == ()


def test_the_servers_words_are_read_whatever_the_dumps_character_set_is(two: Two) -> None:
    dump = LOSSY.replace("utf8mb4", "latin1").replace("`note`", "`größe`").encode("latin-1")
    assert two.by_loader(dump) == ""
    assert "for column 'gr\N{REPLACEMENT CHARACTER}" in two.remarks[1].text
