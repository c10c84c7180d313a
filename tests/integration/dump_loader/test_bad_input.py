"""Every input that is bad whatever the server: exit code 1, one error line, IngestionFailed, no snapshot."""

from __future__ import annotations

import gzip
import io
import zipfile

import boto3
import pytest

from local.emulator.database_server import DatabaseServer
from tests.integration.dump_loader.task import BUCKET, CHINOOK, DATABASE, KEY, Loader, zipped

TABLE = "CREATE TABLE permits (id INT PRIMARY KEY, note TEXT);\n"
URI = f"s3://{BUCKET}/{KEY}"


@pytest.fixture(scope="session")
def server(one_server: DatabaseServer) -> DatabaseServer:
    return one_server


def archive_of(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, TABLE)
    return content.getvalue()


def encrypted() -> bytes:
    """The flag is what says that a member is encrypted; in the local header and in the directory."""
    content = bytearray(zipped(TABLE))
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def damaged() -> bytes:
    content = bytearray(zipped(TABLE * 50, method=zipfile.ZIP_STORED))
    content[500] ^= 0x20
    return bytes(content)


def other_method() -> bytes:
    return zipped(TABLE, method=zipfile.ZIP_BZIP2)


ARCHIVES = {
    "not a zip": (b"CREATE TABLE t (a INT);", ["is not a zip"]),
    "no bytes": (b"", ["0 bytes"]),
    "empty zip": (archive_of(), ["is an empty zip", "no file"]),
    "encrypted": (encrypted(), ["liberator.sql", "encrypted", "without a password"]),
    "truncated zip": (CHINOOK.read_bytes()[:100_000], ["truncated zip"]),
    "damaged": (damaged(), ["liberator.sql", "truncated or damaged"]),
    "another method": (other_method(), ["compressed by bzip2", "deflate"]),
    "no SQL member": (archive_of("readme.txt", "__MACOSX/._a.sql", "empty/"), ["no SQL file", "readme.txt"]),
    "two SQL members": (archive_of("a.sql", "sub/b.sql"), ["2 SQL files", "a.sql, sub/b.sql"]),
    "name with dots": (zipped(TABLE, name="../liberator.sql"), ["../liberator.sql", "points out of the zip"]),
    "absolute name": (zipped(TABLE, name="/etc/liberator.sql"), ["/etc/liberator.sql", "points out of the zip"]),
}


@pytest.mark.parametrize(("content", "said"), ARCHIVES.values(), ids=ARCHIVES.keys())
def test_what_is_wrong_with_an_archive_is_said_before_the_database_is_touched(
    loader: Loader, content: bytes, said: list[str]
) -> None:
    with loader.server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE `{DATABASE}`")
        cursor.execute(f"CREATE TABLE `{DATABASE}`.yesterday (id INT)")
    error = loader.load(content).error
    assert URI in error
    for words in said:
        assert words in error
    if said != ["liberator.sql", "truncated or damaged"]:  # that is found out in the middle
        assert loader.query("SHOW TABLES") == [("yesterday",)]


def test_a_member_that_says_it_expands_past_the_limit(loader: Loader) -> None:
    error = loader.load(zipped(TABLE + " " * 2_000_000), MAX_DUMP_BYTES="1000000").error
    assert "expands to more than 1,000,000 bytes" in error
    assert "MAX_DUMP_BYTES" in error


def test_a_gzip_that_expands_past_the_limit_is_stopped_while_it_expands(loader: Loader) -> None:
    error = loader.load(zipped(TABLE + " " * 2_000_000, name="liberator.sql.gz"), MAX_DUMP_BYTES="1000000").error
    assert "expands to more than 1,000,000 bytes" in error


def test_a_truncated_gzip(loader: Loader) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("liberator.sql.gz", gzip.compress(TABLE.encode())[:-9])
    assert "truncated gzip" in loader.load(content.getvalue()).error


def test_a_file_name_without_a_date(loader: Loader) -> None:
    loader.upload(CHINOOK.read_bytes(), "parking/liberator_dump_211304.zip")
    error = loader.run(by_event="parking/liberator_dump_211304.zip").error
    assert "'parking/liberator_dump_211304.zip' is no dump with a valid date in its name" in error


@pytest.mark.parametrize("override", ["01/06/2022", "2022-6-1", "2022-02-30", "yesterday"])
def test_an_override_that_is_no_date(loader: Loader, override: str) -> None:
    error = loader.run(by_event=None, IMPORT_DATE_OVERRIDE=override).error
    assert repr(override) in error
    assert "yyyy-mm-dd" in error


def test_an_override_for_whose_day_there_is_no_dump_names_both_keys(loader: Loader) -> None:
    error = loader.run(by_event=None, IMPORT_DATE_OVERRIDE="2022-06-01").error
    assert "parking/liberator_dump_220601.zip" in error
    assert "parking/liberator_dump_20220601.zip" in error


def test_neither_key_nor_override(loader: Loader) -> None:
    error = loader.run(by_event=None, IMPORT_DATE_OVERRIDE="  ").error
    assert "DUMP_KEY" in error
    assert "IMPORT_DATE_OVERRIDE" in error


def test_a_dump_that_is_gone(loader: Loader) -> None:
    assert URI in loader.run().error


def test_a_bucket_that_does_not_exist(loader: Loader) -> None:
    assert "no-such-bucket" in loader.run(DUMP_BUCKET="no-such-bucket").error


def test_an_environment_that_is_wrong_is_said_without_its_secrets(loader: Loader) -> None:
    error = loader.run(DB_CREDENTIALS='{"user": "x", "password": "hunter2"}', CONNECTIONS="many").error
    assert "CONNECTIONS" in error
    assert "username" in error.lower()
    assert "hunter2" not in error


def test_an_unknown_error_is_reported_with_its_traceback(loader: Loader) -> None:
    loader.upload(CHINOOK.read_bytes())
    outcome = loader.run(DB_CA_BUNDLE="/no/such/file")
    assert outcome.exit_code == 1
    assert "Traceback" in next(line for line in outcome.log if line["level"] == "ERROR")["exception"]
    assert [alert.stage for alert in outcome.alerts] == ["dump_loader"]
    assert outcome.snapshots == []


def test_an_instance_that_cannot_be_reached(loader: Loader) -> None:
    loader.upload(CHINOOK.read_bytes())
    error = loader.run(DB_PORT="1").error
    assert DATABASE in error
    assert "Can't connect" in error
    assert "load the dump again" in error


def test_the_alert_names_the_run_even_when_the_dump_is_rejected(loader: Loader) -> None:
    (alert,) = loader.load(b"no zip").alerts
    assert alert.error == "DumpRejected"
    assert alert.run is not None
    assert alert.run.import_date.isoformat() == "2021-06-04"
    assert alert.run.origin == URI
    assert alert.correlation_id == URI


def test_a_topic_that_is_gone_changes_neither_error_line_nor_exit_code(loader: Loader) -> None:
    boto3.client("sns").delete_topic(TopicArn=loader.topic)
    outcome = loader.load(b"no zip")
    assert outcome.exit_code == 1
    assert len(outcome.errors) == 1
