"""The commit of a load: one CreatePartition or UpdatePartition that names the folder of its files.

A reader of the catalog sees what was there before, or this load whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cubic_job.csv_rows import described_columns
from lake.catalog import Catalog, Source, described_partition
from lake.schema import clean

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

    from cubic_job.batch import Load, Written

_ATTEMPTS = 10


class Contended(Exception):
    """A partition that others write all the time; the load is ready again."""


@dataclass(frozen=True)
class RawZone:
    """Cubic's tables in the catalog. `bucket` has their files."""

    glue: GlueClient
    database: str
    bucket: str

    def committed_rows(self, load: Load) -> int | None:
        """The rows of this load's own partition, where an earlier run has committed it; None where none has.

        None for a rebuild, too: the files of that partition may be gone or damaged.
        """
        if load.rebuild:
            return None
        found = self._catalog(load).partition(load.glue_table, [*load.partition.values()])
        return int(found["Parameters"]["rows"]) if found and _is_of(found, load) else None

    def commit(self, load: Load, written: Written) -> bool:
        """Puts the load in the place of older versions of its file; False where a newer one is there, which stays.

        A rebuild takes the place of the same version, too, which another run has written.
        Glue updates a partition unconditionally. So what is there is read again afterwards, until it is this load or a
        newer one. A newer run that still looks puts itself back; one that has ended before an older one writes cannot. Only
        a lost lease brings about two runs at once: docs/reliability.md. Safe to repeat. Raises Contended,
        schema.Unsupported, and what Glue raises.
        """
        catalog, table = self._catalog(load), load.glue_table
        types = dict.fromkeys(written.columns, "string")
        described = described_partition([*load.partition.values()], types, written.location, _parameters(load, written))
        catalog.widen(table, types, f"s3://{self.bucket}/{load.folder}", _source(load))
        for _ in range(_ATTEMPTS):
            found = catalog.partition(table, described["Values"])
            if found and _is_of(found, load) and (not load.rebuild or _location(found) == written.location):
                return True
            if found and _version(found) > load.version:
                return False
            if found:
                catalog.update_partition(table, described)
            else:
                catalog.create_partition(table, described)
        raise Contended(f"partition {load.partition} of {table} is written by others all the time")

    def _catalog(self, load: Load) -> Catalog:
        return Catalog(self.glue, self.database, tuple(load.partition))


def _parameters(load: Load, written: Written) -> dict[str, str]:
    return {
        "load_id": str(load.load_id),
        "s3_modified": load.s3_modified.isoformat(),
        "s3_version": load.s3_version,
        "rows": str(written.rows),
    }


def _is_of(partition: Any, load: Load) -> bool:
    return bool(partition.get("Parameters", {}).get("load_id") == str(load.load_id))


def _location(partition: Any) -> str:
    return str(partition["StorageDescriptor"]["Location"])


def _version(partition: Any) -> tuple[datetime, str]:
    parameters = partition["Parameters"]
    return datetime.fromisoformat(parameters["s3_modified"]), parameters["s3_version"]


def _source(load: Load) -> Source:
    types = described_columns(load.description)
    return Source("cubic", load.folder, {clean(name): kind for name, kind in types.items() if kind})
