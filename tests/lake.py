"""A landing zone and what is landed in it: buckets, workflows, and exports in RDS's layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from ingestion.landing_zone import copying, manifest
from ingestion.landing_zone.zone import LandingZone
from ingestion.messages import Run
from ingestion.partition import name as partition_name
from ingestion.s3_uri import split_s3_uri
from liberator import naming
from liberator.manifest import ExportManifest
from liberator.messages import CopyExport, LandingZoneUpdated
from liberator.row_counts import RowCounts
from s3_to_s3_copier.landing import Aws, Places, copy_export
from tests.fakes import SNAPSHOT_TIME, FakeRds

DAY = date(2021, 6, 4)
UPLOADED_AT = datetime(2021, 6, 4, 6, tzinfo=UTC)
RUN = Run(import_date=DAY, backdated=False, origin="s3://data/parking/liberator_dump_210604.zip")
PLACES = Places("exports", "landing", "liberator", "daily", "backdated")
PREFIX = "parking/liberator/"
MANIFEST = manifest.key_of(PREFIX, partition_name(DAY))
TABLES = {"permits": 3, "pcns": 2, "empty": 0}


class Lake:
    """Buckets, workflows, and exports in RDS's layout, in whichever S3 and Glue it is given."""

    def __init__(self, s3: Any, glue: Any) -> None:
        self.s3, self.glue, self.rds = s3, glue, FakeRds()
        for bucket in ("data", "exports", "landing"):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
        for workflow in ("daily", "backdated"):
            self.glue.create_workflow(Name=workflow)
        self.zone = zone(s3, "landing")
        self.aws = Aws(self.rds, s3, glue, self.zone.threads)  # type: ignore[arg-type]
        self.announced: list[LandingZoneUpdated] = []

    def export(
        self,
        task: str,
        tables: dict[str, int] = TABLES,
        *,
        parts: int = 2,
        at: datetime = SNAPSHOT_TIME,
        run: Run = RUN,
        uploaded_at: datetime = UPLOADED_AT,
    ) -> CopyExport:
        """A complete export of `tables` (name → rows), side files, the loader's counts; the command to copy it."""
        self.rds.add_task(task, at=at)
        for table, rows in tables.items():
            for part in range(parts if rows else 0):
                self.put(
                    f"{task}/liberator/liberator.{table}/{part + 1}/part-0000{part}-{task}-c000.gz.parquet", b"x" * rows
                )
            self.put(f"{task}/liberator/liberator.{table}/1/_SUCCESS", b"")
        self.side_files(task, [{"target": f"liberator.{t}", "status": "COMPLETE"} for t in tables])
        counts = RowCounts(
            database="liberator", dump=run.origin or "", uploaded_at=uploaded_at, snapshot=task, tables=tables
        )
        if run.origin:
            bucket, key = split_s3_uri(naming.row_counts_uri(run.origin, task))
            self.s3.put_object(Bucket=bucket, Key=key, Body=counts.model_dump_json().encode())
        return CopyExport(run=run, correlation_id="dump@1", export_task_identifier=task)

    def side_files(self, task: str, statuses: list[dict[str, Any]], *, per_file: int = 2) -> None:
        self.put(
            f"{task}/export_info_{task}.json", json.dumps({"exportTaskIdentifier": task, "status": "COMPLETE"}).encode()
        )
        for first in range(0, len(statuses), per_file):
            some = statuses[first : first + per_file]
            name = f"export_tables_info_{task}_from_{first + 1}_to_{first + len(some)}.json"
            self.put(f"{task}/{name}", json.dumps({"perTableStatus": some}).encode())

    def put(self, key: str, body: bytes, bucket: str = "exports") -> None:
        self.s3.put_object(Bucket=bucket, Key=key, Body=body)

    def copy(self, command: CopyExport, seconds_left: Callable[[], float] = lambda: 900) -> LandingZoneUpdated | None:
        """What it announced, if anything."""
        before = len(self.announced)
        copy_export(command, self.aws, PLACES, self.announced.append, seconds_left)
        return self.announced[-1] if len(self.announced) > before else None

    def deny(self, action: str, resource: str) -> None:
        """AWS refuses the action to everyone from now on; `resource` is `bucket/key`, perhaps with wildcards."""
        statement = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": f"arn:aws:s3:::{resource}"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self.s3.put_bucket_policy(Bucket=resource.split("/", 1)[0], Policy=json.dumps(policy))

    def allow(self, bucket: str) -> None:
        self.s3.delete_bucket_policy(Bucket=bucket)

    def landed(self) -> set[str]:
        """File names in the landing zone, without the manifest."""
        return set(self.sizes("landing", "parking/"))

    def attempts(self) -> set[str]:
        """The exports whose copies are recorded as under way."""
        found = self.sizes("landing", manifest.attempts_prefix(PREFIX, partition_name(DAY)))
        return {key.rsplit("/", 1)[1].removesuffix(".json") for key in found}

    def sizes(self, bucket: str, prefix: str = "") -> dict[str, int]:
        return copying.sizes([prefix], zone(self.s3, bucket))

    def committed(self) -> manifest.Stored[ExportManifest] | None:
        return manifest.read(MANIFEST, self.zone)

    def manifest(self) -> ExportManifest:
        found = self.committed()
        assert found
        return found.manifest

    def runs(self, workflow: str = "daily") -> list[dict[str, str]]:
        return [run["WorkflowRunProperties"] for run in self.glue.get_workflow_runs(Name=workflow)["Runs"]]


def zone(s3: Any, bucket: str) -> LandingZone[ExportManifest]:
    return LandingZone(s3, bucket, partial(ThreadPoolExecutor, 8), ExportManifest)


def partition(table: str, name: str) -> str:
    return naming.partition_prefix("liberator", f"liberator.{table}", DAY) + name
