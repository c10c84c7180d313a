"""Lambda functions of the template: their environments, and hosts that run one invocation at a time and are used again.

Stands in for Lambda's Invoke. How it differs: as many hosts as there are invocations at once, whatever the account's or the
function's concurrency; a host that failed is not used again; none is frozen between invocations, or replaced after a while.
"""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from local import ROOT
from local.emulator import warm
from local.emulator.aws import ACCOUNT, REGION

if TYPE_CHECKING:
    from local.emulator.template import Resource

HOST = Path(__file__).with_name("function_host.py")


class InvocationFailed(Exception):
    """The handler raised, ran out of time, or its process ended."""


class Host(Protocol):
    """One execution environment of a function."""

    def invoke(self, event: dict[str, Any]) -> Any:
        """The handler's answer. Raises InvocationFailed, after which the host is stopped and not used again."""

    def stop(self) -> None:
        """Ends its processes."""


@dataclass
class Function:
    """A function with its environment, timeout and memory as the template has them; `log` takes what it prints."""

    resource: Resource
    base_environment: Mapping[str, str]
    log: IO[bytes]
    new_host: Callable[[Function], Host]

    def __post_init__(self) -> None:
        properties = self.resource.properties
        self.name = str(properties["FunctionName"])
        self.handler = str(properties["Handler"])
        self.timeout = int(properties["Timeout"])
        self.memory = int(properties["MemorySize"])
        self.arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}"
        self.environment = {
            **self.base_environment,
            **{key: str(value) for key, value in properties["Environment"]["Variables"].items()},
            "AWS_ACCESS_KEY_ID": str(properties["Role"]).rsplit("/", 1)[-1],  # so that a request says who made it
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "POWERTOOLS_TRACE_DISABLED": "true",
        }
        self._idle: queue.SimpleQueue[Host] = queue.SimpleQueue()
        self._all: list[Host] = []
        self._lock = threading.Lock()

    def invoke(self, event: dict[str, Any]) -> Any:
        """The handler's answer. Raises InvocationFailed."""
        try:
            host = self._idle.get_nowait()
        except queue.Empty:
            with self._lock:
                host = self.new_host(self)
                self._all.append(host)
        try:
            answer = host.invoke(event)
        except InvocationFailed:
            host.stop()
            raise
        self._idle.put(host)
        return answer

    def stop(self) -> None:
        """Ends its processes."""
        with self._lock:
            for host in self._all:
                host.stop()
            self._all.clear()


class SourceHost:
    """Runs the handler as it is in services/: see function_host.py for how that differs from Lambda."""

    def __init__(self, function: Function) -> None:
        self._function = function
        events, send = os.pipe()
        receive, answers = os.pipe()
        self._process = warm.start(
            [HOST, function.handler],
            stdin=events,
            stdout=answers,
            stderr=function.log.fileno(),
            env={**function.environment, "PYTHONPATH": str(ROOT / "services")},
            cwd=ROOT / "services",
        )
        os.close(events)
        os.close(answers)
        self._events = os.fdopen(send, "w")  # the process ends by itself when this closes
        self._answers = os.fdopen(receive)

    def invoke(self, event: dict[str, Any]) -> Any:
        function = self._function
        context = {
            "function_name": function.name,
            "memory_limit_in_mb": function.memory,
            "invoked_function_arn": function.arn,
            "aws_request_id": str(uuid4()),
            "seconds": function.timeout,
        }
        timer = threading.Timer(function.timeout, self._process.kill)
        timer.start()
        try:
            self._events.write(json.dumps({"event": event, "context": context}) + "\n")
            self._events.flush()
            line = self._answers.readline()
        except (OSError, ValueError):  # it has ended, or was stopped
            line = ""
        finally:
            timer.cancel()
        if not line:
            raise InvocationFailed(f"{function.name} ended without an answer, or ran longer than {function.timeout} s")
        answer = json.loads(line)
        if "error" in answer:
            raise InvocationFailed(answer["error"])
        return answer["result"]

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._events, self._answers):
            with suppress(BrokenPipeError):  # an event that it no longer read
                pipe.close()
