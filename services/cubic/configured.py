"""The tables and feeds that tables.yaml lists."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import ValidationError

from cubic.errors import BadConfiguration
from cubic.store import configuration
from cubic.tables import Configuration
from ingestion.messages import problems

if TYPE_CHECKING:
    from cubic.store.database import Database

FILE = Path(__file__).with_name("tables.yaml")


def read(file: Path = FILE) -> Configuration:
    """Read the file; without one nothing is configured. Raises BadConfiguration."""
    if not file.exists():
        return Configuration()
    try:
        return Configuration.model_validate(yaml.safe_load(file.read_text()) or {})
    except (ValidationError, yaml.YAMLError) as error:
        fault = problems(error) if isinstance(error, ValidationError) else " ".join(str(error).split())
        raise BadConfiguration(
            f"{file.name} is not as cubic/tables.py has it: {fault}. Correct it, then deploy or apply it again."
        ) from error


def apply(db: Database, configured: Configuration) -> None:
    """Configure what the file lists. A table or feed that it no longer lists stays: its loads are history."""
    for table in configured.tables:
        configuration.put_table(db, table)
    for feed in configured.feeds:
        configuration.put_feed(db, feed)
