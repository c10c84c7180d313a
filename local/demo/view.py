"""Shows a run as it goes: a live table on a terminal, a line for each step elsewhere; then what became of each day."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

if TYPE_CHECKING:
    from local.demo.landed import TableReport
    from local.demo.night import Night
    from local.demo.zones import ZoneTable
    from local.emulator.story import Entry

# stage → what begins it, what ends it (entries of the story)
STAGES = {
    "load into the database": ("Task started", "RDS-EVENT-0040"),
    "snapshot": ("RDS-EVENT-0040", "RDS-EVENT-0042"),
    "export to Parquet": ("RDS-EVENT-0042", "RDS-EVENT-0161"),
    "copy to landing zone": ("RDS-EVENT-0161", "LandingZoneUpdated"),
}
START, GLUE = "start database and AWS", "raw and refined zone"
GLUE_STAGE = {GLUE: ("Glue job started", "Workflow ended")}
NO_TERMINAL_WIDTH = 1000  # in a file nothing has to fit a width, and names are to be found again
_NEWS = {"Loader warns", "Glue job ended", "Invocation failed", "Trouble"}
_TOLD_AT_THE_END = {"Loader failed", "IngestionFailed", "Alert"}


def console(stream: IO[str]) -> Console:
    """A console on a stream. Where it is no terminal its lines are as long as they are, without any control codes."""
    return _Console(
        file=stream, highlight=False, markup=False, soft_wrap=True, width=None if stream.isatty() else NO_TERMINAL_WIDTH
    )


def counted(number: int, noun: str) -> str:
    """`1 table`, `1,200 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Goes on without a word: who reads no further still wants the exit code, and nothing left behind."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


@dataclass
class View:
    """Context manager; `show` takes each entry of the story, from any thread. With `several` days each has one line."""

    console: Console
    glue: bool = False
    several: bool = False

    def __enter__(self) -> Self:
        self._stages = STAGES | GLUE_STAGE if self.glue else STAGES
        self._lock = threading.Lock()
        self._spinner = Spinner("dots")
        self._start = time.monotonic()
        self._up = 0.0
        self._over = False
        self.begin("")
        self._live = Live(get_renderable=self._table, console=self.console, transient=self.several, refresh_per_second=8)
        if self.console.is_interactive:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        if self.console.is_interactive:
            self._live.stop()

    def say(self, line: str, style: str | None = None) -> None:
        """A line that stays, above the live table."""
        self.console.print(line, style=style)

    def begin(self, day: str) -> None:
        """From now on the stages are those of this day."""
        with self._lock:
            self._day = day
            self._began: dict[str, float] = {}
            self._ended: dict[str, float] = {}
            self._note: dict[str, str] = {}

    def end(self, night: Night) -> None:
        """Show the day's end: one line where there are several days, else its tables."""
        if self.several:
            self.say(night.sentence, style="red" if night.problems else None)
        else:
            self.__exit__()
            for table in [tables_table(night.tables)] * bool(night.tables) + [zones_table(night.zones)] * bool(night.zones):
                self.console.print(table)
        for note in night.notes:
            self.say(f"! {note}", style="yellow")

    def show(self, entry: Entry) -> None:
        """Takes one entry."""
        with self._lock:
            if entry.queue is None:
                self._mark(entry)
            self._take_note(entry)
        text = "" if entry.stage in _TOLD_AT_THE_END else entry.text
        if not self.console.is_interactive:
            where = f" → {entry.queue}" + (f", delay {entry.delay} s" if entry.delay else "") if entry.queue else ""
            self.say(f"{entry.at:7.1f} s  {entry.stage}{where}  {text}".rstrip())
        elif entry.stage in _NEWS:
            self.say(f"{entry.stage}: {text}")

    def _mark(self, entry: Entry) -> None:
        for stage, (first, last) in self._stages.items():
            # A poll may have seen the end of a snapshot or an export before RDS told of it.
            over = entry.stage == "LandingZoneUpdated" and stage in STAGES
            if entry.stage == first or over:
                self._up = self._up or entry.at
                self._began.setdefault(stage, entry.at)
            if over or (entry.stage == last and stage in self._began):
                self._ended.setdefault(stage, entry.at)

    def _take_note(self, entry: Entry) -> None:
        if entry.stage == "Loader":
            self._note["load into the database"] = entry.text
        elif entry.stage == "Glue job":
            self._note[GLUE] = entry.text
        elif entry.queue and entry.stage in {"ExportSnapshot", "CopyExport"}:
            stage = "snapshot" if entry.stage == "ExportSnapshot" else "export to Parquet"
            self._note[stage] = f"{entry.stage} is back in {entry.delay} s"

    def _table(self) -> Table:
        now = time.monotonic() - self._start
        table = Table("", self._day or "stage", "seconds", "", box=None, pad_edge=False)
        table.columns[2].justify = "right"
        table.columns[3].no_wrap = True
        with self._lock:
            rows = {START: (0.0, self._up or None, "")} | {
                stage: (self._began.get(stage), self._ended.get(stage), self._note.get(stage, "")) for stage in self._stages
            }
        for stage, (begun, ended, note) in rows.items():
            if begun is None:
                table.add_row(" ", stage, "", "", style="dim")
            else:
                seconds = (now if ended is None else ended) - begun
                mark = "✔" if ended else "✘" if self._over else self._spinner
                table.add_row(mark, stage, f"{seconds:.1f}", "" if ended else note)
        return table


def table_of(title: str) -> Table:
    """An empty table with a title."""
    return Table(title=f"\n{title}", box=SIMPLE_HEAD, title_justify="left", show_edge=False, pad_edge=False)


def tables_table(tables: list[TableReport]) -> Table:
    """The tables of the landing zone."""
    shown = table_of("Landing zone")
    shown.add_column("table", overflow="fold")
    for heading in ("rows loaded", "rows landed", "objects", "bytes"):
        shown.add_column(heading, justify="right")
    for t in tables:
        style = "red" if t.rows_loaded != t.rows_landed else None
        loaded = "not counted" if t.rows_loaded is None else f"{t.rows_loaded:,}"
        name = f"{t.name} ({t.original_name})" if t.original_name else t.name
        shown.add_row(name, loaded, f"{t.rows_landed:,}", f"{t.objects:,}", f"{t.bytes:,}", style=style)
    totals = [sum(getattr(t, name) or 0 for t in tables) for name in ("rows_loaded", "rows_landed", "objects", "bytes")]
    shown.add_section()
    shown.add_row(counted(len(tables), "table"), *(f"{total:,}" for total in totals))
    return shown


def zones_table(tables: list[ZoneTable]) -> Table:
    """The raw and the refined zone, below it."""
    shown = table_of("Raw and refined zone")
    for heading in ("zone", "table"):
        shown.add_column(heading, overflow="fold")
    for heading in ("rows", "files", "bytes"):
        shown.add_column(heading, justify="right")
    for t in tables:
        shown.add_row(t.zone, t.name, f"{t.rows:,}", f"{t.files:,}", f"{t.bytes:,}")
    return shown


def seconds_of(entries: list[Entry]) -> dict[str, float]:
    """Return the seconds that each stage took, and the whole."""
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
