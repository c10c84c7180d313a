"""Glue's jobs: real Spark runs the template's scripts, with the template's arguments, as a workflow's triggers or a run say.

Stands in for Glue's workflow engine and its clusters. How it differs: Spark is one process on this machine (spark.py says
more), and a workflow does not look at its jobs' MaxConcurrentRuns.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

from ingestion.s3_uri import split_s3_uri
from local.emulator import guard, spark
from local.emulator.aws import event_of

if TYPE_CHECKING:
    from local.emulator.aws import LocalAws
    from local.emulator.story import Story
    from local.emulator.template import Resource, Template

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
        [resource] = [r for r in self.template.of_type("AWS::Glue::Job") if r.properties["Name"] == job]
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
        [resource] = [r for r in self.template.of_type("AWS::Glue::Job") if r.properties["Name"] == job]
        return self._run(resource, arguments | {"--JOB_RUN_ID": run_id})

    def ended(self, job: str, run_id: str, state: str, message: str, *, attempt: int = 1) -> None:
        """Tell of a run's end, as EventBridge does."""
        if self._stopped:
            return
        self.story.tell(ENDED, f"{job} {state}{f' (attempt {attempt})' if attempt > 1 else ''} {message}")
        detail = {"jobName": job, "jobRunId": run_id, "state": state, "message": message}
        self.on_event(event_of("aws.glue", "Glue Job State Change", detail, []))

    def _run(self, job: Resource, of_run: dict[str, str]) -> tuple[str, str]:
        """The job's state in the end, and its error."""
        p = job.properties
        arguments = {name: str(value) for name, value in p["DefaultArguments"].items()}
        arguments |= {"--JOB_NAME": p["Name"]} | of_run
        self.story.tell(STARTED, p["Name"])
        temporary, role = guard.folder(), str(p["Role"]).rsplit("/", 1)[-1]
        script, library = (
            self._download(uri, temporary) for uri in (p["Command"]["ScriptLocation"], arguments["--extra-py-files"])
        )
        with self._lock:
            if self._stopped:
                return "STOPPED", ""
            process = guard.start(
                [sys.executable, str(script), *(part for pair in arguments.items() for part in pair)],
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
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            self._running.add(process)
        timer = threading.Timer(60 * float(p["Timeout"]), os.killpg, (process.pid, signal.SIGKILL))
        timer.daemon = True
        timer.start()
        last = ""
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self.log.write(line)
                self.log.flush()
                last = self._tell(p["Name"], line.decode(errors="replace").strip()) or last
        code = process.wait()
        late = timer.finished.is_set()
        timer.cancel()
        with self._lock:
            self._running.discard(process)
        return ("TIMEOUT", "") if late else ("SUCCEEDED", "") if code == 0 else ("FAILED", last)

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
