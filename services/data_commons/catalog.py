"""The tables of one of Trino's catalogs, as a manifest wants them and as Trino shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from data_commons import sql
from data_commons.errors import StatementRefused
from data_commons.sql import ColumnOf, Name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from data_commons.connection import Query
    from data_commons.manifest import Column, TableManifest

MISSING = frozenset({"TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND"})
_LOCATION = re.compile(r"external_location = '((?:[^']|'')*)'")
_BEHIND = re.compile(r'"((?:[^"]|"")*)"\s*$')


@dataclass(frozen=True)
class Wanted:
    """The table of a manifest, or the view. `checked` is a table over the same files that nobody is told of.

    `behind` is the table that a view reads, one for each version.
    """

    name: Name
    uuid: UUID
    columns: tuple[ColumnOf, ...]
    comment: str | None
    location: str
    properties: Mapping[str, str]
    view: bool

    @property
    def checked(self) -> Name:
        return self.name.beside(checked_name(self.name.table, self.uuid))

    @property
    def behind(self) -> Name:
        return self.name.beside(behind_name(self.name.table, self.uuid))


@dataclass(frozen=True)
class Shown:
    """A table as Trino shows it, `location` null where nobody gave one; or a view, with the table that it reads last."""

    view: bool
    columns: tuple[ColumnOf, ...]
    comment: str | None
    location: str | None = None
    behind: str | None = None


def checked_name(table: str, uuid: UUID) -> str:
    return f"{table}__check_{uuid.hex[:8]}"


def behind_name(table: str, uuid: UUID) -> str:
    return f"{table}__{uuid.hex[:8]}"


def wanted(manifest: TableManifest, catalog: str, bucket: str) -> Wanted:
    """The table that shows the manifest's version. Comments are cut to what Glue keeps; the manifest has them whole."""
    titles = [manifest.metadata.title, manifest.metadata.description]
    return Wanted(
        Name(catalog, manifest.schema_name, manifest.table),
        manifest.uuid,
        tuple(ColumnOf(it.name, it.type, _comment(it)) for it in manifest.columns),
        sql.cut("\n\n".join(filter(None, titles)), sql.LARGEST_DESCRIPTION),
        f"s3a://{bucket}/{manifest.folder}",
        {
            "data_commons_uuid": str(manifest.uuid),
            "data_commons_source": manifest.source.uri,
            "data_commons_rows": str(manifest.rows),
        },
        manifest.view,
    )


def _comment(column: Column) -> str | None:
    """Return the column's description, then details in brackets. Where both are too long, the description is cut first."""
    details = [f"{column.source!r} in the source"] if column.source != column.name else []
    details += [column.dimension] if column.dimension else []
    behind = f"({'; '.join([*details, *column.notes])})" if details or column.notes else None
    room = sql.LARGEST_COMMENT - (len(behind.encode()) + 1 if behind else 0)
    text = sql.cut(sql.one_line(column.description), max(room, 0))
    return sql.cut(sql.one_line(" ".join(filter(None, [text, behind]))), sql.LARGEST_COMMENT)


class Tables:
    """The tables of one catalog, by statements that may all be run twice."""

    def __init__(self, query: Query, catalog: str) -> None:
        self.query = query
        self.catalog = catalog

    def shown(self, name: Name) -> Shown | None:
        """Return what Trino shows of the name, null where there is nothing, also where it has just been dropped."""
        try:
            return self._shown(name)
        except StatementRefused as refused:
            if refused.name in MISSING:
                return None
            raise

    def location(self, name: Name) -> str | None:
        """Return the location that was given for a table's files; null for a view, and where there is none."""
        try:
            view, made = self._made(name)
        except StatementRefused as refused:
            if refused.name in MISSING:
                return None
            raise
        return None if view else _location(made)

    def _shown(self, name: Name) -> Shown:
        view, made = self._made(name)
        columns = tuple(ColumnOf(it[0], it[1], it[3] or None) for it in self.query(sql.columns(name)))
        comments = self.query(sql.table_comment(name))
        comment = comments[0][0] or None if comments else None
        if view:
            behind = _BEHIND.search(made)
            return Shown(view, columns, comment, behind=behind[1] if behind else None)
        return Shown(view, columns, comment, location=_location(made))

    def _made(self, name: Name) -> tuple[bool, str]:
        """Whether it is a view, and the statement that makes it as it is."""
        try:
            [[made]] = self.query(sql.show_create(name))
        except StatementRefused as refused:
            if refused.name != "NOT_SUPPORTED":
                raise
            [[made]] = self.query(sql.show_create(name, view=True))  # as Trino says in words: it is not a table, but a view
            return True, made
        return False, made

    def create(self, name: Name, wanted: Wanted, *, bare: bool = False) -> None:
        """Make the table over the version's files, unless it is there; bare, with no comments yet."""
        columns = [ColumnOf(it.name, it.type) for it in wanted.columns] if bare else wanted.columns
        comment = None if bare else wanted.comment
        made = sql.create_table(name, columns, wanted.location, comment=comment, properties=wanted.properties)
        self.query(sql.create_schema(name.catalog, name.schema))
        self.query(made)

    def create_view(self, wanted: Wanted) -> None:
        """Make the name a view of the version's table, in one step where it is a view already."""
        self.create(wanted.behind, wanted)
        columns = [it.name for it in wanted.columns]
        self.query(sql.create_view(wanted.name, wanted.behind, columns, comment=wanted.comment))

    def drop(self, name: Name, *, view: bool = False) -> None:
        self.query(sql.drop(name, view=view))

    def count(self, name: Name) -> int:
        [[rows]] = self.query(sql.count(name))
        return int(rows)

    def comment(self, wanted: Wanted, shown: Shown) -> None:
        """Make the comments as they are wanted, those that differ."""
        if shown.comment != wanted.comment:
            self.query(sql.comment_on(wanted.name, wanted.comment, view=shown.view))
        for is_, should in zip(shown.columns, wanted.columns, strict=True):
            if is_.comment != should.comment:
                self.query(sql.comment_on_column(wanted.name, should.name, should.comment))

    def names(self, schema: str) -> list[str]:
        """All names of a schema, views' too; none where there is no schema."""
        return sorted(name for name, _ in self.query(sql.tables(self.catalog, schema)))


def differing_columns(shown: Shown, wanted: Wanted) -> str | None:
    """Say in words how the columns differ in name, order or type; null where they do not."""
    is_ = [(it.name, _plain(it.type)) for it in shown.columns]
    should = [(it.name, _plain(it.type)) for it in wanted.columns]
    for found, expected in zip(is_, should, strict=False):
        if found != expected:
            return f"column {found[0]} is {found[1]} in Trino, and {expected[0]} {expected[1]} in the manifest"
    return f"{len(is_)} columns in Trino, {len(should)} in the manifest" if len(is_) != len(should) else None


def differing_comments(shown: Shown, wanted: Wanted) -> bool:
    comments = [it.comment for it in shown.columns], [it.comment for it in wanted.columns]
    return shown.comment != wanted.comment or comments[0] != comments[1]


def _location(made: str) -> str | None:
    """The last one of the statement: those before it are in comments."""
    found = _LOCATION.findall(made)
    return found[-1].replace("''", "'") if found else None


def _plain(type_: str) -> str:
    """A type without spaces and quotes, in which Trino's texts differ from ours."""
    return re.sub(r'[\s"]', "", type_).lower()
