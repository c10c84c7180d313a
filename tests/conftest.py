"""What tests of more than one kind use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.functions import ROOT
from local.lambda_runtime import BUILD


@pytest.fixture(scope="session")
def built() -> None:
    """Built from the working tree, so that what is tested is what would be deployed."""
    environment = os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-west-2"}
    sam = Path(sys.executable).with_name("sam")
    subprocess.run([sam, "build"], cwd=ROOT, env=environment, check=True, capture_output=True)
    compileall = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", BUILD]
    subprocess.run(compileall, check=True, capture_output=True)  # as `make build` does


@pytest.hookimpl(trylast=True)  # after pytest-randomly
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: a process that begins one at the end goes on alone."""
    items.sort(key=lambda item: not {"e2e", "simulation"} & set(item.path.parts))
