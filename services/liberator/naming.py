"""The names of the design, section 4: dump, snapshot, export, landing object. Pure functions."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from ingestion import partition
from ingestion.errors import BadName
from ingestion.messages import Run

PREFIX = "parking/"
_DUMP = re.compile(rf"{PREFIX}liberator_dump_([0-9]{{8}}|[0-9]{{6}})\.zip")
_UPLOAD = re.compile(rf"{PREFIX}liberator_dump_[^/]*\.zip")
_SNAPSHOT = re.compile(r"sql-to-parquet-\d{4}-\d\d-\d\d(-backdated)?-\d{6}")
_BATCH = re.compile(r"\d+")


def import_date_of(dump_key: str) -> date:
    """The date in a dump's key, YYMMDD or YYYYMMDD. Raises BadName, also for a file in a folder below."""
    if match := _DUMP.fullmatch(dump_key):
        digits = match[1] if len(match[1]) == 8 else "20" + match[1]
        try:
            return datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC).date()
        except ValueError:
            pass
    raise BadName(
        f"{dump_key!r} is no dump with a valid date in its name: a dump is called {PREFIX}liberator_dump_YYMMDD.zip or "
        f"{PREFIX}liberator_dump_YYYYMMDD.zip. Upload it again under the name of its day."
    )


def is_dump_key(key: str) -> bool:
    """Whether an upload of this key is one of a dump, whatever day its name says, if any."""
    return _UPLOAD.fullmatch(key) is not None


def dump_keys(import_date: date) -> tuple[str, str]:
    """The two keys that the dump of a day can have, the supplier's present form first."""
    return (f"{PREFIX}liberator_dump_{import_date:%y%m%d}.zip", f"{PREFIX}liberator_dump_{import_date:%Y%m%d}.zip")


def snapshot_identifier(run: Run, loaded_at: datetime) -> str:
    """The name of the snapshot and of its export task: at most 60 characters, letters, digits and single hyphens."""
    return f"{_day_of_snapshot(run)}{loaded_at:%H%M%S}"


def _day_of_snapshot(run: Run) -> str:
    return f"sql-to-parquet-{run.import_date:%Y-%m-%d}{'-backdated' if run.backdated else ''}-"


def is_snapshot_identifier(name: str) -> bool:
    """Whether a snapshot's name is of the form that we give. Its tags, where they can be read, are the better word."""
    return _SNAPSHOT.fullmatch(name) is not None


def is_named_for(name: str, run: Run) -> bool:
    """Whether a snapshot, or the export task of the same name, is called as one of that run."""
    return is_snapshot_identifier(name) and name[:-6] == _day_of_snapshot(run)


def row_counts_uri(dump: str, snapshot: str) -> str:
    """The URI of one load's row counts: beside the dump, out of the upload rule's pattern."""
    return f"{dump.removesuffix('.zip')}.{snapshot}.row-counts.json"


@dataclass(frozen=True)
class ExportedFile:
    """One Parquet file of an export. `table` is the full name that RDS gives the folder, `database.table`."""

    key: str
    size: int
    database: str
    table: str
    batch: str | None
    name: str


def parse_export_key(key: str, size: int) -> ExportedFile | None:
    """An exported object, parsed from the right: `…/<database>/<database>.<table>/[<batch>/]<file>.parquet`.

    None for what is not data: `_SUCCESS`, other hidden files, and the JSON files at the task's root.
    Raises BadName for an object that is neither: better to stop than to leave out something that may be data.
    """
    *folders, name = key.split("/")
    if name == "" or name.startswith(("_", ".")) or name.endswith(".json"):
        return None
    batch = folders.pop() if folders and _BATCH.fullmatch(folders[-1]) else None
    if name.endswith(".parquet") and len(folders) >= 2 and folders[-1].startswith(folders[-2] + "."):
        return ExportedFile(key, size, database=folders[-2], table=folders[-1], batch=batch, name=name)
    raise BadName(
        f"{key!r} is not of the form <task>/<database>/<database>.<table>/<batch>/<file>.parquet. "
        "RDS may have changed its export layout: adapt liberator/naming.py before copying."
    )


def landing_prefix(database: str) -> str:
    """Under which prefix all tables of a database land."""
    return f"{PREFIX}{database}/"


def partition_prefix(database: str, table: str, import_date: date) -> str:
    """The prefix under which one day of one table lands."""
    return f"{landing_prefix(database)}{table}/{partition.path(import_date)}/"


def landing_keys(files: Iterable[ExportedFile], import_date: date) -> dict[str, ExportedFile]:
    """Landing key → exported file. Two parts of one table with the same name keep their batch in the file name."""
    files = list(files)
    times = Counter((f.database, f.table, f.name) for f in files)
    return {
        partition_prefix(f.database, f.table, import_date)
        + (f"{f.batch}-{f.name}" if times[f.database, f.table, f.name] > 1 else f.name): f
        for f in files
    }
