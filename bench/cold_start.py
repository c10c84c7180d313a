"""Measures each function's start beside handlers that do less, under Lambda's own client.

    make build && python -m bench.cold_start [--rounds 9] [--json FILE]

Every start is a fresh process of the machine's CPython with awslambdaric (local/emulator/lambda_runtime.py says how that
differs from Lambda), and the Runtime API is a small server here. Three figures, each a median, the ways taking turns:

- init: from the start of the interpreter until the client asks for the first event;
- answer: until the first event is answered. Ours make their clients on the first event, the others when they are imported;
  the event is one that needs no AWS call;
- peak: the process's largest resident set (VmHWM).

The ratios are of CPU time, which a busy machine disturbs less, to `boto3, one client` of the same kind of artefact: either
what `sam build` alone leaves, of which Python compiles each module anew whenever a function starts, since Lambda's file
system is read-only; or that with bytecode (`make build`). The files are in the page cache, and the CPU is this machine's,
which 512 MB of Lambda's memory do not buy: compare, don't quote.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from local import ROOT
from local.emulator.cloud import PARAMETERS
from local.emulator.lambda_runtime import BUILD, runtime_client
from local.emulator.template import load

NOTICE = {"Type": "Notification", "Message": "This is to notify you that a subscription was made."}
EVENTS = {"prod_to_preprod": {"Event": "s3:TestEvent"}, "snapshot_to_s3": NOTICE, "s3_to_s3_copier": NOTICE}
SERVICES = {
    "prod_to_preprod": ["s3", "sqs", "sns"],
    "snapshot_to_s3": ["rds", "sqs", "sns"],
    "s3_to_s3_copier": ["rds", "s3", "glue", "sqs", "sns"],
}
BASE = "boto3, one client"
LIBRARIES = """
import pydantic
from aws_lambda_powertools import Logger, Metrics, Tracer
logger, tracer = Logger(), Tracer()
"""
TIMEOUT = 60


class Way(NamedTuple):
    """A handler, in the folder of its artefact (and in `folder`, where it is not in there)."""

    name: str
    handler: str
    artefact: Path
    folder: Path
    environment: dict[str, str]
    event: dict[str, Any]


class Start(NamedTuple):
    """Milliseconds until the client asks for an event, and until it has answered it, by the clock and of CPU; MiB."""

    init: float
    answer: float
    init_cpu: float
    answer_cpu: float
    peak: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not (BUILD / "template.yaml").exists():
        raise FileNotFoundError("Nothing is built yet: run `make build` first.")
    rows = []
    sys.stdout.write(f"{'':50} {'ms':^15} {'ms of CPU':^15} {'MiB':>6} {'ratio of CPU':^13}\n")
    named = " ".join(f"{name:>7}" for name in ("init", "answer", "init", "answer"))
    sys.stdout.write(f"{'artefact':9} {'handler':40} {named} {'peak':>6} {'init':>6} {'answer':>6}\n")
    with TemporaryDirectory(prefix="liberator-") as temporary:
        folder = Path(temporary)
        client = runtime_client(folder / "client")
        for kind in ("sam build", "bytecode"):
            artefacts = _artefacts(folder / kind.replace(" ", "-"), bytecode=kind == "bytecode")
            # without bytecode only what it makes of ours: compiling takes a second for each start
            ways = [way for way in _ways(artefacts) if kind == "bytecode" or way.name == BASE or way.name.startswith("ours")]
            starts: dict[str, list[Start]] = {way.name: [] for way in ways}
            for _ in range(options.rounds):
                for way in ways:
                    starts[way.name].append(_start(way, client))
            base = _median(starts[BASE])
            for name, measured in starts.items():
                rows.append(_row(kind, name, _median(measured), base))
                sys.stdout.write(_line(rows[-1]))
            shutil.rmtree(artefacts)
    if options.json:
        command = f"python -m bench.cold_start --rounds {options.rounds}"
        options.json.write_text(json.dumps({"name": "cold_start", "command": command, "rows": rows}, indent=1) + "\n")


def _artefacts(to: Path, *, bytecode: bool) -> Path:
    """A copy of what is built, with bytecode in place of what is there, or without any."""
    shutil.copytree(BUILD, to, ignore=shutil.ignore_patterns("__pycache__"))
    if bytecode:
        subprocess.run([sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", to], check=True)
    return to


def _ways(artefacts: Path) -> Iterator[Way]:
    template = load(ROOT / "template.yaml", PARAMETERS)
    functions = [(f, str(f.properties["Handler"])) for f in template.of_type("AWS::Lambda::Function")]
    any_artefact = artefacts / functions[0][0].logical_id

    def other(name: str, imports: str) -> Way:
        folder = artefacts / name.translate({ord(c): "_" for c in " ,+:"})
        folder.mkdir()
        (folder / "plain.py").write_text(f"{imports}\ndef handler(event, context):\n    return {{}}\n")
        return Way(name, "plain.handler", any_artefact, folder, {}, {})

    yield other("nothing", "")
    yield other(BASE, _clients(["sqs"]))
    yield other("boto3, one client, the libraries", _clients(["sqs"]) + LIBRARIES)
    for function, handler in functions:
        name = handler.split(".")[0]
        artefact = artefacts / function.logical_id
        environment = {key: str(value) for key, value in function.properties["Environment"]["Variables"].items()}
        record = {"messageId": "m1", "receiptHandle": "r1", "eventSource": "aws:sqs", "body": json.dumps(EVENTS[name])}
        yield other(f"boto3, {len(SERVICES[name])} clients: {', '.join(SERVICES[name])}", _clients(SERVICES[name]))
        yield Way(f"ours: {name}", handler, artefact, artefact, environment, {"Records": [record]})


def _clients(services: list[str]) -> str:
    return f"import boto3\nclients = [boto3.client(service) for service in {services}]\n"


def _start(way: Way, client: Path) -> Start:
    """One start. Raises RuntimeError where the client reports an error."""
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_REGION": "eu-west-2",
        "AWS_DEFAULT_REGION": "eu-west-2",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_LAMBDA_FUNCTION_NAME": "function",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "LAMBDA_TASK_ROOT": str(way.artefact),
        "PYTHONPATH": f"{way.folder}:{way.artefact}:{client}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "_HANDLER": way.handler,
        **way.environment,
    }
    with _runtime_api(way.event) as (api, address):
        # -S and the base interpreter, as in local/emulator/lambda_runtime.py: nothing but the artefact and the client.
        command = [Path(sys.base_prefix) / "bin" / "python3.13", "-S", "-m", "awslambdaric", way.handler]
        environment["AWS_LAMBDA_RUNTIME_API"] = address
        began = time.monotonic()
        process = subprocess.Popen(
            command, cwd=way.artefact, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        api.pid = process.pid
        answered = api.ended.wait(TIMEOUT)
        peak = _peak(process.pid)
        process.kill()
        said = process.communicate()[0].decode()
    if not answered or api.failed:
        raise RuntimeError(f"{way.name} did not answer: {api.failed}\n{said}")
    (asked, asked_cpu), (ended, ended_cpu) = api.times
    return Start(*(1000 * seconds for seconds in (asked - began, ended - began, asked_cpu, ended_cpu)), peak)


def _peak(pid: int) -> float:
    """Not wait4's ru_maxrss: that begins with what the parent had."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


