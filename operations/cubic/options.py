"""The commands of Cubic, and their options."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cubic.loads import LoadStatus


def add_to(sources: Any) -> None:
    """Add `cubic …` to the parser's sources."""
    cubic = sources.add_parser("cubic", help="files of ODS, DMAP and Kafka", allow_abbrev=False)
    commands = cubic.add_subparsers(dest="command", required=True, metavar="command")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        made.add_argument("--prefix", help="the stack's Prefix; by default the variable PREFIX")
        made.add_argument("--json", action="store_true", help="the answer as JSON")
        made.add_argument(
            "--direct",
            action="store_true",
            help="reach the database itself, by the variables DB_HOST and so on of a function",
        )
        return made

    command("tables", "The tables, and why one is paused")
    put_table = command("put-table", "Configure a table, anew or again")
    put_table.add_argument("s3_prefix", help="cubic/ods_qlik/EDW.SAMPLE/, which stands for its changes too")
    put_table.add_argument(
        "--key-column", action="append", default=[], dest="key_columns", help="with one or more, ODS has a current state"
    )
    put_table.add_argument(
        "--whole-updates", action="store_false", dest="sparse_updates", help="a null in an update means null, not unchanged"
    )
    put_table.add_argument("--inactive", action="store_false", dest="is_active", help="take nothing more of it")
    pause = command("pause", "Take nothing more of a table for now")
    pause.add_argument("table")
    pause.add_argument("--because", required=True, help="for whoever looks at it next")
    command("resume", "Take files of a paused table again").add_argument("table")
    command("feeds", "The DMAP feeds, and until when they are fetched")
    put_feed = command("put-feed", "Configure a DMAP feed, anew or again")
    put_feed.add_argument("name")
    put_feed.add_argument("relative_url", help="/datasets/agg_sample")
    put_feed.add_argument("--inactive", action="store_false", dest="is_active", help="fetch nothing more of it")
    command("apply", "Configure all tables and feeds of a file").add_argument("file", type=Path, help="YAML, as tables.yaml")
    loads = command("loads", "How many loads there are of each table and status; with an option, each of them")
    loads.add_argument("--table", help="as the command tables names it")
    loads.add_argument("--status", choices=[*LoadStatus], metavar="STATUS", help=", ".join(LoadStatus))
    command("snapshots", "The snapshots of a table of ODS").add_argument("table")
    rebuild = command("rebuild", "Make partitions of the raw zone anew, from the archive")
    rebuild.add_argument("table")
    rebuild.add_argument("snapshot", nargs="?", help="20220304T134556Z; without it all of the table")
