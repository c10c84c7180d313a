"""The words of `make demo-trino`, read and looked at before anything runs."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data_commons.names import cleaned
from data_commons.spec import DatasetSpec
from ingestion.messages import problems
from local.demo.options import Parser, report

SAMPLE = Path(__file__).parent / "sample" / "penguins_raw.csv"
SAMPLE_SPEC = SAMPLE.with_name("spec.json")
SCHEMA = "demo"
PREFIX = "sources/"  # of the source bucket
_LONGEST = 100


@dataclass
class Options:
    """`spec` is the given one, or one that only says source, schema and table."""

    source: Path
    spec: DatasetSpec
    report: Path | None


def read(arguments: list[str], bucket: str) -> Options:
    """Ends with exit code 2 and one sentence, that says the word as it is given to make, where one is wrong.

    `bucket` is that of the sources: in the spec it takes the place of the one that is given.
    """
    parser = Parser(prog="make demo-trino", description="A file becomes a table that Trino answers from, on this machine.")
    parser.add_argument("--source", type=_source, help="a .csv, .tsv, .xlsx or .parquet file, instead of the sample")
    parser.add_argument("--spec", type=_document, help="its spec, in JSON: schema, table, columns, metadata, format")
    parser.add_argument("--report", type=report, help="a JSON file that gets the figures")
    words = parser.parse_args(arguments)
    if words.spec and not words.source:
        parser.error("SPEC= needs SOURCE=")
    source = words.source or SAMPLE
    text, document = words.spec or (("", _minimal(source)) if words.source else _document(str(SAMPLE_SPEC)))
    document["source"] = {"bucket": bucket, "key": f"{PREFIX}{source.name}"}
    try:
        return Options(source, DatasetSpec.model_validate_json(json.dumps(document)), words.report)
    except ValidationError as error:
        parser.error(f"{f'SPEC={text}' if words.spec else f'SOURCE={source}'}: {problems(error)}")


def _source(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text}: there is no file {text}")
    try:
        path.open("rb").close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: it can't be read ({error.strerror})") from None
    return path


def _document(text: str) -> tuple[str, dict[str, Any]]:
    try:
        document = json.loads(Path(text).read_bytes())
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: it can't be read ({error.strerror})") from None
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: it is no JSON ({error})") from None
    if not isinstance(document, dict):
        raise argparse.ArgumentTypeError(f"{text}: it takes an object with schema, table, columns and so on")
    return text, document


def _minimal(source: Path) -> dict[str, Any]:
    """Schema `demo`; the table has the file's name, cleaned so that it is one."""
    name = cleaned(source.name.partition(".")[0]).strip("_")[:_LONGEST]
    return {"schema": SCHEMA, "table": name if name[:1].isalpha() else f"t_{name}"}
