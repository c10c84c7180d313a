"""The configuration of tables and feeds, as tables.yaml and requests have it."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from cubic.keys import CHANGES, CURRENT, ROOT, Stream, table_name
from ingestion.messages import Frozen

_PREFIX = re.compile(rf"{ROOT}({'|'.join(Stream)})/[^/\x00-\x1f\x7f]*[A-Za-z0-9][^/\x00-\x1f\x7f]*/")

# A column of the raw zone: names there are lower-case. Without backticks, which quote it in the view's SQL.
Column = Annotated[str, Field(pattern=r"^[^\x00-\x1f`\"A-Z]+$", max_length=255)]


class TableConfig(Frozen):
    """One table. `s3_prefix` is `cubic/ods_qlik/EDW.SAMPLE/`, which stands for its changes too.

    A table of ODS with `key_columns` gets the view of its current state. `sparse_updates`: a null in an update means
    unchanged.
    """

    s3_prefix: Annotated[str, Field(max_length=200)]
    key_columns: tuple[Column, ...] = ()
    sparse_updates: bool = True
    is_active: bool = True

    @field_validator("s3_prefix")
    @classmethod
    def _names_a_table(cls, prefix: str) -> str:
        if not _PREFIX.fullmatch(prefix):
            raise ValueError(
                f"a prefix is {', '.join(f'{ROOT}{stream}/…/' for stream in Stream)}: one folder, with a slash at its end"
            )
        if table_name(prefix).endswith((CHANGES, CURRENT)):
            raise ValueError(f"a table's name must not end in {CHANGES} or {CURRENT}, which its own tables and views have")
        return prefix

    @property
    def name(self) -> str:
        return table_name(self.s3_prefix)

    @property
    def stream(self) -> Stream:
        return Stream(self.s3_prefix.split("/")[1])


class FeedConfig(Frozen):
    """One feed of the DMAP API. The tables of its datasets are configured by themselves."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]*[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]
    relative_url: Annotated[str, Field(pattern=r"^/?[A-Za-z0-9_~./-]+$", max_length=500)]
    is_active: bool = True


class Configuration(Frozen):
    """The whole of tables.yaml. A list by itself is one of tables."""

    tables: tuple[TableConfig, ...] = ()
    feeds: tuple[FeedConfig, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _takes_a_list(cls, given: object) -> object:
        return {"tables": given} if isinstance(given, list) else given

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        names = [table.name for table in self.tables] + [f"feed {feed.name}" for feed in self.feeds]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"named twice: {', '.join(twice)}")
        return self


class Table(Frozen):
    """A table as it is configured and as it stands."""

    config: TableConfig
    paused_because: str | None

    @property
    def name(self) -> str:
        return self.config.name


class Feed(Frozen):
    """A feed as it is configured. Everything updated before `last_updated` is fetched; null: from the beginning."""

    id: int
    config: FeedConfig
    last_updated: date | None
