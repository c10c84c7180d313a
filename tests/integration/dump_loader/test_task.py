"""The way of a good dump: what is loaded, counted, snapshot, logged; and what happens when something comes in between."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from moto.s3.models import s3_backends

from dump_loader.database.connection import connector
from dump_loader.settings import DatabaseSettings
from liberator import snapshots
from liberator.messages import LoadedWithRemarks
from liberator.row_counts import RemarkKind
from tests.integration.dump_loader.task import ACCOUNT, BUCKET, CHINOOK, DATABASE, INSTANCE, KEY, Loader, until, zipped

URI = f"s3://{BUCKET}/{KEY}"
ROWS = {
    "Album": 347, "Artist": 275, "Customer": 59, "Employee": 8, "Genre": 25, "Invoice": 412, "InvoiceLine": 2240,
    "MediaType": 5, "Playlist": 18, "PlaylistTrack": 8715, "Track": 3503,
}  # fmt: skip


def test_a_script_made_by_hand_is_loaded_counted_and_snapshot(loader: Loader) -> None:
    outcome = loader.load(CHINOOK.read_bytes())
    assert outcome.exit_code == 0, outcome.log
    assert outcome.stderr == ""
    (told,) = outcome.alerts
    assert isinstance(told, LoadedWithRemarks)
    assert "Nothing at the end of this dump says that it is whole" in told.reason
    assert outcome.log[-1]["message"] == "Done"
    assert all(line["correlation_id"] == URI and line["import_date"] == "2021-06-04" for line in outcome.log)
    (taken,) = outcome.snapshots
    (counts,) = loader.row_counts()
    assert counts.tables == ROWS
    assert [remark.kind for remark in counts.remarks] == [RemarkKind.NO_SIGN_OF_END]
    assert counts.snapshot == taken["DBSnapshotIdentifier"]
    assert (counts.database, counts.dump) == (DATABASE, URI)
    snapshot = snapshots.find(loader.rds, taken["DBSnapshotIdentifier"], INSTANCE)
    assert snapshot is not None
    assert (snapshot.run.import_date.isoformat(), snapshot.run.backdated, snapshot.run.origin) == ("2021-06-04", False, URI)
    counts_uri = f"{URI.removesuffix('.zip')}.{snapshot.identifier}.row-counts.json"
    assert {"Key": "row-counts-uri", "Value": counts_uri} in taken["TagList"]
    assert snapshot.correlation_id == URI
    (command,) = loader.announced()
    assert (command.snapshot_identifier, command.run) == (snapshot.identifier, snapshot.run)
    assert loader.query("SELECT Title FROM Album WHERE AlbumId = 1") == [("For Those About To Rock We Salute You",)]


def test_of_a_dump_that_says_it_is_whole_nobody_is_told(loader: Loader) -> None:
    signed = "CREATE TABLE permits (id INT);\nINSERT INTO permits VALUES (1);\n-- Dump completed\n"
    outcome = loader.load(zipped(signed))
    assert outcome.exit_code == 0, outcome.log
    assert outcome.alerts == []
    assert loader.row_counts()[0].remarks == ()


def test_the_version_of_the_event_is_the_one_that_is_loaded(loader: Loader) -> None:
    loader.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    version = loader.upload(CHINOOK.read_bytes())
    loader.upload(b"uploaded later, and no zip")
    outcome = loader.run(DUMP_VERSION_ID=version or "")
    assert outcome.exit_code == 0, outcome.log
    assert outcome.log[-1]["correlation_id"] == f"{URI}@{version}"
    assert {"Key": "correlation-id", "Value": f"{URI}@{version}"} in outcome.snapshots[0]["TagList"]


def test_the_row_counts_say_when_the_version_that_was_loaded_was_uploaded(loader: Loader) -> None:
    """Loads wait for each other, and go on in no particular order: by this the copier knows the latest upload."""
    loader.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    earlier = loader.upload(zipped("CREATE TABLE t (x INT); INSERT INTO t VALUES (1);")) or ""
    uploaded_at = loader.s3.head_object(Bucket=BUCKET, Key=KEY)["LastModified"]
    for key in s3_backends["123456789012"]["aws"].buckets[BUCKET].keys.getlist(KEY):
        key.last_modified -= timedelta(hours=1)
    loader.upload(zipped("CREATE TABLE t (x INT); INSERT INTO t VALUES (2);"))
    assert loader.run(DUMP_VERSION_ID=earlier).exit_code == 0
    (counts,) = loader.row_counts()
    assert (counts.tables, counts.uploaded_at) == ({"t": 1}, uploaded_at - timedelta(hours=1))


@pytest.mark.parametrize(
    ("arrived", "backdated"), [("2021-06-05T23:59:59Z", False), ("2021-06-06T00:00:00Z", True), ("", True)], ids=str
)
def test_an_old_dump_that_arrives_by_itself_is_backdated(loader: Loader, arrived: str, backdated: bool) -> None:
    loader.upload(CHINOOK.read_bytes())
    (taken,) = loader.run(EVENT_TIME=arrived).snapshots
    assert ("-backdated-" in taken["DBSnapshotIdentifier"]) is backdated


@pytest.mark.parametrize("override", ["2021-06-04", "  2021-06-04 "])
@pytest.mark.parametrize("key", [KEY, "parking/liberator_dump_20210604.zip"])
def test_by_hand_a_day_is_loaded_as_backdated(loader: Loader, override: str, key: str) -> None:
    loader.upload(CHINOOK.read_bytes(), key)
    outcome = loader.run(by_event=None, IMPORT_DATE_OVERRIDE=override)
    assert outcome.exit_code == 0, outcome.log
    (taken,) = outcome.snapshots
    assert taken["DBSnapshotIdentifier"].startswith("sql-to-parquet-2021-06-04-backdated-")


def test_by_hand_a_dump_is_loaded_as_its_upload_would_have_been(loader: Loader) -> None:
    loader.upload(CHINOOK.read_bytes())
    (taken,) = loader.run(by_event=None, DUMP_KEY=KEY, EVENT_TIME="2021-06-04T03:00:00Z").snapshots
    assert "-backdated-" not in taken["DBSnapshotIdentifier"]


@pytest.mark.parametrize(("hours", "kept"), [("1", 2), ("0.0001", 1)])
def test_a_snapshot_that_nobody_has_exported_is_kept_as_long_as_its_messages_may_wait(
    loader: Loader, hours: str, kept: int
) -> None:
    loader.upload(CHINOOK.read_bytes())
    (first,) = loader.run(MAX_WAIT_HOURS=hours).snapshots
    until(lambda: datetime.now(UTC) > first["SnapshotCreateTime"] + timedelta(seconds=1))
    assert len(loader.run(MAX_WAIT_HOURS=hours).snapshots) == kept


def test_of_two_dumps_of_a_day_the_one_uploaded_last_is_loaded(loader: Loader) -> None:
    loader.upload(b"no zip", KEY)
    until(lambda: time.time() % 1 < 0.3)  # S3 keeps whole seconds
    first = int(time.time())
    until(lambda: int(time.time()) > first)
    loader.upload(CHINOOK.read_bytes(), "parking/liberator_dump_20210604.zip")
    assert loader.run(by_event=None, IMPORT_DATE_OVERRIDE="2021-06-04").exit_code == 0


def test_loading_a_dump_again_leaves_nothing_of_the_load_before(loader: Loader) -> None:
    loader.load(zipped("CREATE TABLE permits (id INT); INSERT INTO permits VALUES (1); CREATE TABLE gone (id INT);"))
    outcome = loader.load(zipped("CREATE TABLE permits (id INT); INSERT INTO permits VALUES (1);"))
    assert outcome.exit_code == 0, outcome.log
    assert loader.query("SHOW TABLES") == [("permits",)]
    assert {tuple(c.tables) for c in loader.row_counts()} == {("gone", "permits"), ("permits",)}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("name", ["liberator.sql", "folder/LIBERATOR.SQL", "liberator.sql.gz"])
def test_every_form_of_member(loader: Loader, name: str, method: int) -> None:
    outcome = loader.load(zipped("CREATE TABLE permits (id INT);\nINSERT INTO permits VALUES (1), (2);", name, method))
    assert outcome.exit_code == 0, outcome.log
    assert loader.query("SELECT COUNT(*) FROM permits") == [(2,)]


def test_a_second_load_waits_until_the_first_has_ended(loader: Loader) -> None:
    loader.upload(CHINOOK.read_bytes())
    with loader.server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, 0)", (f"liberator-load-{DATABASE}",))
        two = [loader.start(), loader.start()]
        until(lambda: _waiting(loader) == 2)
        assert not _exists(loader)
        cursor.execute("SELECT RELEASE_LOCK(%s)", (f"liberator-load-{DATABASE}",))
        outcomes = [loader.ended(process) for process in two]
    assert [o.exit_code for o in outcomes] == [0, 0]
    assert all(any(line["message"] == "Waiting for another load to end" for line in o.log) for o in outcomes)
    assert len(loader.snapshots()) == 2
    assert [c.tables for c in loader.row_counts()] == [ROWS, ROWS]


def test_a_load_gives_up_when_another_never_ends(loader: Loader) -> None:
    loader.upload(CHINOOK.read_bytes())
    with loader.server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, 0)", (f"liberator-load-{DATABASE}",))
        error = loader.run(LOCK_TIMEOUT_MINUTES="0.01").error
    assert "LOCK_TIMEOUT_MINUTES" in error


def _waiting(loader: Loader) -> int:
    with loader.server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT GET_LOCK%'")
        return int(cursor.fetchall()[0][0])


def _exists(loader: Loader) -> bool:
    with loader.server.connect() as connection, connection.cursor() as cursor:
        return bool(cursor.execute("SHOW DATABASES LIKE %s", (DATABASE,)))


def _slow_dump(by_mysqldump: bool) -> bytes:
    """Holds the loader up in the middle, for longer than any test waits."""
    header = "-- MySQL dump 10.13  Distrib 8.0.36\n" if by_mysqldump else ""
    rows = "".join(f"INSERT INTO `permits` VALUES ({i});\n" for i in range(2000))
    return zipped(f"{header}CREATE TABLE permits (id INT);\n{rows}INSERT INTO permits SELECT SLEEP(200);\n")


@pytest.mark.parametrize("by_mysqldump", [True, False])
def test_sigterm_ends_a_load_at_once_without_a_snapshot(loader: Loader, by_mysqldump: bool) -> None:
    loader.upload(_slow_dump(by_mysqldump))
    process = loader.start()
    until(lambda: _exists(loader) and _sleeping(loader))
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    outcome = loader.ended(process, timeout=25)  # ECS kills after 30 seconds
    assert time.monotonic() - began < 20
    assert outcome.exit_code == 143
    assert outcome.snapshots == []
    assert len(outcome.errors) == 1
    assert [a.error for a in outcome.alerts] == ["Stopped"]
    assert outcome.stderr == ""


def test_sigterm_while_rows_are_loaded_over_several_connections(loader: Loader) -> None:
    rows = ("INSERT INTO `permits` VALUES " + ",".join(f"({i},'{'x' * 80}')" for i in range(5000)) + ";\n") * 400
    table = "CREATE TABLE permits (id INT, note VARCHAR(80));\n"
    loader.upload(zipped("-- MySQL dump 10.13  Distrib 8.0.36\n" + table + rows + "-- Dump completed"))
    process = loader.start()
    until(lambda: _exists(loader) and loader.query("SHOW TABLES") and loader.query("SELECT 1 FROM permits LIMIT 1"))
    process.send_signal(signal.SIGTERM)
    outcome = loader.ended(process, timeout=25)
    assert outcome.exit_code == 143
    assert outcome.snapshots == []


def _sleeping(loader: Loader) -> bool:
    with loader.server.connect() as connection, connection.cursor() as cursor:
        return bool(cursor.execute("SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE '%SLEEP(200)'"))


def _lose_lock(loader: Loader) -> None:
    with loader.server.connect_as_root() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT IS_USED_LOCK(%s)", (f"liberator-load-{DATABASE}",))
        cursor.execute(f"KILL CONNECTION {cursor.fetchall()[0][0]}")


@pytest.mark.parametrize("by_mysqldump", [True, False])
def test_a_load_that_has_lost_its_lock_is_ended_by_the_next_one(loader: Loader, by_mysqldump: bool) -> None:
    """Else its rows would go on into the next one's tables, or its transactions keep the database from being dropped."""
    loader.upload(_slow_dump(by_mysqldump))
    first = loader.start()
    until(lambda: _exists(loader) and _sleeping(loader))
    _lose_lock(loader)
    second = loader.load(zipped("CREATE TABLE permits (id INT);\nINSERT INTO permits VALUES (1);\n"))
    assert second.exit_code == 0, second.log
    outcome = loader.ended(first, timeout=30)
    assert outcome.exit_code == 1
    assert "The connection to the database was lost" in outcome.errors[0]
    assert loader.query("SELECT * FROM permits") == [(1,)]
    assert len(outcome.snapshots) == 1


