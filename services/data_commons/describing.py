"""Reads back what is known of a table: its manifest, and what Trino shows of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from data_commons import sql
from ingestion.errors import NotFound

if TYPE_CHECKING:
    from data_commons.publishing import Commons


def describe(schema: str, table: str, at: Commons) -> dict[str, Any]:
    """Return the manifest, and the table or view as Trino shows it, null where it shows none. Raises NotFound."""
    manifest = at.committed(schema, table)
    if manifest is None:
        raise NotFound(f"s3://{at.zone.bucket} has no manifest of {schema}.{table}. Check both names, and the catalog.")
    wanted = at.wanted(manifest)
    shown = at.tables.shown(wanted.name)
    if shown is None:
        return {"manifest": manifest.model_dump(mode="json"), "trino": None}
    keys = list(wanted.properties)
    of = wanted.name.beside(shown.behind) if shown.behind else wanted.name
    [kept] = at.tables.query(sql.properties(of, keys))
    return {
        "manifest": manifest.model_dump(mode="json"),
        "trino": asdict(shown) | {"rows": at.tables.count(wanted.name), "properties": dict(zip(keys, kept, strict=True))},
    }
