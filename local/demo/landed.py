"""Reads a landed day back as a reader of the lake does: the manifest, then the Parquet files that it names."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from ingestion import partition
from ingestion.s3_uri import split_s3_uri
from liberator.manifest import ExportManifest

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True)
class TableReport:
    """One table: `rows_loaded` as counted in the database, `rows_landed` as read from the Parquet files.

    `original_name` is the dump's, where it is another.
    """

    name: str
    original_name: str | None
    rows_loaded: int | None
    rows_landed: int
    objects: int
    bytes: int


def read_manifest(s3: Any, manifest_uri: str) -> ExportManifest:
    bucket, key = split_s3_uri(manifest_uri)
    return ExportManifest.model_validate_json(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def read_back(s3: Any, bucket: str, manifest: ExportManifest) -> list[TableReport]:
    """Every row of every file that the manifest names is decoded and counted."""
    return [
        TableReport(
            name=table.name,
            original_name=table.original_name,
            rows_loaded=table.rows,
            rows_landed=sum(rows_of(s3, bucket, o.key) for o in table.objects),
            objects=len(table.objects),
            bytes=sum(o.size for o in table.objects),
        )
        for table in manifest.tables
    ]


def unnamed(s3: Any, bucket: str, manifest: ExportManifest, import_date: date) -> list[str]:
    """Objects of the day in the landing zone that the manifest does not name: there should be none."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=manifest.prefix)
    keys = {found["Key"] for page in pages for found in page.get("Contents", [])}
    return sorted(key for key in keys - manifest.keys if partition.day_of(key) == import_date)


def differences(tables: list[TableReport]) -> list[str]:
    """Name the tables of which other rows landed than were loaded."""
    return [
        f"{t.name}: {t.rows_loaded} rows loaded, {t.rows_landed} landed" for t in tables if t.rows_loaded != t.rows_landed
    ]


def rows_of(s3: Any, bucket: str, key: str) -> int:
    """Decodes a Parquet file, and counts its rows."""
    content = io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return sum(batch.num_rows for batch in pq.ParquetFile(content).iter_batches())