def test_a_load_that_loses_its_lock_takes_no_snapshot(loader: Loader) -> None:
    loader.upload(zipped("CREATE TABLE permits (id INT);\nINSERT INTO permits SELECT SLEEP(2);\n"))
    process = loader.start()
    until(lambda: _exists(loader))
    _lose_lock(loader)
    outcome = loader.ended(process)
    assert outcome.exit_code == 1
    assert "The connection that holds the lock" in outcome.errors[0]
    assert outcome.snapshots == []


def test_a_connection_that_is_idle_for_hours_is_kept_alive(loader: Loader) -> None:
    settings = DatabaseSettings(**{name: loader.environment[name.upper()] for name in DatabaseSettings.model_fields})
    with connector(settings, ACCOUNT)(None) as connection:
        kept = connection._sock  # type: ignore[attr-defined]  # noqa: SLF001
        assert kept.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert kept.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) < 350


def test_progress_says_how_much_how_fast(loader: Loader) -> None:
    loader.upload(zipped("CREATE TABLE permits (id INT);\nINSERT INTO permits SELECT SLEEP(1);\n"))
    progress = [line for line in loader.run().log if line["message"] == "Loading"]
    assert len(progress) >= 3
    assert {"percent", "megabytes", "megabytes_per_second", "statements"} <= progress[0].keys()
    assert progress[-1]["percent"] == 100.0


