"""The view of a table's current state, in the catalog, as Athena and Trino keep their views there.

Base64 of JSON in a comment: https://github.com/trinodb/trino/blob/master/plugin/trino-hive/src/main/java/io/trino/plugin/hive/ViewReaderUtil.java
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from cubic import snapshots
from cubic.current import OPERATION, Relation, current_sql, data_columns
from cubic.errors import BadConfiguration
from cubic.keys import CHANGES, CURRENT
from ingestion.aws_errors import error_code, explained

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_glue import GlueClient

    from cubic.tables import TableConfig

logger = Logger(child=True)

CATALOG = "awsdatacatalog"  # Athena's name of the Glue Data Catalog


def refresh(glue: GlueClient, database: str, table: TableConfig, snapshot: datetime | None) -> bool:
    """Makes the view of a table that has key columns show the snapshot; false where it does so already, or can't yet.

    Safe to repeat, and the sweep does: of two that write it at once, the one that comes last wins, and may be the one that
    knew less. Raises BadConfiguration where the table has no such key columns.
    """
    if not table.key_columns or snapshot is None or (loads := _relation(glue, database, table.name)) is None:
        return False
    changes = _relation(glue, database, table.name + CHANGES)
    if changes and OPERATION not in changes.columns:
        changes = None
    for relation in filter(None, (loads, changes)):
        if missing := [name for name in table.key_columns if name not in relation.columns]:
            raise BadConfiguration(
                f"{database}.{relation.name} has no column {', '.join(missing)}, a key column of {table.name}, so that its "
                f"current state can't be shown. Correct key_columns."
            )
    sql = current_sql(loads, changes, table.key_columns, snapshots.text(snapshot), sparse=table.sparse_updates)
    columns = [*table.key_columns, *(it for it in data_columns(loads, changes) if it not in set(table.key_columns))]
    view = _view(table.name + CURRENT, database, sql, columns)
    with explained(f"writing view {database}.{view['Name']}"):
        there = _table(glue, database, view["Name"])
        if there and there.get("ViewOriginalText") == view["ViewOriginalText"]:
            return False
        try:
            (glue.update_table if there else glue.create_table)(DatabaseName=database, TableInput=view)
        except glue.exceptions.AlreadyExistsException:
            glue.update_table(DatabaseName=database, TableInput=view)
    logger.info("View written", extra={"view": view["Name"], "snapshot": snapshots.text(snapshot)})
    return True


def _view(name: str, database: str, sql: str, columns: list[str]) -> Any:
    """Runs with the rights of whoever asks: Trino refuses a view without an owner that would run with its own."""
    presto = {
        "originalSql": sql,
        "catalog": CATALOG,
        "schema": database,
        "columns": [{"name": column, "type": "varchar"} for column in columns],
        "runAsInvoker": True,
        "path": [],
    }
    return {
        "Name": name,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "ViewOriginalText": f"/* Presto View: {b64encode(json.dumps(presto).encode()).decode()} */",
        "ViewExpandedText": "/* Presto View */",
        "PartitionKeys": [],
        "StorageDescriptor": {"Columns": [{"Name": column, "Type": "string"} for column in columns], "SerdeInfo": {}},
    }


def _relation(glue: GlueClient, database: str, name: str) -> Relation | None:
    found = _table(glue, database, name)
    return Relation(name, [column["Name"] for column in found["StorageDescriptor"]["Columns"]]) if found else None


def _table(glue: GlueClient, database: str, name: str) -> Any:
    with explained(f"looking for table {database}.{name}"):
        try:
            return glue.get_table(DatabaseName=database, Name=name)["Table"]
        except ClientError as error:
            if error_code(error) == "EntityNotFoundException":
                return None
            raise
