"""The manifest of a table: the version that it shows, and those that readers may still be at."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Self
from uuid import UUID, uuid5

from pydantic import AwareDatetime

from data_commons.spec import Catalog, Metadata, TableName
from ingestion.landing_zone.manifest import Manifest, Order
from ingestion.messages import Frozen

NAMESPACE = UUID("6f0e1d0a-5b4c-4f0e-9a53-0d6f5f1f8c11")  # ours, made once: it keeps our uuid5 apart from all others
KEPT = 2  # versions that stay beside the one that is shown
# A version that readers may be at stays, too: a day for the longest query, and one for a message that waited for Trino.
KEPT_FOR = timedelta(days=2)


class PinnedSource(Frozen):
    """The very upload that was read."""

    uri: str
    version: str | None
    etag: str
    size: int
    modified_at: AwareDatetime


class Column(Frozen):
    """A column: its name in the source, its name and type in Trino, and what people wrote about it.

    `notes` say what the type does not tell, e.g. the time zone or the unit of the source.
    """

    source: str
    name: str
    type: str
    description: str | None = None
    dimension: str | None = None
    notes: tuple[str, ...] = ()


class Version(Frozen):
    """An earlier version of the table. Readers whose query began before it was replaced read its objects on."""

    uuid: UUID
    keys: tuple[str, ...]
    replaced_at: AwareDatetime


class TableManifest(Manifest):
    """One version of a table, in `trino/<schema>/<table>/<uuid>/`.

    `spec_digest` is the SHA-256 of the spec, `spec_modified_at` the time of its upload. `tables` has one element, with its
    one object and the count of its rows. `earlier` are versions that stay for a while.

    The loader records an attempt twice, under one key. While it stages the version, `rows` is null, the object's size 0 and
    `columns` empty: `staged` is false, and nobody publishes it. Once the object is whole, they are what it has, and
    `staged_at` is when that was.
    """

    catalog: Catalog
    schema_name: TableName
    table: TableName
    uuid: UUID
    source: PinnedSource
    spec_digest: str
    spec_modified_at: AwareDatetime
    staged_at: AwareDatetime
    columns: tuple[Column, ...]
    metadata: Metadata
    view: bool = False
    earlier: tuple[Version, ...] = ()

    @property
    def order(self) -> Order:
        """The later upload of the source wins; of one upload, the later spec."""
        return Order(self.source.modified_at, self.spec_modified_at, str(self.uuid))

    @property
    def partition(self) -> str:
        return self.table

    def may_own(self, key: str) -> bool:
        return key.startswith(f"{self.prefix}{self.table}/")

    @property
    def staged(self) -> bool:
        return self.tables[0].rows is not None

    @property
    def rows(self) -> int:
        return self.tables[0].rows or 0

    @property
    def folder(self) -> str:
        return f"{self.prefix}{self.table}/{self.uuid}"

    @property
    def named(self) -> set[str]:
        return self.keys.union(*(version.keys for version in self.earlier))

    @property
    def uuids(self) -> set[UUID]:
        """The version that it shows, and the earlier ones."""
        return {self.uuid, *(version.uuid for version in self.earlier)}

    def over(self, earlier: Self | None, overtaken: Iterable[Self]) -> Self:  # noqa: ARG002
        """Return it with the versions that it replaces. They stay until they are swept: sweeping.py."""
        if earlier is None or earlier.uuid == self.uuid:
            return self if earlier is None else self.model_copy(update={"earlier": earlier.earlier})
        replaced = Version(uuid=earlier.uuid, keys=tuple(sorted(earlier.keys)), replaced_at=self.staged_at)
        there = [replaced, *(version for version in earlier.earlier if version.uuid != self.uuid)]
        since = self.staged_at - KEPT_FOR
        kept = tuple(version for at, version in enumerate(there) if at < KEPT or version.replaced_at > since)
        return self.model_copy(update={"earlier": kept})


def schema_prefix(schema: str) -> str:
    """The prefix of a schema's tables, with a slash at its end."""
    return f"trino/{schema}/"


def version_id(source_uri: str, version: str, spec_digest: str) -> UUID:
    """The uuid of a version: the same source and spec have the same one, whoever asks and how often."""
    return uuid5(NAMESPACE, f"{source_uri}@{version}#{spec_digest}")
