"""The manifest of an export: where it is, and which of two wins."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ingestion.landing_zone.manifest import attempts_prefix
from ingestion.messages import Run
from liberator import naming
from liberator.manifest import ExportManifest

DAY = date(2021, 6, 4)
TAKEN = datetime(2021, 6, 4, 10, 15, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def manifest(task: str = "task-1", *, at: datetime = TAKEN, uploaded_at: datetime | None = None) -> ExportManifest:
    return ExportManifest(
        prefix=naming.landing_prefix("liberator"),
        database="liberator",
        run=Run(import_date=DAY, backdated=False),
        correlation_id="c",
        export_task_identifier=task,
        uploaded_at=uploaded_at,
        snapshot_time=at,
        tables=(),
    )


def test_it_and_its_attempts_are_apart_from_the_data() -> None:
    found = manifest()
    assert found.key == "_manifests/parking/liberator/import_date=20210604.json"
    assert found.attempt_key == "_manifests/parking/liberator/attempts/import_date=20210604/task-1.json"
    assert found.attempt_key.startswith(attempts_prefix(found.prefix, found.partition))


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (manifest(uploaded_at=TAKEN - 2 * HOUR, at=TAKEN + HOUR), manifest(uploaded_at=TAKEN - HOUR)),
        (manifest("task-2", uploaded_at=TAKEN - HOUR), manifest(uploaded_at=TAKEN - HOUR, at=TAKEN + HOUR)),
        (manifest("task-1", uploaded_at=TAKEN), manifest("task-2", uploaded_at=TAKEN)),
        (manifest(uploaded_at=TAKEN - HOUR), manifest()),
        (manifest(), manifest(uploaded_at=TAKEN + HOUR, at=TAKEN + 2 * HOUR)),
    ],
    ids=["a later upload", "a later snapshot of one upload", "the same moment", "no upload known", "one known after it"],
)
def test_the_latest_upload_wins_and_of_it_the_latest_snapshot(earlier: ExportManifest, later: ExportManifest) -> None:
    assert earlier.order < later.order
