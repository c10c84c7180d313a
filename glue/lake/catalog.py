"""A database of the Glue Data Catalog: tables with their columns, partitions with their places."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ingestion import partition
from lake.schema import Unsupported, merged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from mypy_boto3_glue import GlueClient

# Whose tables these are: a job withdraws none but those of the database it carries.
SOURCE_DATABASE, SOURCE_TABLE = "source_database", "source_table"
_LONGEST_COMMENT = 255  # https://docs.aws.amazon.com/glue/latest/webapi/API_Column.html
_ATTEMPTS = 5
_PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}


@dataclass(frozen=True)
class Source:
    """The origin of a table: a database, the table's name there, and comments on columns, by their names here."""

    database: str
    table: str = ""
    comments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalog:
    """One database, the tables of which have these partition keys. Every method is safe to repeat."""

    glue: GlueClient
    database: str
    keys: Sequence[str] = partition.KEYS

    def columns(self, table: str) -> dict[str, str]:
        """Name → type of the table's columns, without the partition keys; none where there is no such table."""
        return _columns(self._table(table))

    def widen(self, table: str, new: Mapping[str, str], location: str, source: Source) -> None:
        """Makes the table, or its columns wide enough for a partition that has `new`; what people wrote into it stays.

        Raises Unsupported, too where the table is of another database: `a`.`b_c` and `a_b`.`c` have one name here.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            found = self._table(table)
            whose = found["Parameters"].get(SOURCE_DATABASE) if found else source.database
            if whose != source.database:
                raise Unsupported(f"{table} is of {whose} already, and can't be of {source.database} too")
            wanted = merged(_columns(found), new)
            try:
                if found is None:
                    self.glue.create_table(
                        DatabaseName=self.database, TableInput=self._made(table, wanted, location, source)
                    )
                elif _columns(found) != wanted:
                    # Of the version that was read: another run may be widening the same table.
                    self.glue.update_table(
                        DatabaseName=self.database,
                        TableInput=_widened(found, wanted, source),
                        VersionId=found.get("VersionId", "0"),
                    )
                return
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code")
                if code not in {"AlreadyExistsException", "ConcurrentModificationException"} or attempt == _ATTEMPTS:
                    raise

    def tables_of(self, source_database: str) -> list[str]:
        """The names of the tables that jobs have made of this database."""
        pages = self.glue.get_paginator("get_tables").paginate(DatabaseName=self.database)
        tables = [table for page in pages for table in page["TableList"]]
        return [t["Name"] for t in tables if t.get("Parameters", {}).get(SOURCE_DATABASE) == source_database]

    def location(self, table: str, day: date) -> str | None:
        """The location of the day's files; None where the table has no such partition."""
        found = self.partition(table, partition.values(day))
        return found["StorageDescriptor"]["Location"] if found else None

    def partition(self, table: str, values: Sequence[str]) -> Any:
        """The partition with these values; None where the table has none."""
        try:
            answer = self.glue.get_partition(DatabaseName=self.database, TableName=table, PartitionValues=values)
        except self.glue.exceptions.EntityNotFoundException:
            return None
        return answer["Partition"]

    def add_partition(self, table: str, day: date, types: Mapping[str, str], location: str) -> None:
        """Registers the day, with the types that its files have: Athena casts them to those of the table.

        https://docs.aws.amazon.com/athena/latest/ug/updates-and-partitions.html
        """
        described = described_partition(partition.values(day), types, location)
        if not self.create_partition(table, described):
            self.update_partition(table, described)

    def create_partition(self, table: str, described: Any) -> bool:
        """False where the table has it already."""
        try:
            self.glue.create_partition(DatabaseName=self.database, TableName=table, PartitionInput=described)
        except self.glue.exceptions.AlreadyExistsException:
            return False
        return True

    def update_partition(self, table: str, described: Any) -> None:
        """Raises EntityNotFoundException where the table doesn't have it."""
        self.glue.update_partition(
            DatabaseName=self.database, TableName=table, PartitionValueList=described["Values"], PartitionInput=described
        )

    def drop_partition(self, table: str, day: date) -> None:
        """Nothing where the table has no such partition."""
        with suppress(self.glue.exceptions.EntityNotFoundException):
            self.glue.delete_partition(DatabaseName=self.database, TableName=table, PartitionValues=partition.values(day))

    def _made(self, name: str, types: Mapping[str, str], location: str, source: Source) -> Any:
        known_as = {SOURCE_DATABASE: source.database} | ({SOURCE_TABLE: source.table} if source.table else {})
        return {
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet", **known_as},
            "PartitionKeys": [{"Name": key, "Type": "string"} for key in self.keys],
            "StorageDescriptor": _storage(types, location) | {"Columns": _commented(types, source)},
        }

    def _table(self, name: str) -> Any:
        try:
            return self.glue.get_table(DatabaseName=self.database, Name=name)["Table"]
        except self.glue.exceptions.EntityNotFoundException:
            return None


def _columns(table: Any) -> dict[str, str]:
    return {c["Name"]: c["Type"] for c in table["StorageDescriptor"]["Columns"]} if table else {}


def described_partition(
    values: Sequence[str], types: Mapping[str, str], location: str, parameters: Mapping[str, str] | None = None
) -> Any:
    """A PartitionInput. https://docs.aws.amazon.com/glue/latest/webapi/API_PartitionInput.html"""
    described = {"Values": list(values), "StorageDescriptor": _storage(types, location)}
    return described | ({"Parameters": dict(parameters)} if parameters else {})


def _commented(types: Mapping[str, str], source: Source) -> list[dict[str, str]]:
    """The columns, with what their source has to say of them."""
    return [
        {"Name": name, "Type": kind} | ({"Comment": _comment(source.comments[name])} if name in source.comments else {})
        for name, kind in types.items()
    ]


def _comment(text: str) -> str:
    """On one line, as Glue has it."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)[:_LONGEST_COMMENT]


def _widened(found: Any, types: Mapping[str, str], source: Source) -> Any:
    """The table as it is, descriptions and comments included, with these columns."""
    known = {column["Name"]: column for column in found["StorageDescriptor"]["Columns"]}
    wide = [known.get(column["Name"], column) | {"Type": column["Type"]} for column in _commented(types, source)]
    kept = ("Name", "Description", "Owner", "Retention", "PartitionKeys", "TableType", "Parameters")
    storage = found["StorageDescriptor"] | {"Columns": wide}
    return {key: found[key] for key in kept if key in found} | {"StorageDescriptor": storage}


def _storage(types: Mapping[str, str], location: str) -> dict[str, Any]:
    return {"Columns": [{"Name": n, "Type": t} for n, t in types.items()], "Location": location, **_PARQUET}
