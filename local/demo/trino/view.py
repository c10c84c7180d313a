"""Shows a table and its versions, and the end of the run in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.demo.view import counted, table_of

if TYPE_CHECKING:
    from rich.console import Console

    from local.demo.trino.outcome import Outcome

MOST_SHOWN = 20


def show(console: Console, outcome: Outcome) -> None:
    """The columns, the statement that makes the table, the versions, and what is wrong."""
    columns = table_of(f"{outcome.schema}.{outcome.table}: {(outcome.comment or 'no comment').splitlines()[0]}")
    for heading in ("column", "type", "comment"):
        columns.add_column(heading, overflow="fold")
    for it in outcome.columns:
        columns.add_row(it["name"], it["type"], it["comment"] or "")
    console.print(columns)
    console.print(f"\n{outcome.created}")
    versions = table_of("Versions, each read back whole")
    for heading in ("uuid", "file", "rows", "seen by the reader"):
        versions.add_column(heading, overflow="fold")
    for version in outcome.versions:
        versions.add_row(version["uuid"], version["of"], f"{version['rows']:,}", counted(version["reads"], "time"))
    console.print(versions)
    if len(outcome.problems) > 1:
        for problem in outcome.problems[:MOST_SHOWN]:
            console.print(f"✘ {problem}", style="red")


def sentence(outcome: Outcome, seconds: float) -> str:
    """The end of the run, in one line."""
    if len(outcome.problems) == 1:
        return f"✘ {outcome.problems[0]}."
    if outcome.problems:
        return f"✘ Not all is as it should be: {len(outcome.problems):,} problems, as above."
    return (
        f"✔ {outcome.schema}.{outcome.table}: {counted(outcome.rows, 'row')} of {counted(len(outcome.columns), 'column')}, "
        f"each value as the source has it. {counted(outcome.reader['reads'], 'read')} during the second ingestion saw "
        f"whole versions only. {seconds:.0f} s."
    )
