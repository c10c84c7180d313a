"""The RDS stand-in over moto and a MariaDB server, with its clients and what it published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from local.emulator.rds import RdsEvent, RdsStandIn
from tests.eventually import eventually

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client

    from local.emulator.database_server import DatabaseServer

BUCKET, INSTANCE, DATABASE = "exports", "liberator-instance", "liberator"
ROLE, KEY = "arn:aws:iam::123456789012:role/export", "arn:aws:kms:eu-west-2:123456789012:key/1"


@dataclass
class Rds:
    """A user of RDS: what a test does through the API, and the events that it hears."""

    client: RDSClient
    s3: S3Client
    server: DatabaseServer
    standin: RdsStandIn
    heard: list[RdsEvent] = field(default_factory=list)

    def sql(self, *statements: str) -> None:
        with self.server.connect(DATABASE, autocommit=True) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def create_snapshot(self, name: str, **more: Any) -> dict[str, Any]:
        return self.client.create_db_snapshot(DBInstanceIdentifier=INSTANCE, DBSnapshotIdentifier=name, **more)["DBSnapshot"]

    def snapshot(self, name: str) -> dict[str, Any]:
        return self.client.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]

    def snapshot_taken(self, name: str, **more: Any) -> dict[str, Any]:
        self.create_snapshot(name, **more)
        return eventually(lambda: self.snapshot(name), lambda s: s["Status"] != "creating")

    def start_export(self, task: str, snapshot: str | None = None, **more: Any) -> dict[str, Any]:
        source = f"arn:aws:rds:eu-west-2:123456789012:snapshot:{snapshot or task}"
        asked = {"S3BucketName": BUCKET, "IamRoleArn": ROLE, "KmsKeyId": KEY, **more}
        return self.client.start_export_task(ExportTaskIdentifier=task, SourceArn=source, **asked)

    def export(self, task: str) -> dict[str, Any]:
        return self.client.describe_export_tasks(ExportTaskIdentifier=task)["ExportTasks"][0]

    def ended(self, task: str) -> dict[str, Any]:
        return eventually(lambda: self.export(task), lambda t: t["Status"] in {"COMPLETE", "FAILED", "CANCELED"})

    def exported(self, task: str, snapshot: str | None = None, **more: Any) -> dict[str, Any]:
        self.start_export(task, snapshot, **more)
        return self.ended(task)

    def hears(self, *event_ids: str) -> None:
        """All the events so far, in this order, and no others."""
        assert eventually(lambda: [e.event_id for e in self.heard], lambda ids: len(ids) >= len(event_ids)) == list(
            event_ids
        )

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [o["Key"] for page in pages for o in page.get("Contents", [])]

    def read(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


@pytest.fixture
def rds(aws: str, empty_server: DatabaseServer) -> Iterator[Rds]:
    server = empty_server
    client, s3 = boto3.client("rds"), boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    heard: list[RdsEvent] = []
    with server.connect(autocommit=True) as connection:
        connection.cursor().execute(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
        try:
            with RdsStandIn(server, s3, heard.append) as standin:
                standin.register_instance(client, INSTANCE)
                yield Rds(client, s3, server, standin, heard)
        finally:
            connection.cursor().execute(f"DROP DATABASE {DATABASE}")
