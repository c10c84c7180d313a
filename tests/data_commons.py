"""Versions of tables as the loader stages them, in the bucket that Trino reads, and the publisher that shows them."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import boto3
import pyarrow as pa
import pyarrow.parquet as pq

from data_commons.catalog import Tables
from data_commons.connection import Query, Server, Trino
from data_commons.manifest import Column, PinnedSource, TableManifest, schema_prefix, version_id
from data_commons.messages import PublishTable, SweepTable, TablePublished
from data_commons.publishing import Commons, publish_table
from data_commons.spec import Catalog, Metadata
from data_commons.swapping import ByGlue, Swap, by_drop_and_create
from data_commons.sweeping import sweep_table
from ingestion.errors import Terminal
from ingestion.landing_zone import attempts
from ingestion.landing_zone.manifest import LandedObject, LandedTable
from ingestion.landing_zone.zone import LandingZone
from ingestion.messages import Run
from local.emulator.aws import REGION
from local.emulator.trino_access import BUCKETS, DEV, GLUE, PROD, TrinoAccess

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
TABLE = "bikes"
RUN = Run(import_date=date(2026, 11, 27), backdated=False)
TYPES = {pa.int64(): "bigint", pa.string(): "varchar", pa.float64(): "double", pa.timestamp("us"): "timestamp(6)"}
POOL = partial(ThreadPoolExecutor, 2)


def client(trino: TrinoAccess, service: str) -> Any:
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": REGION}
    return boto3.client(service, endpoint_url=trino.aws, **keys)  # type: ignore[call-overload]


def server(trino: TrinoAccess) -> Server:
    return Server(trino.host, trino.port, trino.user, (DEV, PROD, GLUE), trino.ca_bundle)


def version(number: int, rows: pa.Table, schema: str, *, view: bool = False, **more: Any) -> TableManifest:
    """The later, the greater its number. Whatever the source calls a column, it is called in the table."""
    size = len(parquet(rows))
    uuid = version_id("s3://source/bikes.csv", str(number), schema)
    prefix = schema_prefix(schema)
    found = LandedObject(key=f"{prefix}{TABLE}/{uuid}/{TABLE}.parquet", size=size)
    at = NOON + timedelta(hours=number)
    columns = tuple(Column(source=it.name, name=it.name, type=TYPES[it.type]) for it in rows.schema)
    made = TableManifest(
        prefix=prefix,
        run=RUN,
        correlation_id=f"bikes@{number}",
        tables=(LandedTable(name=TABLE, rows=rows.num_rows, objects=(found,)),),
        catalog=Catalog.DEV,
        schema_name=schema,
        table=TABLE,
        uuid=uuid,
        source=PinnedSource(uri="s3://source/bikes.csv", version=str(number), etag="e", size=1, modified_at=at),
        spec_digest=schema,
        spec_modified_at=NOON,
        staged_at=at,
        columns=columns,
        metadata=Metadata(title="Bikes", description="Those for hire"),
        view=view,
    )
    return made.model_copy(update=more)


def parquet(rows: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(rows, file)
    return file.getvalue()


def command(mine: TableManifest) -> PublishTable:
    return PublishTable(
        run=mine.run,
        correlation_id=mine.correlation_id,
        catalog=mine.catalog,
        schema_name=mine.schema_name,
        table=mine.table,
        uuid=mine.uuid,
    )


@dataclass
class Publisher:
    """The publisher of one schema of one catalog. `s3`, `glue` and `query` may be a test's own."""

    trino: TrinoAccess
    catalog: str
    way: str
    schema: str = field(default_factory=lambda: f"s{uuid4().hex[:8]}")
    told: list[Terminal] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.s3, self.glue = client(self.trino, "s3"), client(self.trino, "glue")
        self.query: Query = Trino(server(self.trino), self.trino.token).query

    @property
    def bucket(self) -> str:
        return BUCKETS["DEV"]

    def commons(self, s3: Any = None, glue: Any = None, query: Query | None = None) -> Commons:
        swap: Swap = ByGlue(glue or self.glue) if self.way == "glue" else by_drop_and_create
        zone = LandingZone(s3 or self.s3, self.bucket, POOL, TableManifest)
        return Commons(Tables(query or self.query, self.catalog), zone, swap)

    def version(self, number: int, rows: pa.Table, **more: Any) -> TableManifest:
        return version(number, rows, self.schema, view=self.way == "view", **more)

    def stage(self, mine: TableManifest, rows: pa.Table) -> PublishTable:
        """As the loader does: the attempt is recorded, its object written."""
        attempts.begin(mine, self.commons().zone)
        [key] = mine.keys
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=parquet(rows))
        return command(mine)

    def staged(self, number: int, rows: pa.Table, **more: Any) -> PublishTable:
        return self.stage(self.version(number, rows, **more), rows)

    def publish(self, message: PublishTable, **faulty: Any) -> TablePublished | None:
        return publish_table(message, self.commons(**faulty))

    def sweep(self, *, days: float = 0, **faulty: Any) -> None:
        message = SweepTable(catalog=Catalog.DEV, schema_name=self.schema, table=TABLE)
        sweep_table(message, self.commons(**faulty), datetime.now(UTC) + timedelta(days=days), self.told.append)

    @property
    def name(self) -> str:
        return f'"{self.catalog}"."{self.schema}"."{TABLE}"'

    def keys(self) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=f"trino/{self.schema}/").get("Contents", [])
        return [it["Key"] for it in found]

    def attempts(self) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=f"_manifests/trino/{self.schema}/attempts/")
        return [it["Key"] for it in found.get("Contents", [])]

    def names(self) -> list[str]:
        return sorted(it[0] for it in self.query(f'show tables from "{self.catalog}"."{self.schema}"'))

    def uuids(self) -> set[UUID]:
        return {UUID(key.split("/")[3]) for key in self.keys()}
