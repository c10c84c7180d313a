from __future__ import annotations

import os
from pathlib import Path

import pytest

from local.emulator import guard


def test_a_long_temporary_folder_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server's socket lies in it, and the path of a socket is short."""
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    made = guard.short_folder()
    made.rmdir()
    assert len(os.fsencode(made)) <= guard.LONGEST_FOLDER
    assert not list(long.iterdir())
