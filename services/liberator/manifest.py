"""The manifest of a landed export: the details that it adds to ingestion/landing_zone/manifest.py."""

from datetime import datetime

from pydantic import AwareDatetime

from ingestion.landing_zone.manifest import DayManifest, LandedTable, Order
from ingestion.messages import Frozen
from liberator.row_counts import Remark


class ExportedColumn(Frozen):
    """A column: MySQL's type, e.g. `date`, which its Parquet type, e.g. `binary (UTF8)`, does not tell. RDS's own words.

    `original_name` is the dump's, where the loader had to rename the column for the export.
    """

    name: str
    original_name: str | None = None
    original_type: str
    exported_type: str


class ExportedTable(LandedTable):
    """One table. `rows` is the loader's count. `original_name` is the dump's, where the loader had to rename the table."""

    original_name: str | None = None
    columns: tuple[ExportedColumn, ...] = ()


class ExportManifest(DayManifest):
    """One day of one database.

    `uploaded_at` is the dump's, null where none is known. `remarks` are the loader's, `warnings` RDS's own, of its export.
    """

    database: str
    export_task_identifier: str
    uploaded_at: AwareDatetime | None
    snapshot_time: AwareDatetime
    tables: tuple[ExportedTable, ...]
    remarks: tuple[Remark, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def order(self) -> Order:
        return order_of(self.uploaded_at, self.snapshot_time, self.export_task_identifier)


def order_of(uploaded_at: datetime | None, snapshot_time: datetime, export_task: str) -> Order:
    """The latest upload wins, and of that one the latest snapshot: loads begin in any order.

    A snapshot of no known dump holds what the database held when it was taken.
    """
    return Order(uploaded_at or snapshot_time, snapshot_time, export_task)