def test_a_snapshot_of_the_same_second_of_another_day_is_stepped_around(loader: Loader) -> None:
    now = time.time()
    for second in range(60):  # the loader will want one of these
        name = time.strftime("sql-to-parquet-2021-06-04-%H%M%S", time.gmtime(now + second))
        theirs = [{"Key": "load-id", "Value": "of another day"}]
        loader.rds.create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier=INSTANCE, Tags=theirs)
    outcome = loader.load(CHINOOK.read_bytes())
    assert outcome.exit_code == 0, outcome.log
    assert len(outcome.snapshots) == 61


def test_a_server_whose_certificate_nobody_known_signed_gets_no_password(loader: Loader) -> None:
    loader.upload(CHINOOK.read_bytes())
    outcome = loader.run(DB_CA_BUNDLE="")
    assert outcome.exit_code == 1
    assert outcome.snapshots == []
    assert "SSL" in outcome.errors[0] or "TLS" in outcome.errors[0]


def test_a_dump_in_many_ranges_is_read_through_the_zip_directory(loader: Loader) -> None:
    noise = subprocess.run(["head", "-c", "15000000", "/dev/urandom"], capture_output=True, check=True).stdout.hex()
    rows = "".join(f"INSERT INTO blobs VALUES ({i}, 0x{noise[i * 100_000 : (i + 1) * 100_000]});\n" for i in range(300))
    outcome = loader.load(zipped("CREATE TABLE blobs (id INT, b LONGBLOB);\n" + rows, method=zipfile.ZIP_STORED))
    assert outcome.exit_code == 0, outcome.log
    assert loader.query("SELECT COUNT(*), SUM(LENGTH(b)) FROM blobs") == [(300, 15_000_000)]
