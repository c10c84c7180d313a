"""The messages of a data set's way to its table."""

from typing import Literal
from uuid import UUID

from data_commons.spec import Catalog, TableName
from ingestion.messages import Command, Frozen, Message


class PublishTable(Command):
    """Make Trino's table show this version, which the loader has staged. Its attempt or the manifest says all about it."""

    kind: Literal["PublishTable"] = "PublishTable"
    catalog: Catalog
    schema_name: TableName
    table: TableName
    uuid: UUID


class TablePublished(Message):
    """Trino's table shows this version, read back through Trino. `manifest` is the S3 URI of what is known of it."""

    kind: Literal["TablePublished"] = "TablePublished"
    catalog: Catalog
    schema_name: TableName
    table: TableName
    uuid: UUID
    manifest: str
    rows: int
    columns: int


class SweepTables(Frozen):
    """Look at each table that there is a manifest of, or an attempt at one. A schedule sends it, always the same."""

    version: Literal[1] = 1
    kind: Literal["SweepTables"] = "SweepTables"


class SweepTable(Frozen):
    """Mend the table where it is not as its manifest says, and delete what neither Trino, manifest nor attempt names.

    It does not wait: the next sweep is its retry.
    """

    version: Literal[1] = 1
    kind: Literal["SweepTable"] = "SweepTable"
    catalog: Catalog
    schema_name: TableName
    table: TableName
