"""The batch document that the job is given, and the result document that it leaves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Load:
    """One delivered file. `key` is that of its copy in the springboard, `description` the file's DFM.

    `rebuild`: it is written anew, though an earlier run has committed it.
    """

    load_id: int
    key: str
    s3_key: str
    s3_version: str
    s3_modified: datetime
    s3_size: int
    snapshot: str | None
    glue_table: str
    description: dict[str, Any] | None
    rebuild: bool = False

    @property
    def folder(self) -> str:
        """The folder that it was delivered into, which the raw zone has too: `cubic/ods_qlik/EDW.SAMPLE`."""
        return self.s3_key.rpartition("/")[0]

    @property
    def identifier(self) -> str:
        return self.s3_key.rpartition("/")[2]

    @property
    def version(self) -> tuple[datetime, str]:
        """Greater for the later version of a file; of two in one second the order is arbitrary, yet always the same."""
        return self.s3_modified, self.s3_version

    @property
    def partition(self) -> dict[str, str]:
        """The partition's keys and values."""
        return ({"snapshot": self.snapshot} if self.snapshot else {}) | {"identifier": self.identifier}


@dataclass(frozen=True)
class Written:
    """The Parquet files of one load. `location` is their folder's URI, and holds nothing else."""

    columns: tuple[str, ...]
    rows: int
    location: str


def loads_of(document: str) -> list[Load]:
    """Reads batch.json. Raises KeyError, TypeError or ValueError where it is not as start_ingestion writes it."""
    batch = json.loads(document)
    common = {"rebuild": batch.get("rebuild", False)}
    return [Load(**load | common | {"s3_modified": datetime.fromisoformat(load["s3_modified"])}) for load in batch["loads"]]
