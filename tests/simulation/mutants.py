"""Bugs put in one at a time, each of which the races or the seeds must notice: `python -m tests.simulation.mutants`.

Those of the first system are marked so; the rest are what a reader of this code may think superfluous.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("services", "ecs", "local", "tests")
SEEDS = 3_000
_PLAYS = ("seed ", "twice", "same name")

_LANDING = "services/s3_to_s3_copier/landing.py"
_COPYING = "services/s3_to_s3_copier/copying.py"
_CONSUMER = "services/ingestion/consumer.py"
_INGEST = "ecs/dump_loader/dump_loader/ingest.py"
_SNAPSHOT = "ecs/dump_loader/dump_loader/snapshot.py"


@dataclass(frozen=True)
class Edit:
    """`old` must be in the file exactly once."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """`firsts` are bugs that the first system had."""

    what: str
    edits: tuple[Edit, ...]
    firsts: bool = False


_NO_LOOK = Edit(
    _INGEST, "            snapshot.await_none_creating(rds, target.instance, waiting=waiting, logger=logger)\n", ""
)
_UNVERIFIED = Edit(_COPYING, "    if wrong:\n", "    if False:\n")

MUTANTS = (
    Mutant(
        "a failed export is ignored",
        (
            Edit(
                "services/s3_to_s3_copier/handler.py",
                "        copy_export(command, aws, places, announce, seconds_left)",
                "        try:\n"
                "            copy_export(command, aws, places, announce, seconds_left)\n"
                "        except Exception as error:\n"
                "            if type(error).__name__ != 'ExportUnusable':\n"
                "                raise",
            ),
        ),
        firsts=True,
    ),
    Mutant(
        "errors of single copies are logged and swallowed; the workflow starts on partial data",
        (
            Edit(
                _COPYING,
                '        with explained(f"copying s3://{source}/{file.key} to s3://{landing}/{key}"):\n',
                "        from contextlib import suppress\n        with suppress(Exception):\n",
            ),
            _UNVERIFIED,
        ),
        firsts=True,
    ),
    Mutant(
        "listings are not paged",
        (
            Edit(
                "services/s3_to_s3_copier/export.py",
                "for page in pages for found",
                "for page in list(pages)[:1] for found",
            ),
        ),
        firsts=True,
    ),
    Mutant(
        "a second export of a day leaves the first one's files beside its own",
        (Edit(_LANDING, "        delete_all(committed.stale, s3, bucket)\n", ""),),
        firsts=True,
    ),
    Mutant(
        "an export has the name of its day, not of its load",
        (Edit("services/ingestion/naming.py", '{loaded_at:%H%M%S}"', '000000"'),),
        firsts=True,
    ),
    Mutant(
        "all earlier snapshots are deleted, whoever still needs them",
        (
            Edit(
                _SNAPSHOT, "            if reason := _still_needed(rds, snapshot, max_wait):", "            if reason := '':"
            ),
        ),
        firsts=True,
    ),
    Mutant(
        "failing to start an export is logged, and forgotten",
        (
            Edit(
                "services/snapshot_to_s3/handler.py",
                "        copy = export_snapshot(command, rds, target)\n",
                "        try:\n            copy = export_snapshot(command, rds, target)\n"
                "        except Exception as error:\n"
                "            if type(error).__name__ == 'NotYet':\n                raise\n            return\n",
            ),
        ),
        firsts=True,
    ),
    Mutant(
        "nobody hears that a message was given up",
        (Edit(_CONSUMER, "            self._end(body, message, error)", "            del error"),),
        firsts=True,
    ),
    Mutant(
        "a dead letter keeps its spent budget",
        (Edit(_CONSUMER, 'model_dump_json(exclude={"poll"})', "model_dump_json()"),),
    ),
    Mutant(
        "the manifest is written before the copies",
        (
            Edit(
                _LANDING,
                "    attempts.begin(mine, s3, bucket)\n",
                "    attempts.begin(mine, s3, bucket)\n    _commit(mine, [], s3, bucket)\n",
            ),
        ),
    ),
    Mutant(
        "the manifest is written whatever is there",
        (
            Edit("services/s3_to_s3_copier/manifest.py", ', IfNoneMatch="*")', ")"),
            Edit("services/s3_to_s3_copier/manifest.py", ", IfMatch=over.etag)", ")"),
        ),
    ),
    Mutant(
        "an older snapshot lands over a later one",
        (
            Edit(
                _LANDING,
                "    if committed is None or committed.manifest.order <= mine.order:",
                "    if committed is None or True:",
            ),
        ),
    ),
    Mutant(
        "what a dead copy left is not recorded",
        (Edit(_LANDING, "    overtaken = attempts.overtaken_by(mine, s3, bucket)", "    overtaken = []"),),
    ),
    Mutant(
        "a workflow is started without a look at its runs",
        (Edit(_LANDING, "    if workflow.has_run(aws.glue, name, command.export_task_identifier):", "    if False:"),),
    ),
    Mutant(
        "two loads use the database at once",
        (
            Edit(
                _INGEST,
                "with unanswered(target.database), lock as held:",
                "from unittest import mock\n        with mock.MagicMock() as held:",
            ),
        ),
    ),
    Mutant(
        "a load does not wait for the snapshot of a load that died",
        (_NO_LOOK,),
    ),
    Mutant(
        "an older upload lands over a later one that was loaded before it",
        (Edit("services/s3_to_s3_copier/manifest.py", "(self.uploaded_at or self.snapshot_time, ", "("),),
    ),
    Mutant(
        "neither the lock nor a look protects a snapshot that is being created",
        (Edit(_INGEST, "    snapshot.await_end(", "    (lambda *_, **__: None)("), _NO_LOOK),
    ),
    Mutant(
        "a snapshot that has the name already is taken for one's own",
        (
            Edit(_SNAPSHOT, "        if _load_id(rds, identifier, waiting) == load_id:", "        if True:"),
            Edit(
                _SNAPSHOT,
                "        if not reserve(identifier, counts):\n            continue\n",
                "        reserve(identifier, counts)\n",
            ),
        ),
    ),
    Mutant(
        "the loader leaves it to RDS's events to announce the snapshot",
        (
            Edit(
                _INGEST,
                "    announce(ExportSnapshot(",
                "    (lambda *_, **__: None)(ExportSnapshot(",
            ),
        ),
    ),
    Mutant(
        "a message that cannot be handled yet is put back, and whether that succeeded does not matter",
        (
            Edit(
                _CONSUMER,
                "        queues.send(self.sqs, self.settings.queue_url, again, delay_seconds=delay)\n",
                "        with suppress(Exception):\n"
                "            queues.send(self.sqs, self.settings.queue_url, again, delay_seconds=delay)\n",
            ),
        ),
    ),
    Mutant(
        "an old upload's late event puts it over the newer one in pre-production",
        (
            Edit(
                "services/prod_to_preprod/replication.py",
                '    return same or of.get(SOURCE_MODIFIED, "") > marks[SOURCE_MODIFIED]',
                "    return same",
            ),
        ),
    ),
)


def edited(edit: Edit, tree: Path) -> str:
    """The file with the edit. Raises ValueError where the code no longer has what it replaces."""
    source = (tree / edit.path).read_text()
    if source.count(edit.old) != 1:
        raise ValueError(f"{edit.path} has {edit.old!r} {source.count(edit.old)} times: bring the mutant up to date")
    return source.replace(edit.old, edit.new)


def _play(tree: Path) -> str | None:
    """The first violation that the seeds find; None where there is none."""
    found = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seeds", str(SEEDS), "--stop"],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (tree, tree / "services", tree / "ecs/dump_loader")))},
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode == 0:
        return None
    lines = [line for line in found.stdout.splitlines() if line.startswith(_PLAYS)]
    return lines[0] if lines else f"does not even run: {found.stderr.splitlines()[-1]}"


def main() -> int:
    missed = 0
    for number, mutant in enumerate(MUTANTS, 1):
        with tempfile.TemporaryDirectory() as folder:
            tree, began = Path(folder), time.monotonic()
            for name in SOURCES:
                shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy(ROOT / "template.yaml", tree)
            for edit in mutant.edits:
                (tree / edit.path).write_text(edited(edit, tree))
            found = _play(tree)
        caught = found is not None and found.startswith(_PLAYS)
        missed += not caught
        whose = " (the first system's)" if mutant.firsts else ""
        print(f"{number:2} {'caught' if caught else 'MISSED'} in {time.monotonic() - began:3.0f} s: {mutant.what}{whose}")  # noqa: T201
        print(f"   {found or f'{SEEDS} seeds, no violation'}"[:200], flush=True)  # noqa: T201
    print(f"{len(MUTANTS) - missed} of {len(MUTANTS)} mutants caught")  # noqa: T201
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
