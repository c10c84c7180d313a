"""What tests of more than one kind use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.functions import ROOT


@pytest.fixture(scope="session")
def built() -> None:
    """Built from the working tree, so that what is tested is what would be deployed."""
    environment = os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-west-2"}
    sam = Path(sys.executable).with_name("sam")
    subprocess.run([sam, "build"], cwd=ROOT, env=environment, check=True, capture_output=True)
