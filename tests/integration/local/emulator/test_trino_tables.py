"""Tables over Parquet files in real Trino, as the data commons has them: made, described, swapped while they are read."""

from __future__ import annotations

import datetime as dt
import io
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trino.auth import JWTAuthentication
from trino.dbapi import connect
from trino.exceptions import TrinoUserError

from local.emulator.trino_access import BUCKETS, DEV, GLUE, TrinoAccess

type Swap = Callable[[TrinoAccess, str, str], None]

ROWS = pa.table({"id": [1, 2, 3], "name": ["a", "b", None]})


@pytest.fixture
def schema(trino: TrinoAccess) -> Iterator[str]:
    """A schema in both catalogs that is nobody else's."""
    name = f"s{uuid4().hex[:8]}"
    for catalog in (DEV, GLUE):
        trino.query(f"create schema {catalog}.{name}")
    yield name
    for catalog in (DEV, GLUE):
        trino.query(f"drop schema {catalog}.{name} cascade")


@pytest.fixture
def s3(trino: TrinoAccess) -> Any:
    return trino.client("s3")


def put(s3: Any, folder: str, rows: pa.Table, files: int = 1) -> str:
    """The rows as files in a folder of the bucket; where a table finds them."""
    size = len(rows) // files
    for number in range(files):
        file = io.BytesIO()
        pq.write_table(rows.slice(number * size, size), file)
        s3.put_object(Bucket=BUCKETS["DEV"], Key=f"trino/{folder}/{number}.parquet", Body=file.getvalue())
    return f"s3a://{BUCKETS['DEV']}/trino/{folder}"


def make(trino: TrinoAccess, table: str, location: str) -> None:
    columns = "    id bigint,\n    name varchar"
    made = f"create table if not exists {table}(\n{columns}\n) with (format = 'parquet', external_location = '{location}')"
    assert trino.query(made) == []


