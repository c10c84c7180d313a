"""Shows a run as it goes: a live table on a terminal, a line for each step elsewhere."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from local.landed import TableReport
from local.story import Entry
from local.zones import ZoneTable

# stage → what begins it, what ends it (entries of the story)
STAGES = {
    "load into MySQL": ("Task started", "RDS-EVENT-0040"),
    "snapshot": ("RDS-EVENT-0040", "RDS-EVENT-0042"),
    "export to Parquet": ("RDS-EVENT-0042", "RDS-EVENT-0161"),
    "copy to landing zone": ("RDS-EVENT-0161", "LandingZoneUpdated"),
}
GLUE = {"raw and refined zone": ("Glue job started", "Workflow ended")}
_NEWS = {"Glue job ended", "Loader", "Task stopped", "IngestionFailed", "Alert", "Invocation failed", "Trouble"}


@dataclass
class View:
    """Context manager; `show` takes each entry of the story, from any thread. `stages`: STAGES, and GLUE where it runs."""

    console: Console
    stages: dict[str, tuple[str, str]]

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._began: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self._note: dict[str, str] = {}
        self._spinner = Spinner("dots")
        self._start = time.monotonic()
        self._live = Live(get_renderable=self._table, console=self.console, transient=True, refresh_per_second=8)
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self._live.stop()

    def show(self, entry: Entry) -> None:
        """Takes one entry."""
        with self._lock:
            for stage, (first, last) in self.stages.items():
                if entry.stage == first and entry.queue is None:
                    self._began.setdefault(stage, entry.at)
                if entry.stage == last and entry.queue is None and stage in self._began:
                    self._ended.setdefault(stage, entry.at)
            if entry.stage == "Loader":
                self._note["load into MySQL"] = entry.text
            if entry.stage == "Glue job":
                self._note["raw and refined zone"] = entry.text
            if entry.queue and entry.stage in {"ExportSnapshot", "CopyExport"}:
                stage = "snapshot" if entry.stage == "ExportSnapshot" else "export to Parquet"
                self._note[stage] = f"{entry.stage} put on {entry.queue}, delay {entry.delay} s"
        if not self.console.is_terminal:
            where = f" → {entry.queue}" + (f", delay {entry.delay} s" if entry.delay else "") if entry.queue else ""
            self.console.print(f"{entry.at:7.1f} s  {entry.stage}{where}  {entry.text}", highlight=False, soft_wrap=True)
        elif entry.stage in _NEWS - {"Loader"}:
            self._live.console.print(f"{entry.stage}: {entry.text}", highlight=False)

    def _table(self) -> Table:
        now = time.monotonic() - self._start
        table = Table("", "stage", "seconds", "", box=None, pad_edge=False)
        with self._lock:
            for stage in self.stages:
                begun, ended = self._began.get(stage), self._ended.get(stage)
                if begun is None:
                    table.add_row(" ", stage, "", "", style="dim")
                else:
                    mark = "✔" if ended is not None else self._spinner
                    seconds = (ended if ended is not None else now) - begun
                    table.add_row(mark, stage, f"{seconds:.1f}", self._note.get(stage, "") if ended is None else "")
        return table


def tables_table(tables: list[TableReport]) -> Table:
    """The table of tables that ends a run."""
    shown = Table(title="Landing zone")
    shown.add_column("table", overflow="fold")
    for heading in ("rows loaded", "rows landed", "objects", "bytes"):
        shown.add_column(heading, justify="right")
    for t in tables:
        style = "red" if t.rows_loaded != t.rows_landed else None
        shown.add_row(t.name, f"{t.rows_loaded:,}", f"{t.rows_landed:,}", f"{t.objects:,}", f"{t.bytes:,}", style=style)
    totals = [sum(getattr(t, name) or 0 for t in tables) for name in ("rows_loaded", "rows_landed", "objects", "bytes")]
    shown.add_section()
    shown.add_row(f"{len(tables)} tables", *(f"{total:,}" for total in totals))
    return shown


def zones_table(tables: list[ZoneTable]) -> Table:
    """The raw and the refined zone, below it."""
    shown = Table(title="Raw and refined zone")
    for heading in ("zone", "table"):
        shown.add_column(heading, overflow="fold")
    for heading in ("rows", "files", "bytes"):
        shown.add_column(heading, justify="right")
    for t in tables:
        shown.add_row(t.zone, t.name, f"{t.rows:,}", f"{t.files:,}", f"{t.bytes:,}")
    return shown


def seconds_of(entries: list[Entry]) -> dict[str, float]:
    """How long each stage took, and the whole, in seconds."""
    at: dict[str, float] = {}
    for entry in entries:
        if entry.queue is None:
            at.setdefault(entry.stage, entry.at)
    # A poll may see that a snapshot or an export is complete before its event is told.
    for late in ("RDS-EVENT-0161", "RDS-EVENT-0042"):
        at[late] = min(at.get(late, at["LandingZoneUpdated"]), at["LandingZoneUpdated"])
    names = dict(zip(STAGES, ("load", "snapshot", "export", "copy"), strict=True))
    seconds = {names[stage]: round(at[last] - at[first], 2) for stage, (first, last) in STAGES.items()}
    if "Workflow ended" in at:
        seconds["glue"] = round(at["Workflow ended"] - at["LandingZoneUpdated"], 2)
    return seconds | {"total": round(max(at["LandingZoneUpdated"], at.get("Workflow ended", 0.0)) - at["Task started"], 2)}
