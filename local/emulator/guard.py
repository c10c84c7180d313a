"""End the processes that this one starts, and its temporary files, with it, however it ends: also by SIGKILL.

A shell in a session of its own reads a pipe whose other end is held by this process alone. Once the pipe closes, the
shell kills the process groups that the last line names and removes the folder. At a usual end it finds nothing to kill.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

# A server's socket lies two levels within, `.s.PGSQL.65535` for one; sun_path holds 108 bytes on Linux, 104 on macOS.
LONGEST_FOLDER = 75

_SHELL = """
groups=
while read -r line; do groups=$line; done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
for i in 1 2 3 4 5; do rm -rf -- "$1" 2>/dev/null; [ -e "$1" ] || break; sleep 0.2; done
"""


def start(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
    """A process in a session of its own, which a Ctrl-C in the terminal does not reach; `options` are Popen's."""
    return _guard().start(command, options)


def run(command: Sequence[str | Path], **options: Any) -> tuple[int, str]:
    """Runs a program to its end, or kills it and what it started if we are interrupted; its exit code and what it said."""
    output_of = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    with start(command, **output_of, **options) as process:
        try:
            output, _ = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return process.returncode, output


def folder() -> Path:
    """A new temporary folder; who makes it may remove it earlier."""
    return Path(tempfile.mkdtemp(dir=_guard().folder))


class _Guard:
    def __init__(self) -> None:
        self.folder = short_folder()
        self._started: list[subprocess.Popen[Any]] = []
        self._lock = threading.Lock()
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _SHELL, "guard", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def start(self, command: Sequence[str | Path], options: dict[str, Any]) -> subprocess.Popen[Any]:
        with self._lock:
            process = subprocess.Popen(command, start_new_session=True, **options)
            # A process that was waited for is forgotten: its id may be another's by now.
            self._started = [p for p in self._started if p.returncode is None] + [process]
            assert self._shell.stdin is not None
            self._shell.stdin.write(" ".join(str(p.pid) for p in self._started).encode() + b"\n")
            self._shell.stdin.flush()
            return process


@cache
def _guard() -> _Guard:
    return _Guard()


def short_folder() -> Path:
    """A new folder among the temporary files, or in /tmp where their path is too long for a socket."""
    made = Path(tempfile.mkdtemp(prefix="liberator-"))
    if len(os.fsencode(made)) <= LONGEST_FOLDER:
        return made
    made.rmdir()
    return Path(tempfile.mkdtemp(prefix="liberator-", dir="/tmp"))
