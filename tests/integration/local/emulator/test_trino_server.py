"""Trino as it runs here: who may connect, what the client raises otherwise, and tables over Parquet files."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
from trino.auth import JWTAuthentication
from trino.dbapi import connect
from trino.exceptions import HttpError, TrinoAuthError, TrinoConnectionError, TrinoUserError

from local.emulator.aws import REGION
from local.emulator.certificates import write_certificates
from local.emulator.trino_access import BUCKETS, DEV, GLUE, TrinoAccess

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
    return client(trino, "s3")


def client(trino: TrinoAccess, service: str) -> Any:
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": REGION}
    return boto3.client(service, endpoint_url=trino.aws, **keys)  # type: ignore[call-overload]


def put(s3: Any, folder: str, rows: pa.Table) -> str:
    """The rows as one file in a folder of the bucket; where a table finds them."""
    file = io.BytesIO()
    pq.write_table(rows, file)
    s3.put_object(Bucket=BUCKETS["DEV"], Key=f"trino/{folder}/data.parquet", Body=file.getvalue())
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


def refused(trino: TrinoAccess, error: type[Exception], match: str, **options: Any) -> None:
    with pytest.raises(error, match=match):
        trino.query("select 1", **options)


def test_an_expired_token_is_an_http_error(trino: TrinoAccess) -> None:
    refused(trino, HttpError, "error 401", auth=JWTAuthentication(trino.token(seconds=-60)))
    refused(trino, HttpError, "error 401", auth=JWTAuthentication("no token"))
    refused(trino, HttpError, "error 401", auth=None)


def test_a_token_of_somebody_else_is_impersonation(trino: TrinoAccess) -> None:
    refused(
        trino, TrinoUserError, "Access Denied: User other cannot impersonate", auth=JWTAuthentication(trino.token("other"))
    )


def test_another_authority_than_its_own_is_a_connection_error(trino: TrinoAccess, tmp_path: Path) -> None:
    write_certificates(tmp_path, "127.0.0.1", "localhost")
    session = requests.Session()
    session.trust_env, session.verify = False, str(tmp_path / "ca.pem")
    refused(trino, TrinoConnectionError, "CERTIFICATE_VERIFY_FAILED", http_session=session)


def test_plain_http_is_refused_by_the_client_and_by_the_server(trino: TrinoAccess) -> None:
    refused(trino, TrinoAuthError, "TLS/SSL is required", http_scheme="http", port=trino.plain_port)
    refused(trino, HttpError, "error 403", http_scheme="http", port=trino.plain_port, auth=None)