@dataclass
class RuntimeApi:
    """`times`, in seconds by time.monotonic and of the process's CPU: asked for an event, answered it. Or what failed."""

    pid: int = 0
    times: list[tuple[float, float]] = field(default_factory=list)
    failed: str = ""
    ended: threading.Event = field(default_factory=threading.Event)

    def note(self) -> None:
        # the clock of another process's CPU time, as clock_getcpuclockid(3) makes it
        self.times.append((time.monotonic(), time.clock_gettime(~self.pid << 3 | 2)))


@contextmanager
def _runtime_api(event: dict[str, Any]) -> Iterator[tuple[RuntimeApi, str]]:
    """https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, for one event."""
    api, over = RuntimeApi(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if api.times:
                over.wait()  # there is no second event
                return
            api.note()
            self._answer(
                200,
                json.dumps(event).encode(),
                {
                    "Lambda-Runtime-Aws-Request-Id": "request",
                    "Lambda-Runtime-Deadline-Ms": str(int((time.time() + TIMEOUT) * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-2:123456789012:function:function",
                    "Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
                },
            )

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            api.note()
            if not self.path.endswith("/response") or '"itemIdentifier"' in body:
                api.failed = body
            self._answer(202, b"{}", {})
            api.ended.set()

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()  # a shutdown waits that long
    try:
        yield api, f"127.0.0.1:{server.server_port}"
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def _median(starts: list[Start]) -> Start:
    return Start(*(statistics.median(values) for values in zip(*starts, strict=True)))


def _row(artefact: str, handler: str, start: Start, base: Start) -> dict[str, Any]:
    return {
        "artefact": artefact,
        "handler": handler,
        "init_ms": start.init,
        "answer_ms": start.answer,
        "init_cpu_ms": start.init_cpu,
        "answer_cpu_ms": start.answer_cpu,
        "peak_mib": start.peak,
        "init_ratio": start.init_cpu / base.init_cpu,
        "answer_ratio": start.answer_cpu / base.answer_cpu,
    }


def _line(row: dict[str, Any]) -> str:
    figures = " ".join(f"{row[name]:7.0f}" for name in ("init_ms", "answer_ms", "init_cpu_ms", "answer_cpu_ms"))
    ratios = f"{row['init_ratio']:6.2f} {row['answer_ratio']:6.2f}"
    return f"{row['artefact']:9} {row['handler']:40} {figures} {row['peak_mib']:6.1f} {ratios}\n"


if __name__ == "__main__":
    main()
