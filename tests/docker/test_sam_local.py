"""`make sam-local`: every file of events/ through `sam local invoke`, in Docker, does what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import ROOT
from local.emulator.prepared import PreparedCloud
from local.emulator.terminal import docker_gateway, invoke_command, write_files
from tests.outcomes import Outcome, bring_about, of_every_file

IMAGE = "public.ecr.aws/lambda/python:3.13-rapid-x86_64"
pytestmark = pytest.mark.skipif(docker_gateway() is None, reason="no Docker engine answers: `sam local invoke` needs one")


@pytest.fixture(scope="module")
def cloud() -> Iterator[PreparedCloud]:
    with PreparedCloud(built=True, also_on=docker_gateway()) as running:
        write_files(running)
        yield running


@of_every_file()
def test_an_event_does_what_its_name_says(cloud: PreparedCloud, function: str, case: str, outcome: Outcome) -> None:
    have = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode == 0

    def invoke(logical_id: str, event: Path) -> dict[str, Any]:
        command = invoke_command(cloud.functions[logical_id].resource.path, event) + (["--skip-pull-image"] if have else [])
        sam = [str(Path(sys.executable).with_name("sam")), *command[1:]]
        credentials = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "eu-west-2"}
        environment = os.environ | credentials | {"SAM_CLI_TELEMETRY": "0"}
        done = subprocess.run(sam, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        assert lines, done.stderr[-3000:]
        return dict(json.loads(lines[-1]))

    assert bring_about(cloud, function, case, invoke) == outcome
