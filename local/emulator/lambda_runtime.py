"""Runs what `sam build` built, under Lambda's own runtime: the runtime interface client and its emulator.

The emulator is the one that aws-sam-cli ships; the client is awslambdaric. The interpreter sees the artefact and the
client and nothing else: no virtual environment, no site-packages, no repository. How it differs from Lambda: the machine's
CPython 3.13 and Linux instead of Amazon's image, and the memory limit is told to the function, not enforced.
https://github.com/aws/aws-lambda-runtime-interface-emulator
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

from local import ROOT
from local.emulator import guard
from local.emulator.functions import InvocationFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.emulator.functions import Function, Host

BUILD = ROOT / ".aws-sam" / "build"
_CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")
_START_SECONDS = 20


@contextmanager
def emulated_hosts() -> Iterator[Callable[[Function], Host]]:
    """Makes hosts for built functions. Raises FileNotFoundError, with what to do, where nothing is built."""
    if not (BUILD / "template.yaml").exists():
        raise FileNotFoundError("Nothing is built yet: run `make build` first.")
    tools = guard.folder()
    emulator = _emulator(tools)
    client = runtime_client(tools / "client")
    yield lambda function: EmulatedHost(function, emulator, client)


class EmulatedHost:
    """One execution environment: an emulator with its client on two free ports of 127.0.0.1."""

    def __init__(self, function: Function, emulator: Path, client: Path) -> None:
        self._function = function
        artefact = BUILD / function.resource.path
        environment = {
            **function.environment,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{artefact}:{client}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LAMBDA_TASK_ROOT": str(artefact),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "_HANDLER": function.handler,
        }
        with _free_ports(2) as (port, api):
            command: list[str | Path] = [
                emulator,
                "--runtime-interface-emulator-address",
                f"127.0.0.1:{port}",
                "--runtime-api-address",
                f"127.0.0.1:{api}",
                # -S: no site-packages. The base interpreter, because a virtual environment's always has them.
                Path(sys.base_prefix) / "bin" / "python3.13",
                "-S",
                "-m",
                "awslambdaric",
                function.handler,
            ]
        self._url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        self._process = guard.start(
            command,
            cwd=artefact,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=function.log,
            stderr=function.log,
        )
        self._wait_until_it_listens(port)

    def invoke(self, event: dict[str, Any]) -> Any:
        request = urllib.request.Request(self._url, json.dumps(event).encode(), {"Content-Type": "application/json"})
        try:
            # The emulator ends the invocation at its timeout; the margin is for its own work.
            with urllib.request.urlopen(request, timeout=self._function.timeout + 30) as response:
                body = response.read().decode()
        except (URLError, OSError) as error:
            raise InvocationFailed(f"{self._function.name}: {error}") from error
        try:
            answer = json.loads(body)
        except ValueError:  # "Task timed out after …", in plain text
            raise InvocationFailed(f"{self._function.name}: {body}") from None
        if isinstance(answer, dict) and "errorMessage" in answer:
            raise InvocationFailed(f"{self._function.name}: {answer.get('errorType')}: {answer['errorMessage']}")
        return answer

    def stop(self) -> None:
        """The emulator and the interpreter that it started are one process group."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _wait_until_it_listens(self, port: int) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        self.stop()
        raise InvocationFailed(f"{self._function.name}: the runtime interface emulator did not start")


def _emulator(folder: Path) -> Path:
    """An executable copy of the emulator, which pip installs without the right to run it."""
    spec = util.find_spec("samcli.local.rapid")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("aws-sam-cli is not installed: run `make test` or `make build` once.")
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    copy = folder / "aws-lambda-rie"
    shutil.copy(Path(spec.submodule_search_locations[0]) / f"aws-lambda-rie-{machine}", copy)
    copy.chmod(0o755)
    return copy


def runtime_client(folder: Path) -> Path:
    """The runtime interface client and what it needs, alone in a folder."""
    folder.mkdir()
    for distribution in _CLIENT:
        for file in metadata.files(distribution) or []:
            top = file.parts[0]
            if top != ".." and not (folder / top).exists():
                (folder / top).symlink_to(Path(str(file.locate())).parents[len(file.parts) - 1] / top)
    return folder


@contextmanager
def _free_ports(count: int) -> Iterator[list[int]]:
    """Ports that were free a moment ago, all different."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        ports = [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
    yield ports
