"""How many rows each table had after the load: written beside the dump by the loader, compared by the copier."""

from ingestion.messages import Frozen


class RowCounts(Frozen):
    """`dump` is its S3 URI, `snapshot` the identifier of the snapshot that was taken of exactly these rows."""

    database: str
    dump: str
    snapshot: str
    tables: dict[str, int]
