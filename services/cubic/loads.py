"""A load: one version of one file of Incoming, its statuses, and why it may be refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


class LoadStatus(StrEnum):
    """The eight statuses. The database has the same as the type `cubic_load_status`."""

    READY = "ready"
    INGESTING = "ingesting"
    READY_FOR_ARCHIVING = "ready_for_archiving"
    READY_FOR_ERRORING = "ready_for_erroring"
    ARCHIVING = "archiving"
    ERRORING = "erroring"
    ARCHIVED = "archived"
    ERRORED = "errored"


# A trigger of the database refuses every other change; the table `cubic_load_transitions` holds the same pairs.
TRANSITIONS = frozenset(
    {
        (LoadStatus.READY, LoadStatus.INGESTING),
        (LoadStatus.READY, LoadStatus.READY_FOR_ERRORING),
        (LoadStatus.INGESTING, LoadStatus.READY),
        (LoadStatus.INGESTING, LoadStatus.READY_FOR_ARCHIVING),
        (LoadStatus.INGESTING, LoadStatus.READY_FOR_ERRORING),
        (LoadStatus.READY_FOR_ARCHIVING, LoadStatus.ARCHIVING),
        (LoadStatus.ARCHIVING, LoadStatus.READY_FOR_ARCHIVING),
        (LoadStatus.ARCHIVING, LoadStatus.ARCHIVED),
        (LoadStatus.READY_FOR_ERRORING, LoadStatus.ERRORING),
        (LoadStatus.ERRORING, LoadStatus.READY_FOR_ERRORING),
        (LoadStatus.ERRORING, LoadStatus.ERRORED),
    }
)


class ReasonCode(StrEnum):
    """Why a load is refused, in a word. Five in a row with one code pause their table."""

    EMPTY_FILE = "empty_file"
    NO_SNAPSHOT = "no_snapshot"
    RAGGED_ROW = "ragged_row"
    WRONG_HEADER = "wrong_header"
    BAD_ENCODING = "bad_encoding"
    UNCLOSED_QUOTE = "unclosed_quote"
    CUT_GZIP = "cut_gzip"
    NOT_JSON = "not_json"
    COUNT_MISMATCH = "count_mismatch"
    DEAD_RUNS = "dead_runs"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a load is refused. `text` is one sentence: the fault, its place and the remedy."""

    code: ReasonCode
    text: str

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


@dataclass(frozen=True, slots=True)
class Found:
    """One version of an object in Incoming. `s3_modified` is aware, to the second, as S3 has it."""

    s3_key: str
    s3_version: str
    s3_modified: datetime
    s3_size: int
    etag: str


@dataclass(frozen=True, slots=True)
class Load:
    """A claimed load. `snapshot`, null outside ODS, is the one under which this batch has to write it.

    `description` is the JSON of the DFM that came with the file, if one came.
    """

    load_id: int
    s3_key: str
    s3_version: str
    s3_modified: datetime
    s3_size: int
    snapshot: datetime | None
    description: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Loads of one table that one run of the Glue job ingests. Without `job_run_id` no run is known yet."""

    id: UUID
    table: str
    loads: tuple[Load, ...]
    job_run_id: str | None


@dataclass(frozen=True, slots=True)
class Ingested:
    """A load that is in the raw zone."""

    rows: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A load that cannot be read; nothing of it is in the raw zone."""

    reason: Reason
