"""Glue's jobs: real Spark runs the template's scripts, with the template's arguments, as a workflow's triggers or a run say.

Stands in for Glue's workflow engine and its clusters. How it differs: Spark is one process on this machine (spark.py says
more), and a workflow does not look at its jobs' MaxConcurrentRuns. The runs of a job that StartJobRun starts go through one
process, one after the other (job_host.py): a Spark for each would take eight seconds of a small machine.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

from ingestion.s3_uri import split_s3_uri
from local.emulator import guard, spark
from local.emulator.aws import event_of
from local.emulator.job_host import END

if TYPE_CHECKING:
    from local.emulator.aws import LocalAws
    from local.emulator.story import Story
    from local.emulator.template import Resource, Template

HOST = Path(__file__).with_name("job_host.py")
STARTED, ENDED = "Glue job started", "Glue job ended"


@dataclass
class GlueJobs:
    """`on_event` hears what EventBridge would."""

    template: Template
    aws: LocalAws
    log: IO[bytes]
    story: Story
    on_event: Callable[[dict[str, Any]], None]
    _running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)
    _hosts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _stopped: bool = False

    def carry_out(self, workflow: str, run_id: str) -> None:
        """Runs the workflow, and tells of its end whatever happens."""
        ended = "not carried out"
        try:
            ended = self._carry_out(workflow, run_id)
        finally:
            self.story.tell("Workflow ended", ended)

    def _carry_out(self, workflow: str, run_id: str) -> str:
        """Fires the workflow's triggers, the first on demand, the others as the jobs before them end."""
        triggers = [t for t in self.template.of_type("AWS::Glue::Trigger") if t.properties["WorkflowName"] == workflow]
        ended: dict[str, str] = {}
        while ready := [trigger for trigger in triggers if _fires(trigger, ended)]:
            for trigger in ready:
                triggers.remove(trigger)
                for action in trigger.properties["Actions"]:
                    ended[action["JobName"]] = self._with_retries(action["JobName"], workflow, run_id)
        return ", ".join(f"{job} {state}" for job, state in ended.items())

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._running:
                os.killpg(process.pid, signal.SIGKILL)  # Spark's JVM too

    def _with_retries(self, job: str, workflow: str, run_id: str) -> str:
        resource = self._job(job)
        for attempt in range(1 + int(resource.properties["MaxRetries"])):
            state, message = self._run(resource, {"--WORKFLOW_NAME": workflow, "--WORKFLOW_RUN_ID": run_id})
            if self._stopped:
                break
            self.ended(job, f"jr_{uuid4().hex}", state, message, attempt=attempt + 1)
            if state == "SUCCEEDED":
                break
        return state

    def run(self, job: str, run_id: str, arguments: dict[str, str]) -> tuple[str, str]:
        """Run a job that StartJobRun has started: its state in the end, and its error."""
        with self._one_at_a_time:
            return self._run(self._job(job), arguments | {"--JOB_RUN_ID": run_id}, warm=True)

    def ended(self, job: str, run_id: str, state: str, message: str, *, attempt: int = 1) -> None:
        """Tell of a run's end, as EventBridge does."""
        if self._stopped:
            return
        self.story.tell(ENDED, f"{job} {state}{f' (attempt {attempt})' if attempt > 1 else ''} {message}")
        detail = {"jobName": job, "jobRunId": run_id, "state": state, "message": message}
        self.on_event(event_of("aws.glue", "Glue Job State Change", detail, []))

    def _run(self, job: Resource, of_run: dict[str, str], *, warm: bool = False) -> tuple[str, str]:
        """The job's state in the end, and its error."""
        p = job.properties
        arguments = {name: str(value) for name, value in p["DefaultArguments"].items()}
        arguments |= {"--JOB_NAME": p["Name"]} | of_run
        command = [Path(p["Command"]["ScriptLocation"]).name, *(part for pair in arguments.items() for part in pair)]
        self.story.tell(STARTED, p["Name"])
        process = self._warm(job) if warm else self._start(job, command)
        if process is None:
            return "STOPPED", ""
        timer = threading.Timer(60 * float(p["Timeout"]), os.killpg, (process.pid, signal.SIGKILL))
        timer.daemon = True
        timer.start()
        if warm:
            self._ask(process, command)
        code, last = self._follow(process, p["Name"])
        late = timer.finished.is_set()
        timer.cancel()
        return ("TIMEOUT", "") if late else ("SUCCEEDED", "") if code == 0 else ("FAILED", last)

    def in_session(self, job: str, script: Path, arguments: list[str]) -> bool:
        """Runs another script in the process that has the job's Spark session; whether it ended well."""
        with self._one_at_a_time:
            process = self._warm(self._job(job))
            if process is None:
                return False
            self._ask(process, [str(script), *arguments])
            return self._follow(process, script.stem)[0] == 0

    def _job(self, name: str) -> Resource:
        [resource] = [r for r in self.template.of_type("AWS::Glue::Job") if r.properties["Name"] == name]
        return resource

    def _warm(self, job: Resource) -> subprocess.Popen[bytes] | None:
        """The process that runs this job again and again, or a new one if that has died."""
        name = job.properties["Name"]
        process = self._hosts.get(name)
        if process is None or process.poll() is not None:
            process = self._start(job, [str(HOST)], stdin=subprocess.PIPE)
            if process:
                self._hosts[name] = process
        return process

    def _ask(self, process: subprocess.Popen[bytes], command: list[str]) -> None:
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has died, which is noticed by what it says
            process.stdin.write(json.dumps(command).encode() + b"\n")
            process.stdin.flush()

    def _start(self, job: Resource, command: list[str], stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes] | None:
        """A process for the job, in a folder that has its script; None where all is to stop."""
        p = job.properties
        temporary, role = guard.folder(), str(p["Role"]).rsplit("/", 1)[-1]
        self._download(p["Command"]["ScriptLocation"], temporary)
        library = self._download(p["DefaultArguments"]["--extra-py-files"], temporary)
        with self._lock:
            if self._stopped:
                return None
            process = guard.start(
                [sys.executable, *command],
                env=os.environ
                | self.aws.environment
                | spark.ENVIRONMENT
                | {
                    "AWS_ACCESS_KEY_ID": role,  # so that a request says who made it
                    "PYTHONPATH": str(library),
                    "PYSPARK_SUBMIT_ARGS": spark.submit_arguments(self.aws.endpoint, role),
                }
                | spark.temporary_files(str(temporary)),
                cwd=temporary,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            self._running.add(process)
            return process

    def _follow(self, process: subprocess.Popen[bytes], job: str) -> tuple[int, str]:
        """Tells what the process says until it ends, or says that a script has; the exit code, and the error."""
        last = ""
        assert process.stdout is not None
        for line in process.stdout:
            self.log.write(line)
            self.log.flush()
            text = line.decode(errors="replace").strip()
            if text.startswith(END):
                return int(text.removeprefix(END)), last
            last = self._tell(job, text) or last
        process.stdout.close()
        code = process.wait()
        with self._lock:
            self._running.discard(process)
        return code, last

    def _tell(self, job: str, line: str) -> str:
        """Tells of the job's own log lines: `<time> <message> {…}`; returns any other, the last of which is the error."""
        message, brace, fields = line.partition(" {")
        try:
            known = json.loads(brace + fields)
        except ValueError:
            return line
        told = ", ".join(f"{name} {value}" for name, value in known.items() if value not in ({}, []))
        self.story.tell("Glue job", f"{job}: {' '.join(message.split(' ')[2:])}{': ' if told else ''}{told}")
        return ""

    def _download(self, uri: str, folder: Path) -> Path:
        bucket, key = split_s3_uri(uri)
        path = folder / Path(key).name
        self.aws.client("s3").download_file(bucket, key, str(path))
        return path


def _fires(trigger: Resource, ended: dict[str, str]) -> bool:
    """https://docs.aws.amazon.com/glue/latest/dg/about-triggers.html"""
    if trigger.properties["Type"] == "ON_DEMAND":
        return True
    conditions = trigger.properties["Predicate"]["Conditions"]
    return all(ended.get(condition["JobName"]) == condition["State"] for condition in conditions)
