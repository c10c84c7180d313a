"""Fork a process for each request of warm.py, from one that has imported the libraries.

A request is a JSON object of arguments, env and cwd, with four files: a socket to tell the process's id and later how it
ended, and its standard input, output and error.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Any

import boto3
import botocore.session

LIBRARIES = ("aws_lambda_powertools.metrics", "boto3.s3.transfer", "pydantic", "pymysql")
SERVICES = ("events", "glue", "rds", "s3", "sns", "sqs")  # their models are read before the fork


def _serve(requests: socket.socket) -> int:
    """Forks for each request until the other end closes. Only a forked process returns earlier: with its exit code."""
    for name in LIBRARIES:
        importlib.import_module(name)
    _read_models()
    gc.freeze()  # nothing of this is looked at again, and so stays shared
    told, wake = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, _noticed)
    running: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([requests, told], [], [])
        if told in ready:
            told.recv(4096)
            _tell_ends(running)
        if requests in ready:
            request, files, _, _ = socket.recv_fds(requests, 1 << 20, 4)
            if not request:
                return 0
            status = socket.socket(fileno=files[0])
            if (pid := os.fork()) == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for open_one in (requests, told, wake, status, *running.values()):
                    open_one.close()
                return _run(json.loads(request), files[1:])
            for number in files[1:]:
                os.close(number)
            running[pid] = status
            _tell(status, pid)


def _read_models() -> None:
    """Reads the service models of the default session. Each client that it makes reads the environment anew."""
    session = botocore.session.get_session()
    boto3.setup_default_session(botocore_session=session)
    loader = session.get_component("data_loader")
    for name in SERVICES:
        for kind in ("service-2", "endpoint-rule-set-1"):
            loader.load_service_model(name, kind)
    for name in ("endpoints", "partitions", "sdk-default-configuration"):
        loader.load_data(name)


def _noticed(_number: int, _frame: FrameType | None) -> None:
    """The signal wakes the loop; there is nothing else to do with it."""


def _tell_ends(running: dict[int, socket.socket]) -> None:
    for pid in list(running):
        ended, how = os.waitpid(pid, os.WNOHANG)
        if ended:
            with running.pop(pid) as status:
                _tell(status, os.waitstatus_to_exitcode(how))


def _tell(status: socket.socket, number: int) -> None:
    with suppress(BrokenPipeError):  # nobody wants to know
        status.send(str(number).encode())


def _run(request: dict[str, Any], files: Sequence[int]) -> int:
    """Becomes the program. Its end is Python's own: what it raises is printed, and what it registered is called."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.path[:0] = os.environ["PYTHONPATH"].split(":")
    first, *others = request["arguments"]
    if first == "-m":
        sys.argv = others
        runpy.run_module(others[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [first, *others]
        runpy.run_path(first, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(_serve(socket.socket(fileno=int(sys.argv[1]))))
