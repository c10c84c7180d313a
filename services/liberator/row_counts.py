"""What a load put into its snapshot: written beside the dump by the loader, read by the copier."""

from enum import StrEnum

from pydantic import AwareDatetime, Field

from ingestion.messages import Frozen


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
    """How many rows each table had, in `snapshot`. `dump` is the S3 URI of the file, `uploaded_at` its LastModified.

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
