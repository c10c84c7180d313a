"""What a load put into its snapshot: written beside the dump by the loader, read by the copier."""

from pydantic import AwareDatetime, Field

from ingestion.messages import Frozen


class OriginalNames(Frozen):
    """What the dump calls a table, and columns of it, that the loader has renamed for the export.

    `table` is null where only columns were renamed. `columns` maps the new name of each such column to the dump's.
    """

    table: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)


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
