"""Programs that start warm behave as if Python had been started for them."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from local import ROOT
from local.emulator import warm

PROGRAM = """
import atexit, json, os, sys, threading
atexit.register(lambda: print("registered", flush=True))
print(json.dumps([__name__, sys.argv[1:], dict(os.environ), os.getcwd(), sys.stdin.read()]))
print("a complaint", file=sys.stderr)
if "raise" in sys.argv:
    raise RuntimeError("on purpose")
sys.exit(int(sys.argv[1]))
"""


@dataclass
class Said:
    exit_code: int
    stdout: str
    stderr: str


def run(folder: Path, *arguments: str, env: Mapping[str, str], cold: bool) -> Said:
    program, stdin, stdout, stderr = (folder / name for name in ("program.py", "in", "out", "err"))
    program.write_text(PROGRAM)
    stdin.write_text("given")
    with stdin.open("rb") as i, stdout.open("wb") as o, stderr.open("wb") as e:
        if cold:
            command = [sys.executable, "-P", program, *arguments]
            code = subprocess.run(command, env=env, cwd=folder, stdin=i, stdout=o, stderr=e, check=False).returncode
        else:
            files = {"stdin": i.fileno(), "stdout": o.fileno(), "stderr": e.fileno()}
            code = warm.start([program, *arguments], env=env, cwd=folder, **files).wait(30)
    return Said(code, stdout.read_text(), stderr.read_text())


@pytest.mark.parametrize("arguments", [("0",), ("3", "x y"), ("0", "raise")], ids=["ends well", "exits with 3", "raises"])
def test_a_program_is_and_ends_as_if_python_had_been_started(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    env = {"PYTHONPATH": str(ROOT / "services"), "OF_ITS_OWN": "ä", "LC_CTYPE": "C.UTF-8"}
    cold, hot = (run(tmp_path, *arguments, env=env, cold=cold) for cold in (True, False))
    assert (hot.exit_code, hot.stdout) == (cold.exit_code, cold.stdout)
    assert hot.stdout.endswith("registered\n")
    assert hot.stderr.splitlines()[0] == cold.stderr.splitlines()[0] == "a complaint"
    assert hot.stderr.splitlines()[-1] == cold.stderr.splitlines()[-1]


def sleeper(folder: Path) -> warm.Process:
    (folder / "sleeper.py").write_text("import time; time.sleep(600)")
    with Path(os.devnull).open("r+b") as nothing:
        number = nothing.fileno()
        return warm.start(["sleeper.py"], env={"PYTHONPATH": ""}, cwd=folder, stdin=number, stdout=number, stderr=number)


def test_a_signal_ends_it_and_is_told(tmp_path: Path) -> None:
    process = sleeper(tmp_path)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == -signal.SIGTERM
    assert process.poll() == process.returncode == -signal.SIGTERM
    process.kill()  # nothing is there to be killed


def test_the_programs_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from tests.integration.local.emulator.test_warm import sleeper
print(sleeper(Path({str(tmp_path)!r})).pid, flush=True)
time.sleep(600)
"""
    path = {"PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=os.environ | path) as parent:
        assert parent.stdout is not None
        program = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
        ended, _, _ = select.select([program], [], [], 30)
        os.close(program)
    assert ended, "it still runs"


def test_programs_that_several_threads_start_at_once_all_end_as_they_do(tmp_path: Path) -> None:
    """In a process that has started none yet, whose threads all wait for each other's programs, too."""
    (tmp_path / "program.py").write_text("import sys; sys.exit(int(sys.argv[1]))")
    code = f"""
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from local.emulator import warm

def run(number):
    with open(os.devnull, "r+b") as file:
        files = dict.fromkeys(("stdin", "stdout", "stderr"), file.fileno())
        process = warm.start(["program.py", number], env={{"PYTHONPATH": ""}}, cwd=Path({str(tmp_path)!r}), **files)
    with ThreadPoolExecutor(2) as waiting:
        ends = list(waiting.map(lambda _: process.wait(60), range(2)))
    return ends == [number, number]

with ThreadPoolExecutor(8) as threads:
    print(all(threads.map(run, range(40))))
"""
    path = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | path, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "True\n"
