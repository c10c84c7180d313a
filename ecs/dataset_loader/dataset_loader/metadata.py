"""Metadata in the Parquet schema: `metaset` of the table, `metafields` of its columns, and each field's own.

The keys hold JSON, and are those that OS-Climate's readers look for. Everything that the source's schema had stays, above
all the key `pandas`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from data_commons.manifest import Column
    from data_commons.spec import Metadata
    from dataset_loader.plan import Planned

METASET, METAFIELDS = b"metaset", b"metafields"


def schema_of(plan: Sequence[Planned], metadata: Metadata, of_source: Mapping[bytes, bytes]) -> pa.Schema:
    """Return the schema that is written."""
    fields = [
        pa.field(planned.column.name, planned.type, metadata={**planned.metadata, **_encoded(planned.column)})
        for planned in plan
    ]
    combined = {
        **of_source,
        METASET: json.dumps(metadata.model_dump(exclude_none=True), ensure_ascii=False).encode(),
        METAFIELDS: json.dumps(
            {planned.column.name: _about(planned.column) for planned in plan}, ensure_ascii=False
        ).encode(),
    }
    return pa.schema(fields, metadata=combined)


def _about(column: Column) -> dict[str, str | list[str]]:
    about = column.model_dump(mode="json", include={"description", "dimension", "source", "notes"}, exclude_none=True)
    return {key: value for key, value in about.items() if value}


def _encoded(column: Column) -> dict[bytes, bytes]:
    return {
        key.encode(): (value if isinstance(value, str) else "; ".join(value)).encode()
        for key, value in _about(column).items()
    }
