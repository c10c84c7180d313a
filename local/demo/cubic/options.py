"""The words of `make demo-cubic`, read and looked at before anything runs."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from cubic.keys import ROOT
from cubic.tables import Configuration
from ingestion.messages import problems
from local.demo.options import Parser, report


@dataclass
class Options:
    """`incoming` is None for the sample; `tables` is None where each prefix that is found becomes a table."""

    incoming: Path | None = None
    tables: Configuration | None = None
    report: Path | None = None


def read(arguments: list[str]) -> Options:
    """Ends with exit code 2 and one sentence, that says the word as it is given to make, where one is wrong."""
    parser = Parser(prog="make demo-cubic", description="Files of Cubic through the whole system, on this machine.")
    parser.add_argument("--incoming", type=_incoming, help="a folder that has cubic/ in it, instead of the sample")
    parser.add_argument("--tables", type=_tables, help="a YAML list of s3_prefix, key_columns, sparse_updates")
    parser.add_argument("--report", type=report, help="a JSON file that gets the figures")
    return parser.parse_args(arguments, namespace=Options())


def _incoming(text: str) -> Path:
    folder = Path(text)
    if not (folder / ROOT).is_dir():
        raise argparse.ArgumentTypeError(f"{text}: there is no folder {folder / ROOT}, as Cubic's files have")
    if not any(path.is_file() for path in folder.rglob("*")):
        raise argparse.ArgumentTypeError(f"{text}: there is no file in it")
    return folder


def _tables(text: str) -> Configuration:
    try:
        document = yaml.safe_load(Path(text).read_text())
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: it can't be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise argparse.ArgumentTypeError(f"{text}: it is no YAML ({' '.join(str(error).split())})") from None
    listed = document.get("tables") if isinstance(document, dict) else document
    if not isinstance(listed, list):
        raise argparse.ArgumentTypeError(f"{text}: it takes a list of s3_prefix, key_columns, sparse_updates")
    try:
        return Configuration.model_validate({"tables": [_lenient(table) for table in listed]})
    except ValidationError as error:
        raise argparse.ArgumentTypeError(f"{text}: {problems(error)}") from None


def _lenient(table: Any) -> Any:
    """Names of columns as their file has them, and a prefix without its last slash, are understood."""
    if not isinstance(table, dict):
        return table
    found = dict(table)
    if isinstance(prefix := found.get("s3_prefix"), str):
        found["s3_prefix"] = prefix.rstrip("/") + "/"
    if isinstance(names := found.get("key_columns"), list):
        found["key_columns"] = [name.lower() if isinstance(name, str) else name for name in names]
    return found
