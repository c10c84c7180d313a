"""The rows of each table after the load: counted by the loader, checked by the copier."""

from ingestion.messages import Frozen


class RowCounts(Frozen):
    """Kept as JSON at `naming.row_counts_uri`. `tables` maps every base table of `database` to its rows."""

    database: str
    dump: str
    snapshot: str
    tables: dict[str, int]
