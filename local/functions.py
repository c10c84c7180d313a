"""Lambda functions of the template, each invocation in a process that is used again: see function_host.py."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

from local.aws import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.template import Resource

ROOT = Path(__file__).parent.parent
HOST = Path(__file__).with_name("function_host.py")


class InvocationFailed(Exception):
    """The handler raised, ran out of time, or its process ended."""


@dataclass
class Function:
    """A function with its environment, timeout and memory as the template has them; `log` takes what it prints."""

    resource: Resource
    base_environment: Mapping[str, str]
    log: IO[bytes]

    def __post_init__(self) -> None:
        properties = self.resource.properties
        self.name = str(properties["FunctionName"])
        self.handler = str(properties["Handler"])
        self.timeout = float(properties["Timeout"])
        self.memory = int(properties["MemorySize"])
        self.arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}"
        variables = {key: str(value) for key, value in properties["Environment"]["Variables"].items()}
        self.environment = {
            **self.base_environment,
            **variables,
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "POWERTOOLS_TRACE_DISABLED": "true",
            "PYTHONPATH": str(ROOT / "services"),
        }
        self._idle: queue.SimpleQueue[subprocess.Popen[str]] = queue.SimpleQueue()
        self._all: list[subprocess.Popen[str]] = []
        self._lock = threading.Lock()

    def invoke(self, event: dict[str, Any]) -> Any:
        """The handler's answer. Raises InvocationFailed."""
        try:
            process = self._idle.get_nowait()
        except queue.Empty:
            process = self._started()
        context = {
            "function_name": self.name,
            "memory_limit_in_mb": self.memory,
            "invoked_function_arn": self.arn,
            "aws_request_id": str(uuid4()),
            "seconds": self.timeout,
        }
        assert process.stdin is not None
        assert process.stdout is not None
        timer = threading.Timer(self.timeout, process.kill)
        timer.start()
        try:
            process.stdin.write(json.dumps({"event": event, "context": context}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            raise InvocationFailed(f"{self.name} ended without an answer, or ran longer than {self.timeout:.0f} s")
        self._idle.put(process)
        answer = json.loads(line)
        if "error" in answer:
            raise InvocationFailed(answer["error"])
        return answer["result"]

    def stop(self) -> None:
        """Ends its processes."""
        with self._lock:
            for process in self._all:
                process.kill()
                process.wait()
                for pipe in (process.stdin, process.stdout):
                    if pipe:
                        pipe.close()
            self._all.clear()

    def _started(self) -> subprocess.Popen[str]:
        with self._lock:
            # -P: the folder of the host stays out of the import path. It ends by itself when its standard input closes.
            process = subprocess.Popen(
                [sys.executable, "-P", str(HOST), self.handler],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.log,
                env=self.environment,
                cwd=ROOT / "services",
                text=True,
                start_new_session=True,
            )
            self._all.append(process)
            return process
