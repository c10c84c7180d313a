"""One Trino for a whole run of the tests: the first process that asks starts it, and it ends with the last one that uses it.

It is a process of its own, `python -m tests.shared_trino SOCKET`, which has an AWS of its own. A user is a connection to
its socket: it answers with the access, and the connection stays open for as long as the user uses it, or lives.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from local.emulator.trino import local_trino
from local.emulator.trino_access import TrinoAccess
from local.emulator.trino_install import TrinoServerError, find_trino

HOST = "127.0.0.1"
_FIRST_USER_SECONDS = 60.0


@contextmanager
def shared_trino(folder: Path) -> Iterator[TrinoAccess]:
    """The Trino of all processes that name this folder. Raises TrinoServerError."""
    find_trino()  # says what is missing, before a process is started for nothing
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        joined = _running(folder) or _started(folder)
    connection, access = joined
    with connection:
        yield access


def _running(folder: Path) -> tuple[socket.socket, TrinoAccess] | None:
    """Joins the users of the process that runs; None where there is none, or it is ending."""
    try:
        connection = socket.create_connection((HOST, int((folder / "port").read_text())))
        answer = connection.makefile("rb").readline()
    except (FileNotFoundError, ConnectionError):
        return None
    return (connection, TrinoAccess.from_json(answer)) if answer else None


def _started(folder: Path) -> tuple[socket.socket, TrinoAccess]:
    with socket.create_server((HOST, 0)) as listener, (folder / "log").open("wb") as log:
        subprocess.Popen(
            [sys.executable, "-m", __name__, str(listener.fileno())],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        (folder / "port").write_text(str(listener.getsockname()[1]))
    if joined := _running(folder):
        return joined
    raise TrinoServerError(f"The shared Trino did not start:\n{(folder / 'log').read_text()[-4000:]}")


def serve(listener: socket.socket) -> None:
    """Answers each user, until the last one has gone. The socket closes first: who comes too late is refused."""
    with ExitStack() as stack, listener:
        answer = stack.enter_context(local_trino()).access.to_json().encode() + b"\n"
        users: list[socket.socket] = []
        while ready := select.select([listener, *users], [], [], None if users else _FIRST_USER_SECONDS)[0]:
            for it in ready:
                if it is listener:
                    users.append(listener.accept()[0])
                    with suppress(ConnectionError):  # it has gone already
                        users[-1].sendall(answer)
                else:  # a user says nothing, and closes
                    users.remove(it)
                    it.close()
            if not users:
                break
        listener.close()


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
