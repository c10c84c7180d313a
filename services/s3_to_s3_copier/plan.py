"""Plans an export's landing: the key of each copy, and the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.landing_zone.copying import Original
from ingestion.landing_zone.manifest import LandedObject
from liberator import naming
from liberator.manifest import ExportedColumn, ExportedTable, ExportManifest
from liberator.row_counts import OriginalNames

if TYPE_CHECKING:
    from liberator.messages import CopyExport
    from s3_to_s3_copier.finished_export import Export


def planned(command: CopyExport, export: Export, bucket: str) -> tuple[ExportManifest, dict[str, Original]]:
    """The manifest, and key in the zone → object of the export's bucket."""
    counts = export.counts
    rows, originals = (counts.tables, counts.originals) if counts else ({}, {})
    files = naming.landing_keys((f for table in export.tables.values() for f in table), command.run.import_date)
    objects: dict[str, list[LandedObject]] = {name: [] for name in export.tables}
    for key, file in sorted(files.items()):
        objects[file.table.removeprefix(f"{file.database}.")].append(LandedObject(key=key, size=file.size))
    manifest = ExportManifest(
        prefix=naming.landing_prefix(export.database),
        database=export.database,
        run=command.run,
        correlation_id=command.correlation_id,
        export_task_identifier=export.task_identifier,
        uploaded_at=counts.uploaded_at if counts else None,
        snapshot_time=export.snapshot_time,
        tables=tuple(
            _table(name, rows.get(name), found, export, originals.get(name, OriginalNames()))
            for name, found in sorted(objects.items())
        ),
        remarks=counts.remarks if counts else (),
        warnings=export.warnings,
    )
    return manifest, {key: Original(bucket, file.key, file.size) for key, file in files.items()}


def _table(
    name: str, rows: int | None, objects: list[LandedObject], export: Export, original: OriginalNames
) -> ExportedTable:
    columns = (ExportedColumn(**c.model_dump(), original_name=original.columns.get(c.name)) for c in export.columns[name])
    return ExportedTable(name=name, original_name=original.table, rows=rows, objects=tuple(objects), columns=tuple(columns))
