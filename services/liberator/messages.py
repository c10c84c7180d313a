"""The messages of a dump's way into the landing zone."""

from typing import Annotated, Literal

from pydantic import Field

from ingestion.messages import REASON_LIMIT, Command, Message, shortened

# The name of a snapshot (RDS allows 255 characters) or an export task (60). It becomes part of a key, hence the pattern.
# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html
RdsName = Annotated[str, Field(pattern=r"^[A-Za-z](-?[A-Za-z0-9])*$", max_length=255)]


class ExportSnapshot(Command):
    """Export this snapshot to S3 once it is available."""

    kind: Literal["ExportSnapshot"] = "ExportSnapshot"
    snapshot_identifier: RdsName


class CopyExport(Command):
    """Copy this export to the landing zone once it is complete."""

    kind: Literal["CopyExport"] = "CopyExport"
    export_task_identifier: RdsName


class LandingZoneUpdated(Message):
    """A day is whole in the landing zone. Read the objects that the manifest names, never a listing.

    The counts are of the whole day: a list of tables would at some number of them exceed what SNS takes. `rows` is what the
    loader counted after the load; null where it left no count. `warnings` are those of the export, each in the manifest.
    """

    kind: Literal["LandingZoneUpdated"] = "LandingZoneUpdated"
    export_task_identifier: str
    landing_prefix: str
    manifest: str
    tables: int
    objects: int
    bytes: int
    rows: int | None
    warnings: int


class LoadedWithRemarks(Message):
    """A dump was loaded and goes on, and a person should look at it. `reason` is cut where it is long."""

    kind: Literal["LoadedWithRemarks"] = "LoadedWithRemarks"
    reason: Annotated[str, shortened(REASON_LIMIT)]
