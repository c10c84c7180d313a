"""Memory does not grow with the source: the kernel's own high-water mark of the task's process."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.dataset_loader.commons import Commons

LIMIT_MB = 480  # of the 512 that the task has
ROOT = Path(__file__).parents[3]
ROWS = 1_000_000  # more take moto long, which reads a whole object for each range of it

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")


def rows(count: int) -> Iterator[bytes]:
    """Integers, with the first text near the end; dates, decimal numbers, texts, and a line break now and then."""
    yield b"id,late,day,value,name\n"
    for i in range(count):
        late = b"x" if i == count - 2 else b"%d" % i
        yield b'%d,%s,2020-01-%02d,%d.25,"name%s of %d"\n' % (i, late, i % 28 + 1, i, b"\n" if i % 1000 == 0 else b"", i)


def peak_of(arguments: list[str]) -> tuple[int, float]:
    """Run the task as a process; its exit code, and its peak in megabytes."""
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT / 'services'}:{ROOT / 'ecs' / 'dataset_loader'}",
        "MALLOC_ARENA_MAX": "2",  # as in the image
        "MALLOC_MMAP_THRESHOLD_": "4194304",
    }
    peak = 0.0
    with subprocess.Popen([sys.executable, "-m", "dataset_loader", *arguments], env=environment, cwd=ROOT) as process:
        try:
            while process.poll() is None:
                with suppress(FileNotFoundError, ProcessLookupError):
                    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
                    peak = max([peak, *(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))])
                time.sleep(0.02)
        finally:
            process.kill()
    return process.returncode, peak


def test_many_rows_of_csv(commons: Commons) -> None:
    content = io.BytesIO()
    content.writelines(rows(ROWS))
    commons.upload(content.getvalue())
    exit_code, peak = peak_of(["--spec", commons.spec()])
    assert exit_code == 0
    (attempt,) = commons.attempts()
    assert attempt.rows == ROWS
    assert {c.name: c.type for c in attempt.columns} == {
        "id": "bigint", "late": "varchar", "day": "date", "value": "double", "name": "varchar",
    }  # fmt: skip
    assert 100 < peak < LIMIT_MB
