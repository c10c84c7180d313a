"""docs/reliability.md names the tests that show what it says: each has to be there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local import ROOT

TEXT = (ROOT / "docs/reliability.md").read_text()
CUBIC = ROOT / "tests/integration/services/cubic"
FOLDERS = {"tests": ROOT, "glue": ROOT / "tests/integration"} | dict.fromkeys(("store", "dmap", "kafka", "functions"), CUBIC)


def files() -> list[str]:
    return sorted(set(re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w/.]+)`", TEXT)))


def beginnings() -> list[str]:
    """The names of tests, whole or cut."""
    return sorted(set(re.findall(r"`(test_\w+)…?`", TEXT)))


@pytest.mark.parametrize("named", files())
def test_a_file_that_is_named_is_there(named: str) -> None:
    assert (FOLDERS[named.split("/")[0]] / named).exists()


@pytest.fixture(scope="module")
def defined() -> list[str]:
    sources = [Path(path).read_text() for path in sorted((ROOT / "tests").glob("**/test_*.py"))]
    return [name for source in sources for name in re.findall(r"^def (test_\w+)", source, re.MULTILINE)]


@pytest.mark.parametrize("named", beginnings())
def test_a_test_that_is_named_is_there(named: str, defined: list[str]) -> None:
    assert any(name == named or (named.endswith("_") and name.startswith(named)) for name in defined)
