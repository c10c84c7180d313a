"""All SQL that Trino is given. A name gets into it by `identifier` alone, a text by `literal`, a type by `type_text`."""
# ruff: noqa: S608  this is the place that quotes

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_commons.errors import SpecRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGEST_COMMENT = 255  # bytes of a column's: https://docs.aws.amazon.com/glue/latest/webapi/API_Column.html
LARGEST_DESCRIPTION = 2048  # bytes of a table's: https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html

_TYPE_TOKENS = re.compile(r'[a-z][a-z0-9_]*|[0-9]+|"(?:[^"]|"")*"|[ (),]')


def identifier(name: str) -> str:
    """Quote a name: `order`, `2020`, `a b` and `a"b` are names too. https://trino.io/docs/476/language/reserved.html"""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text; a quote is all that has to be told from its end. https://trino.io/docs/476/language/types.html#varchar"""
    return "'" + text.replace("'", "''") + "'"


def type_text(text: str) -> str:
    """Return a type of Trino's as it is. Raises SpecRefused where the text is anything but one type.

    People write types into specs, so that one could end the list of columns, or begin another column.
    """
    depth = at = 0
    while found := _TYPE_TOKENS.match(text, at):
        at = found.end()
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth < 0 or (depth == 0 and found[0] == ","):
            break
    if depth or at != len(text) or not text[:1].isalpha():
        raise SpecRefused(f"{text!r} is no type of Trino's. Write one into the spec, e.g. bigint or decimal(10,2).")
    return text


@dataclass(frozen=True)
class Name:
    """The full name of a table or view. As text it is quoted."""

    catalog: str
    schema: str
    table: str

    def __str__(self) -> str:
        return ".".join(map(identifier, (self.catalog, self.schema, self.table)))

    def beside(self, table: str) -> Name:
        """The name of another table of its schema."""
        return Name(self.catalog, self.schema, table)


@dataclass(frozen=True)
class ColumnOf:
    """A column of a table or view, with Trino's own word for its type."""

    name: str
    type: str
    comment: str | None = None


def create_schema(catalog: str, schema: str) -> str:
    """Make a schema, unless it is there."""
    return f"create schema if not exists {identifier(catalog)}.{identifier(schema)}"


def create_table(
    name: Name,
    columns: Iterable[ColumnOf],
    location: str,
    *,
    comment: str | None = None,
    properties: Mapping[str, str] | None = None,
) -> str:
    """Make a table, unless it is there, over the Parquet files of a folder, `s3a://<bucket>/trino/<schema>/<table>/<uuid>`.

    `properties` are read again from its `$properties`: https://trino.io/docs/476/connector/hive.html#table-properties
    """
    pairs = ",\n".join(f"    {identifier(it.name)} {type_text(it.type)}{_commented(it.comment)}" for it in columns)
    options = f"format = 'parquet', external_location = {literal(location)}"
    if properties:
        keys, values = (", ".join(map(literal, texts)) for texts in (properties.keys(), properties.values()))
        options += f", extra_properties = map(array[{keys}], array[{values}])"
    return f"create table if not exists {name}(\n{pairs}\n){_commented(comment)} with ({options})"


def create_view(name: Name, of: Name, columns: Iterable[str], *, comment: str | None = None) -> str:
    """Make a view, or put it in place of the one that is there. Its readers need the right to read the table, too."""
    names = ", ".join(map(identifier, columns))
    return f"create or replace view {name}{_commented(comment)} security invoker as select {names} from {of}"


def drop(name: Name, *, view: bool = False) -> str:
    """Forget a table or a view. The files of a table stay, as their location is external."""
    return f"drop {'view' if view else 'table'} if exists {name}"


def comment_on(name: Name, text: str | None, *, view: bool = False) -> str:
    """Comment on a table or a view; null takes the comment away."""
    return f"comment on {'view' if view else 'table'} {name} is {_or_null(text)}"


def comment_on_column(name: Name, column: str, text: str | None) -> str:
    """Comment on a column of a table or a view; null takes the comment away."""
    return f"comment on column {name}.{identifier(column)} is {_or_null(text)}"


def count(name: Name) -> str:
    """Count the rows."""
    return f"select count(*) from {name}"


def first_row(name: Name) -> str:
    """Read a row, which fails where a column of the files is of another type than the table's."""
    return f"select * from {name} limit 1"


def tables(catalog: str, schema: str, table: str | None = None) -> str:
    """List the name and the kind, `BASE TABLE` or `VIEW`, of all tables of a schema, or of one."""
    only = f" and table_name = {literal(table)}" if table else ""
    return (
        f"select table_name, table_type from {identifier(catalog)}.information_schema.tables "
        f"where table_schema = {literal(schema)}{only}"
    )


def columns(name: Name) -> str:
    """List each column's name, type, extra and comment, in their order."""
    return f"show columns from {name}"


def show_create(name: Name, *, view: bool = False) -> str:
    """Show the statement that would make it as it is."""
    return f"show create {'view' if view else 'table'} {name}"


def table_comment(name: Name) -> str:
    """Read the comment of a table or a view. https://trino.io/docs/476/connector/system.html#metadata-table-comments"""
    return (
        f"select comment from system.metadata.table_comments where catalog_name = {literal(name.catalog)} "
        f"and schema_name = {literal(name.schema)} and table_name = {literal(name.table)}"
    )


def properties(name: Name, keys: Iterable[str]) -> str:
    """Read some of what the metastore keeps with a table, as one row."""
    return f"select {', '.join(map(identifier, keys))} from {name.beside(f'{name.table}$properties')}"


def cut(text: str | None, largest: int) -> str | None:
    """Cut a text to so many bytes of UTF-8, between two characters. An empty one is none."""
    return text.encode(errors="replace")[:largest].decode(errors="ignore") or None if text else None


def one_line(text: str | None) -> str | None:
    """Make one line of a text: Glue takes no other as a column's comment."""
    return " ".join(text.split()) if text else None


def _commented(text: str | None) -> str:
    return f" comment {literal(text)}" if text else ""


def _or_null(text: str | None) -> str:
    return literal(text) if text else "null"
