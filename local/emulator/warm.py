"""Start Python programs in processes that have the libraries loaded: half a second of a core less for each.

Nothing in AWS is like it: there every container and every new Lambda environment starts Python anew.

One process imports them once and forks for each program. A forked process has an environment, a working folder and
an import path of its own, as if Python had been started for it; only the libraries' modules are there already.
On other systems than Linux, Python is started each time: their own libraries do not expect to be forked.
https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from local.emulator import guard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SERVER = Path(__file__).with_name("warm_server.py")
_one_server = threading.Lock()  # a cache does not keep two threads from making what neither has found
_NUMBER = 16  # bytes of a number that the server tells


class WarmProcess:
    """A program that runs. Its standard files are the ones that it was started with."""

    def __init__(self, status: socket.socket) -> None:
        self.returncode: int | None = None
        self.pid = _number(status)
        self._ended = threading.Event()
        threading.Thread(target=self._await_end, args=(status,), daemon=True).start()

    def _await_end(self, status: socket.socket) -> None:
        with status:
            self.returncode = _number(status)
        self._ended.set()

    def poll(self) -> int | None:
        """The exit code, or minus the signal that ended it; None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The same, once it has ended. Raises subprocess.TimeoutExpired after so many seconds."""
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired("a warm process", timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless the process has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _number(status: socket.socket) -> int:
    """The process's id first, how it ended later. The server never ends before its programs, unless it is killed."""
    return int(status.recv(_NUMBER) or -signal.SIGKILL)


type Process = WarmProcess | subprocess.Popen[bytes]


def start(
    arguments: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, stdin: int, stdout: int, stderr: int
) -> Process:
    """Starts `python -P` with `-m module` or a file, and its arguments. The three files stay the caller's to close."""
    if sys.platform != "linux":
        command = [sys.executable, "-P", *arguments]
        return guard.start(command, env=env, cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        request = json.dumps({"arguments": [str(a) for a in arguments], "env": dict(env), "cwd": str(cwd)})
        with _one_server:
            server = _server()
        socket.send_fds(server, [request.encode()], [theirs.fileno(), stdin, stdout, stderr])
    return WarmProcess(ours)


@cache
def _server() -> socket.socket:
    """Started with the first program. It ends with this process, and its programs, which are of its group, do too."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # The models that it reads are the libraries' own, whatever this account's configuration says.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    with theirs:
        guard.start([sys.executable, "-P", _SERVER, str(theirs.fileno())], pass_fds=[theirs.fileno()], env=environment)
    return ours
