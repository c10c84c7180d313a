"""Counts of the rows that a load put into its snapshot: written beside the dump by the loader, read by the copier."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, Field, ValidationError

from ingestion.aws_errors import explained
from ingestion.errors import UnreadableObject
from ingestion.messages import Frozen, problems
from ingestion.s3_uri import split_s3_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class OriginalNames(Frozen):
    """The dump's own names of a table, and of its columns, that the loader has renamed for the export.

    `table` is null where only columns were renamed. `columns` maps the new name of each such column to the dump's.
    """

    table: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)


class RemarkKind(StrEnum):
    """`TABLE_CONVERTED` takes nothing away: it is kept, and nobody is told, or they would be told every night."""

    VALUES_CHANGED = "ValuesChanged"
    NO_SIGN_OF_END = "NoSignOfEnd"
    TABLE_CONVERTED = "TableConverted"


class Remark(Frozen):
    """Something about a load that a person should know, and that did not stop it.

    `code` is the server's, of a warning. `table` has the dump's own name. `count` is how often it happened; of the first
    time are `statement`, `line` (both from 1) and `text`.
    """

    kind: RemarkKind
    text: str
    code: int | None = None
    table: str | None = None
    count: int = 1
    statement: int | None = None
    line: int | None = None

    def __str__(self) -> str:
        said = f"{self.text} (warning {self.code})" if self.code else self.text
        first = f"statement {self.statement}, line {self.line}" if self.statement else ""
        where = ", ".join(filter(None, (f"table {self.table}" if self.table else "", first)))
        times = f", {self.count:,} times" if self.count > 1 else ""
        return f"{where}{times}: {said}" if where else f"{said}{times}"


class RowCounts(Frozen):
    """The number of rows of each table in `snapshot`. `dump` is the S3 URI of the file, `uploaded_at` its LastModified.

    `views` have no rows of their own. `originals` has the tables that the loader renamed, wholly or in part, by their new
    names: all names here are those that the export has.
    """

    database: str
    dump: str
    uploaded_at: AwareDatetime
    snapshot: str
    tables: dict[str, int]
    views: tuple[str, ...] = ()
    originals: dict[str, OriginalNames] = Field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()


def read(uri: str, s3: S3Client) -> RowCounts:
    """The row counts of one load. Raises UnreadableObject, and NotFound where there are none."""
    bucket, key = split_s3_uri(uri)
    with explained(f"reading the loader's row counts {uri}"):
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        return RowCounts.model_validate_json(body)
    except ValidationError as error:
        raise UnreadableObject(
            f"The row counts {uri} are not as the loader writes them: {problems(error)}. Load the dump again."
        ) from error
