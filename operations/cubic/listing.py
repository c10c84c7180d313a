"""All loads of a table, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, BaseModel

from cubic import snapshots
from cubic.loads import Load, LoadStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from operations.cubic.metadata import Ask


class ListedLoad(BaseModel):
    """A load as it stands. `misfiled`: its partition and its file are on their way to another snapshot."""

    load_id: int
    table: str
    status: LoadStatus
    s3_key: str
    s3_version: str
    s3_modified: AwareDatetime
    s3_size: int
    snapshot: AwareDatetime | None
    misfiled: bool
    rows: int | None
    reason: str | None
    kept_key: str | None
    kept_version: str | None
    description: dict[str, Any] | None

    @property
    def version(self) -> tuple[datetime, str]:
        """Greater for the later version of a file, as the job has it."""
        return self.s3_modified, self.s3_version

    def as_load(self) -> Load:
        return Load(
            self.load_id,
            self.s3_key,
            self.s3_version,
            self.s3_modified,
            self.s3_size,
            snapshot=self.snapshot,
            description=self.description,
        )

    @property
    def snapshot_text(self) -> str | None:
        return snapshots.text(self.snapshot) if self.snapshot else None


def loads(
    ask: Ask,
    *,
    table: str | None = None,
    status: str | None = None,
    snapshot: datetime | None = None,
    ids: list[int] | None = None,
    described: bool = False,
) -> Iterator[dict[str, Any]]:
    """Each load, as the database's answer has it."""
    at = snapshot.isoformat() if snapshot else None
    of = {"table": table, "status": status, "snapshot": at, "ids": ids, "described": described}
    after: int | None = 0
    while after is not None:
        page = ask({"command": "list_loads", **of, "after": after})
        yield from page["loads"]
        after = page["after"]
