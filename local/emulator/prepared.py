"""The local AWS with snapshots, exports and Cubic's loads in each state that events/ speak of."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Any, Self

from moto.s3.models import s3_backends

from ingestion.messages import Run
from ingestion.s3_uri import split_s3_uri
from liberator import naming, snapshots
from liberator.exports import ENDED
from liberator.row_counts import RowCounts
from liberator.snapshots import SnapshotStatus
from local.emulator import prepared_cubic
from local.emulator.aws import ACCOUNT
from local.emulator.cloud import Cloud
from local.emulator.database_server import DatabaseServer

VERSION = "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY"  # of every dump in events/
ODD_KEY = "parking/liberator_dump_210604 (final)+ä.zip"
TABLES = {"liberator_permit_fta": 30, "liberator_pcn_audit": 0}
DAILY, BACKDATED = date(2021, 6, 4), date(2022, 6, 1)
EXPORTED = date(2021, 5, 31)
EXPORT_FAILED, EXPORT_CANCELLED, NEW, CREATING = (date(2021, 6, day) for day in (1, 2, 5, 6))


class PreparedCloud(Cloud):
    """A Cloud in the states that events/ speak of, Cubic's too unless it is left out, without pollers unless asked for.

    Runs of Glue end, and do nothing.
    """

    def __init__(
        self,
        *,
        built: bool = False,
        polling: bool = False,
        cubic: bool = True,
        server: DatabaseServer | None = None,
        also_on: str | None = None,
    ) -> None:
        super().__init__(
            parameters=prepared_cubic.PARAMETERS if cubic else {},
            cubic=cubic,
            also_on=also_on,
            built=built,
            polling=polling,
            server=server,
            snapshot_seconds=0.1,
            export_seconds=0.1,
            workflow_seconds=0,
        )

    def __enter__(self) -> Self:
        super().__enter__()
        copies, self.copies = self.copies, lambda _event, _way: 0  # nobody hears of what is brought about here
        try:
            self._prepare()
            if self.cubic:
                self.prepare_cubic()
            self.copies = copies
        except BaseException:
            self.__exit__()
            raise
        return self

    def prepare_cubic(self) -> None:
        """Brings Cubic's states about, the first time or again."""
        prepared_cubic.prepare(self)

    def _prepare(self) -> None:
        self.bus.disabled.add("UploadRule")  # nothing is to be loaded
        for key in (*(naming.dump_keys(day)[0] for day in (DAILY, BACKDATED)), ODD_KEY):
            self._put_dump(key)
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("DROP DATABASE IF EXISTS liberator")
            cursor.execute("CREATE DATABASE liberator")
            for table, rows in TABLES.items():
                cursor.execute(f"CREATE TABLE liberator.{table} (id INT PRIMARY KEY)")
                cursor.executemany(f"INSERT INTO liberator.{table} VALUES (%s)", [(number,) for number in range(rows)])
            connection.commit()
        for day in (EXPORTED, EXPORT_FAILED, EXPORT_CANCELLED, DAILY, BACKDATED, NEW):
            self._snapshot(day)
        self.rds.fail_next_export = "the role cannot write to the bucket"
        self._export(EXPORT_FAILED)
        self.rds.cancel_next_export = True
        self._export(EXPORT_CANCELLED)
        for day in (EXPORTED, DAILY, BACKDATED):
            self._export(day)
        self.rds.hold_snapshots = True
        self._snapshot(CREATING, wait=False)

    def _put_dump(self, key: str) -> None:
        bucket = self.name_of("DataBucket")
        self.s3.put_object(Bucket=bucket, Key=key, Body=b"a dump", ContentType="application/zip")
        s3_backends[ACCOUNT]["aws"].buckets[bucket].keys[key]._version_id = VERSION  # noqa: SLF001  no API sets it

    def _snapshot(self, day: date, *, wait: bool = True) -> None:
        run = Run(
            import_date=day,
            backdated=day == BACKDATED,
            origin=f"s3://{self.name_of('DataBucket')}/{naming.dump_keys(day)[0]}",
        )
        identifier, dump = _identifier(day), str(run.origin)
        uri = naming.row_counts_uri(dump, identifier)
        counts = RowCounts(
            database="liberator", dump=dump, uploaded_at=datetime.now(UTC), snapshot=identifier, tables=TABLES
        )
        bucket, key = split_s3_uri(uri)
        self.s3.put_object(Bucket=bucket, Key=key, Body=counts.model_dump_json().encode())
        rds = self.aws.client("rds")
        rds.create_db_snapshot(
            DBInstanceIdentifier=self.instance,
            DBSnapshotIdentifier=identifier,
            Tags=snapshots.tags_of(run, correlation_id=f"{dump}@{VERSION}", row_counts_uri=uri),
        )
        while wait and self._described(identifier)["Status"] != SnapshotStatus.AVAILABLE:
            time.sleep(0.05)

    def _described(self, identifier: str) -> Any:
        [snapshot] = self.aws.client("rds").describe_db_snapshots(DBSnapshotIdentifier=identifier)["DBSnapshots"]
        return snapshot

    def _export(self, day: date) -> None:
        environment = self.functions["SnapshotToS3Function"].environment
        rds, identifier = self.aws.client("rds"), _identifier(day)
        rds.start_export_task(
            ExportTaskIdentifier=identifier,
            SourceArn=self._described(identifier)["DBSnapshotArn"],
            S3BucketName=environment["EXPORT_BUCKET"],
            IamRoleArn=environment["EXPORT_ROLE_ARN"],
            KmsKeyId=environment["EXPORT_KMS_KEY_ARN"],
        )
        while rds.describe_export_tasks(ExportTaskIdentifier=identifier)["ExportTasks"][0]["Status"] not in ENDED:
            time.sleep(0.05)


def _identifier(day: date) -> str:
    return f"sql-to-parquet-{day:%Y-%m-%d}{'-backdated' if day == BACKDATED else ''}-101530"