def test_the_guides_own_connection_and_statements(
    trino: TrinoAccess, s3: Any, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in trino.environment.items():
        monkeypatch.setenv(name, value)
    connection = connect(
        host=os.environ["TRINO_HOST"],
        port=int(os.environ["TRINO_PORT"]),
        user=os.environ["TRINO_USER"],
        http_scheme="https",
        auth=JWTAuthentication(os.environ["TRINO_PASSWD"]),
        verify=True,
    )
    cursor = connection.cursor()
    cursor.execute(f"create schema if not exists {DEV}.{schema}")
    assert cursor.fetchall() == []
    make(trino, f"{DEV}.{schema}.t", put(s3, f"{schema}/t/{uuid4()}", ROWS))
    cursor.execute(f"select count(*) from {DEV}.{schema}.t")
    assert cursor.fetchall() == [[3]]


@pytest.mark.parametrize("catalog", [DEV, GLUE])
def test_a_table_over_a_file_and_what_is_said_of_it(trino: TrinoAccess, s3: Any, schema: str, catalog: str) -> None:
    table = f"{catalog}.{schema}.t"
    location = put(s3, f"{schema}/t/1", ROWS)
    make(trino, table, location)
    assert trino.query(f"comment on table {table} is 'o''brien''s\nown'") == []
    assert trino.query(f"comment on column {table}.id is 'no. µ'") == []
    assert sorted(trino.query(f"select * from {table}")) == [[1, "a"], [2, "b"], [3, None]]
    [[shown]] = trino.query(f"show create table {table}")
    assert shown == (
        f"CREATE TABLE {table} (\n   id bigint COMMENT 'no. µ',\n   name varchar\n)\nCOMMENT 'o''brien''s\nown'\n"
        f"WITH (\n   external_location = '{location}',\n   format = 'PARQUET'\n)"
    )


def test_a_partition_that_is_registered_is_read(trino: TrinoAccess, s3: Any, schema: str) -> None:
    put(s3, f"{schema}/days/day=1", ROWS)
    table, location = f"{DEV}.{schema}.days", f"s3a://{BUCKETS['DEV']}/trino/{schema}/days"
    of = f"format = 'parquet', partitioned_by = array['day'], external_location = '{location}'"
    trino.query(f"create table {table} (id bigint, name varchar, day varchar) with ({of})")
    where = f"'{schema}', 'days', array['day'], array['1'], '{location}/day=1'"
    trino.query(f"call {DEV}.system.register_partition({where})")
    assert trino.query(f"select day, count(*) from {table} group by day") == [["1", 3]]


def test_microseconds_are_kept_where_the_session_says_so(trino: TrinoAccess, s3: Any, schema: str) -> None:
    at = dt.datetime(2021, 6, 4, 1, 2, 3, 456789)  # noqa: DTZ001  Trino's timestamp has no zone
    location = put(s3, f"{schema}/at", pa.table({"at": [at]}))
    made = f"create table {DEV}.{schema}.{{}} (at timestamp(6)) with (format = 'parquet', external_location = '{location}')"
    with pytest.raises(TrinoUserError, match="Incorrect timestamp precision"):
        trino.query(made.format("less"), session_properties={f"{DEV}.timestamp_precision": "MILLISECONDS"})
    trino.query(made.format("at"))
    assert trino.query(f"select at from {DEV}.{schema}.at") == [[at]]


def by_update(trino: TrinoAccess, name: str, location: str) -> None:
    """Swaps the location of a table in Glue, unless somebody else has changed the table meanwhile."""
    glue = trino.client("glue")
    schema, table = name.split(".")[1:]
    found = glue.get_table(DatabaseName=schema, Name=table)["Table"]
    kept = ("Name", "Owner", "StorageDescriptor", "PartitionKeys", "TableType", "Parameters")
    changed = {key: found[key] for key in kept} | {"StorageDescriptor": found["StorageDescriptor"] | {"Location": location}}
    glue.update_table(DatabaseName=schema, TableInput=changed, VersionId=found["VersionId"])
    with pytest.raises(glue.exceptions.ConcurrentModificationException):
        glue.update_table(DatabaseName=schema, TableInput=changed, VersionId=found["VersionId"])


def by_view(trino: TrinoAccess, name: str, location: str) -> None:
    make(trino, version := f"{name}__{uuid4().hex[:8]}", location)
    trino.query(f"create or replace view {name} as select * from {version}")


def by_drop(trino: TrinoAccess, name: str, location: str) -> None:
    trino.query(f"drop table if exists {name}")
    make(trino, name, location)


@pytest.mark.parametrize(
    ("catalog", "first", "swap", "errors"),
    [
        (GLUE, make, by_update, set()),
        (GLUE, by_view, by_view, set()),
        (DEV, by_view, by_view, set()),
        (DEV, make, by_drop, {"TABLE_NOT_FOUND"}),
    ],
)
def test_a_reader_meanwhile_sees_the_old_version_or_the_new_one(
    trino: TrinoAccess, s3: Any, schema: str, catalog: str, first: Swap, swap: Swap, errors: set[str]
) -> None:
    """Each version is 10 times its number, in two files. A drop leaves a moment without a table."""
    versions = [put(s3, f"{schema}/v{n}", pa.table({"id": [n] * 10, "name": [""] * 10}), files=2) for n in range(5)]
    name = f"{catalog}.{schema}.t"
    asked = f"select min(id), max(id), count(*) from {name}"
    first(trino, name, versions[0])
    ended, seen, failed = threading.Event(), [], set()

    def read() -> None:
        while not ended.is_set():
            try:
                seen.extend(trino.query(asked))
            except TrinoUserError as error:
                failed.add(error.error_name)

    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(read)
        try:
            for n, location in enumerate(versions[1:], 1):
                swap(trino, name, location)
                assert trino.query(asked) == [[n, n, 10]]  # at once: nothing is cached
        finally:
            ended.set()
        reading.result()
    assert all(row == [row[0], row[0], 10] for row in seen)
    assert [row[0] for row in seen] == sorted(row[0] for row in seen)
    assert failed <= errors


def test_a_catalog_that_caches_metadata_shows_the_old_version_until_it_is_told(
    trino: TrinoAccess, s3: Any, schema: str
) -> None:
    make(trino, f"{GLUE}.{schema}.t", put(s3, f"{schema}/old", ROWS))
    with trino.glue_catalog(f"c{uuid4().hex[:8]}", trino.aws, {"hive.metastore-cache-ttl": "1h"}) as caching:
        asked = f"select count(*) from {caching}.{schema}.t"
        assert trino.query(asked) == [[3]]
        by_update(trino, f"{GLUE}.{schema}.t", put(s3, f"{schema}/new", ROWS.slice(1)))
        assert trino.query(f"select count(*) from {GLUE}.{schema}.t") == [[2]]
        assert trino.query(asked) == [[3]]
        trino.query(f"call {caching}.system.flush_metadata_cache()")
        assert trino.query(asked) == [[2]]
