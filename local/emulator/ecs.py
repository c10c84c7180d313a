"""The ECS agent: runs the tasks of one definition, each container a process with the environment that it gives it.

Stands in for ECS, which moto records but does not run. How it differs: no container (the image has a test of its own),
no CPU or memory limit of one task, and the CA that the dump loader trusts is the private server's own instead of RDS's. An
account's quota of Fargate vCPUs is a number of tasks that run at once. Beyond it Fargate refuses RunTask and EventBridge
tries again, for six hours; here the task waits for its turn, PROVISIONING, however long that takes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

from local import ROOT
from local.emulator import warm
from local.emulator.aws import ACCOUNT, REGION, event_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.emulator.story import Story
    from local.emulator.template import Resource
    from local.emulator.warm import Process


TASKS_AT_ONCE = 20  # a loader takes some 80 MB and its start a second of a core; a machine should still do something else

STAGES = {"WARNING": "Loader warns", "ERROR": "Loader failed"}  # its other lines only say how far it is


@dataclass
class EcsAgent:
    """`secrets` maps what a container's secret is taken from to its value; `replaced` are variables that differ here.

    `on_event` hears of the task's end, as EventBridge would.
    """

    task_definition: Resource
    cluster_arn: str
    base_environment: Mapping[str, str]
    secrets: Mapping[str, str]
    replaced: Mapping[str, str]
    log: IO[bytes]
    story: Story
    on_event: Callable[[dict[str, Any]], None]
    exit_codes: list[int] = field(default_factory=list)
    _running: set[Process] = field(default_factory=set)
    _threads: list[threading.Thread] = field(default_factory=list)
    _slots: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(TASKS_AT_ONCE))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: bool = False

    @property
    def containers(self) -> list[dict[str, Any]]:
        """Their definitions, each behind those that it waits for; here all wait for SUCCESS, and so for the one before."""
        waiting = list(self.task_definition.properties["ContainerDefinitions"])
        return sorted(waiting, key=lambda container: len(container.get("DependsOn", [])))

    @property
    def essential(self) -> dict[str, Any]:
        """The definition of the one container whose end is the task's."""
        [container] = [c for c in self.containers if c["Essential"]]
        return container

    def environment(self, overrides: Mapping[str, Any], container: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Put together a container's environment: its definition's, secrets, overrides. None is the essential container."""
        container = container or self.essential
        environment = {e["Name"]: str(e["Value"]) for e in container.get("Environment", [])}
        environment |= {s["Name"]: self.secrets[s["ValueFrom"]] for s in container.get("Secrets", [])}
        for override in overrides.get("containerOverrides", []):
            if override["name"] not in [c["Name"] for c in self.containers]:
                raise ValueError(f"There is no container {override['name']} in the task definition.")
            if override["name"] == container["Name"]:
                environment |= {e["name"]: str(e["value"]) for e in override.get("environment", [])}
        environment |= self.replaced
        environment["AWS_ACCESS_KEY_ID"] = str(self.task_definition.properties["TaskRoleArn"]).rsplit("/", 1)[-1]
        return {**self.base_environment, **environment}

    def run_task(self, overrides: Mapping[str, Any]) -> None:
        """RunTask with overrides of the form {"containerOverrides": [{"name", "environment": [{"name", "value"}]}]}."""
        commands = [(c, self.environment(overrides, c)) for c in self.containers]
        thread = threading.Thread(target=self._run_in_turn, args=(commands,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """StopTask: SIGTERM, then SIGKILL. Tasks that wait for their turn are not begun."""
        with self._lock:
            self._stopped = True
        for process in list(self._running):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for thread in self._threads:
            thread.join()

    def _run_in_turn(self, commands: list[tuple[dict[str, Any], dict[str, str]]]) -> None:
        with self._slots:
            self._run(commands)

    def _run(self, commands: list[tuple[dict[str, Any], dict[str, str]]]) -> None:
        task = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/{self.cluster_arn.rsplit('/', 1)[-1]}/{uuid4().hex}"
        [environment] = [environment for container, environment in commands if container["Essential"]]
        if not self._stopped:
            asked = (environment.get(name) for name in ("DUMP_KEY", "IMPORT_DATE_OVERRIDE", "SPEC_KEY"))
            self.story.tell("Task started", next(filter(None, asked), ""))
        codes: dict[str, int] = {}
        for container, environment in commands:
            if (code := self._run_container(container, environment)) is None:
                return
            codes[container["Name"]] = code
            if code:
                break
        code = list(codes.values())[-1]
        self.exit_codes.append(code)
        self.story.tell("Task stopped", f"exit code {code}")
        if not self._stopped:
            self._announce(task, codes)

    def _run_container(self, container: Mapping[str, Any], environment: Mapping[str, str]) -> int | None:
        """Its exit code; None where the agent has been stopped before."""
        program = environment["POWERTOOLS_SERVICE_NAME"] if container["Essential"] else ""  # of that name, in its image
        _, *arguments = container.get("EntryPoint", ["python", "-m", program])
        package = arguments[1].split(".")[0]
        with self._lock:
            if self._stopped:
                return None
            receive, output = os.pipe()
            with Path(os.devnull).open() as nothing:
                process = warm.start(
                    arguments,
                    env={**environment, "PYTHONPATH": f"{ROOT / 'services'}:{ROOT / 'ecs' / package}"},
                    cwd=ROOT,
                    stdin=nothing.fileno(),
                    stdout=output,
                    stderr=output,
                )
            os.close(output)
            self._running.add(process)
        with os.fdopen(receive, "rb") as lines:
            for line in lines:
                self.log.write(line)
                self.log.flush()
                self._tell(line)
        code = process.wait()
        self._running.discard(process)
        return code

    def _tell(self, line: bytes) -> None:
        try:
            record = json.loads(line)
        except ValueError:
            return
        if isinstance(record, dict) and "message" in record:
            self.story.tell(STAGES.get(str(record.get("level")), "Loader"), str(record["message"]))

    def _announce(self, task: str, codes: Mapping[str, int]) -> None:
        """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html"""
        family = self.task_definition.properties["Family"]
        detail = {
            "clusterArn": self.cluster_arn,
            "taskArn": task,
            "taskDefinitionArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{family}:1",
            "group": f"family:{family}",
            "lastStatus": "STOPPED",
            "desiredStatus": "STOPPED",
            "stopCode": "EssentialContainerExited",
            "stoppedReason": "Essential container in task exited",
            "containers": [{"name": name, "lastStatus": "STOPPED", "exitCode": code} for name, code in codes.items()],
        }
        self.on_event(event_of("aws.ecs", "ECS Task State Change", detail, [task]))
