"""What a load put into its snapshot: written beside the dump by the loader, read by the copier."""

from pydantic import AwareDatetime

from ingestion.messages import Frozen
from ingestion.naming import exported_name


class RowCounts(Frozen):
    """How many rows each table had, in `snapshot`. `dump` is the S3 URI of the file, `uploaded_at` its LastModified.

    `views` have no rows of their own.
    """

    database: str
    dump: str
    uploaded_at: AwareDatetime
    snapshot: str
    tables: dict[str, int]
    views: tuple[str, ...] = ()

    @property
    def exported(self) -> dict[str, int]:
        """`tables` by the names that they have in an export."""
        return {exported_name(name): rows for name, rows in self.tables.items()}

    @property
    def exported_views(self) -> set[str]:
        return set(map(exported_name, self.views))
