"""Shows a run as it goes: a live table on a terminal, a line for each change elsewhere; then what became of the files."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from local.demo.view import counted, table_of

if TYPE_CHECKING:
    from collections import Counter

    from rich.console import Console

    from local.demo.cubic.checking import Outcome
    from local.demo.cubic.state import Metadata

LINE_SECONDS = 2  # at least, from one line to the next of the same stage
MOST_SHOWN = 20


@dataclass
class View:
    """Context manager; `stage` and `show` say where the run is."""

    console: Console
    _stage: str = ""
    _told: str = ""
    _loads: dict[str, Counter[str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._start, self._last = time.monotonic(), 0.0
        self._spinner = Spinner("dots")
        self._live = Live(get_renderable=self._table, console=self.console, transient=True, refresh_per_second=8)
        if self.console.is_interactive:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_interactive:
            self._live.stop()

    def say(self, line: str, style: str | None = None) -> None:
        """A line that stays."""
        self.console.print(line, style=style)

    def stage(self, text: str) -> None:
        """Begin a stage, or say how far it is."""
        with self._lock:
            begins = text.partition(":")[0] != self._stage.partition(":")[0]
            self._stage = text
        self._line(text, at_once=begins)

    def show(self, metadata: Metadata) -> None:
        """Take the statuses of the loads."""
        with self._lock:
            self._loads = dict(metadata.statuses())
        self._line("; ".join(f"{table}: {statuses_of(loads)}" for table, loads in self._loads.items()))

    def _line(self, text: str, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if (
            not self.console.is_interactive
            and text not in ("", self._told)
            and (at_once or now - self._last >= LINE_SECONDS)
        ):
            self._told, self._last = text, now
            self.say(f"{now - self._start:7.1f} s  {text}")

    def _table(self) -> Table:
        table = Table("", "", "", box=None, pad_edge=False, show_header=False)
        with self._lock:
            table.add_row(self._spinner, self._stage, f"{time.monotonic() - self._start:.0f} s")
            for name, loads in self._loads.items():
                table.add_row("", name, statuses_of(loads), style="dim")
        return table


def statuses_of(loads: dict[str, int]) -> str:
    """`3 archived, 1 errored`."""
    return ", ".join(f"{number:,} {status}" for status, number in sorted(loads.items()))


def show(console: Console, outcome: Outcome) -> None:
    """The tables, the rows, what was refused, and what people were told."""
    console.print(_tables(outcome))
    console.print(_rows(outcome))
    refused = [load for load in outcome.loads if load["reason"]]
    if refused:
        shown = table_of("In the error bucket")
        shown.add_column("file", overflow="fold")
        shown.add_column("reason", overflow="fold")
        for load in refused[:MOST_SHOWN]:
            shown.add_row(load["s3_key"], load["reason"])
        console.print(shown)
        _more(console, len(refused))
    told = [note for note in outcome.notes if not any(load["s3_key"] in note for load in refused)]
    for note in told[:MOST_SHOWN]:
        console.print(f"! {note}", style="yellow")
    _more(console, len(told))
    if len(outcome.problems) > 1:
        for problem in outcome.problems[:MOST_SHOWN]:
            console.print(f"✘ {problem}", style="red")
        _more(console, len(outcome.problems))


def _more(console: Console, number: int) -> None:
    if number > MOST_SHOWN:
        console.print(f"… and {number - MOST_SHOWN:,} more")


def _tables(outcome: Outcome) -> Table:
    shown = table_of("Tables")
    for heading in ("table", "snapshots", "loads"):
        shown.add_column(heading, overflow="fold")
    shown.add_column("current", justify="right")
    for table in outcome.tables:
        current = "" if table.current is None else f"{table.current:,}"
        shown.add_row(table.name, "\n".join(table.snapshots), statuses_of(table.loads), current)
    return shown


def _rows(outcome: Outcome) -> Table:
    shown = table_of("Rows in the raw zone")
    shown.add_column("Glue table", overflow="fold")
    shown.add_column("rows", justify="right")
    for table in outcome.tables:
        for name, number in table.rows.items():
            shown.add_row(name, f"{number:,}")
    return shown


def sentence(outcome: Outcome, seconds: float) -> str:
    """The end of the run, in one line."""
    if len(outcome.problems) == 1:
        return f"✘ {outcome.problems[0]}."
    if outcome.problems:
        return f"✘ Not all is where it belongs: {len(outcome.problems):,} problems, as above."
    rows = sum(number for table in outcome.tables for number in table.rows.values())
    errored = sum(load["status"] == "errored" for load in outcome.loads)
    return (
        f"✔ {counted(len(outcome.loads), 'file')}: {counted(rows, 'row')} in the lake, each as its file has it, "
        f"{errored:,} refused with a reason. Incoming is empty. {seconds:.0f} s."
    )
