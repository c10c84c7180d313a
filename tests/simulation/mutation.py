"""Puts bugs into a copy of the code, one at a time, and lets the races and the seeds look for each."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("services", "stacks", "ecs", "glue", "local", "tests")
_PATH = ("", "services", "ecs/dump_loader", "glue")


@dataclass(frozen=True)
class Edit:
    """`old` must be exactly once in the function of that name; where that is empty, in the file."""

    path: str
    function: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """`whose` says where the bug was seen before, if it was."""

    what: str
    edits: tuple[Edit, ...]
    whose: str = ""


def edited(edit: Edit, tree: Path) -> str:
    """The file with the edit. Raises ValueError where the code no longer has what it replaces."""
    source = (tree / edit.path).read_text()
    lines = source.splitlines(keepends=True)
    spans = [slice(None)]
    if edit.function:
        found = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
        spans = [slice(node.lineno - 1, node.end_lineno) for node in found if node.name == edit.function]
    texts = ["".join(lines[span]) for span in spans]
    if [text.count(edit.old) for text in texts] != [1]:
        raise ValueError(f"{edit.path} has not one {edit.function!r} with {edit.old!r}: bring the mutant up to date")
    lines[spans[0]] = [texts[0].replace(edit.old, edit.new)]
    return "".join(lines)


def _play(tree: Path, source: str, plays: tuple[str, ...], seeds: int) -> str | None:
    """The first violation that the seeds find; None where there is none."""
    found = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--source", source, "--seeds", str(seeds), "--stop"],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(str(tree / part) for part in _PATH)},
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode == 0:
        return None
    lines = [line for line in found.stdout.splitlines() if line.startswith(plays)]
    return lines[0] if lines else f"does not even run: {found.stderr.splitlines()[-1]}"


def main(mutants: Sequence[Mutant], source: str, runs: tuple[str, ...], *, seeds: int) -> int:
    """Tell of each whether it was caught; 1 where one was not. `runs` are the names of the source's runs."""
    missed = 0
    plays = ("seed ", *runs)
    for number, mutant in enumerate(mutants, 1):
        with tempfile.TemporaryDirectory() as folder:
            tree, began = Path(folder), time.monotonic()
            for name in SOURCES:
                shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy(ROOT / "template.yaml", tree)
            for edit in mutant.edits:
                (tree / edit.path).write_text(edited(edit, tree))
            found = _play(tree, source, plays, seeds)
        caught = found is not None and found.startswith(plays)
        missed += not caught
        whose = f" ({mutant.whose})" if mutant.whose else ""
        print(f"{number:2} {'caught' if caught else 'MISSED'} in {time.monotonic() - began:3.0f} s: {mutant.what}{whose}")  # noqa: T201
        print(f"   {found or f'{seeds} seeds, no violation'}"[:200], flush=True)  # noqa: T201
    print(f"{len(mutants) - missed} of {len(mutants)} mutants caught")  # noqa: T201
    return bool(missed)
