"""Any message of ours, as tests read what was sent."""

from ingestion.messages import IngestionFailed, parse
from liberator.messages import CopyExport, ExportSnapshot, LandingZoneUpdated, LoadedWithRemarks

AnyMessage = ExportSnapshot | CopyExport | LandingZoneUpdated | LoadedWithRemarks | IngestionFailed


def parse_message(body: str | bytes) -> AnyMessage:
    return parse(body, AnyMessage)
