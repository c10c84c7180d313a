"""An RDS export as RDS tells of it: the states of its task, its side files, its warnings."""

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field, ValidationError


class ExportStatus(StrEnum):
    """https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ExportTask.html"""

    STARTING = "STARTING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETE = "COMPLETE"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"
    FAILED = "FAILED"


ENDED = frozenset({ExportStatus.COMPLETE, ExportStatus.CANCELED, ExportStatus.FAILED})


class ColumnType(BaseModel):
    """One entry of `originalTypeMappings`: MySQL's type, e.g. `date`, and the Parquet type that RDS made of it."""

    name: str = Field(alias="columnName")
    original_type: str = Field(alias="originalType")
    exported_type: str = Field("", alias="expectedExportedType")


class SchemaMetadata(BaseModel):
    """`schemaMetadata` of a table."""

    columns: list[ColumnType] = Field([], alias="originalTypeMappings")


class TableStatus(BaseModel):
    """One entry of `perTableStatus`. `target` is `database.table`, with or without the database before it once more.

    An entry with a warning may be of a whole database, which has no status: then `target` is its name alone.
    """

    target: str
    status: str = ""
    warning: str = Field("", alias="warningMessage")
    schema_metadata: SchemaMetadata = Field(default_factory=SchemaMetadata, alias="schemaMetadata")

    @property
    def of_table(self) -> bool:
        return "." in self.target

    @property
    def incomplete(self) -> bool:
        return self.of_table and self.status.upper() != ExportStatus.COMPLETE


class TablesInfo(BaseModel):
    """An `export_tables_info_<task>_from_<m>_to_<n>.json`."""

    per_table_status: list[TableStatus] = Field(alias="perTableStatus")


class ExportInfo(BaseModel):
    """The `export_info_<task>.json`."""

    export_task_identifier: str = Field(alias="exportTaskIdentifier")
    status: str


class TaskWarning(BaseModel):
    """The JSON in an export task's WarningMessage. AWS shows it in one example, which says nothing of the lists' elements.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.Monitoring.html
    """

    skipped_tables: list[Any] = Field([], alias="skippedTables")
    skipped_objectives: list[Any] = Field([], alias="skippedObjectives")
    general: list[Any] = []


def warnings_in(message: str) -> tuple[list[str], list[str]]:
    """The names that an export task's WarningMessage calls skipped, and each of its warnings.

    RDS warns of much that takes nothing away: of each conversion of strings, after which "the underlying data exported is
    always the same", of databases without tables.
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.data-types.html
    """
    try:
        parsed = TaskWarning.model_validate_json(message)
    except ValidationError:
        return [], [message] if message else []
    skipped = [*parsed.skipped_tables, *parsed.skipped_objectives]
    lines = [f"skipped: {_text(it)}" for it in skipped] + [_text(it) for it in parsed.general]
    return [name for it in skipped for name in _strings(it)], lines


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _strings(value: Any) -> Iterator[str]:
    """Every string in a value of JSON: one of them is the name."""
    match value:
        case str():
            yield value
        case dict():
            yield from _strings(list(value.values()))
        case list():
            for element in value:
                yield from _strings(element)
