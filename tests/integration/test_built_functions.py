"""What `sam build` built, under Lambda's runtime interface client and emulator: every file of events/ does what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local import ROOT
from local.emulator.functions import InvocationFailed
from local.emulator.lambda_runtime import BUILD
from local.emulator.prepared import PreparedCloud
from local.emulator.terminal import invoke_command, write_files
from tests.events import EVENTS
from tests.outcomes import OUTCOMES, Outcome, bring_about, event_of, of_every_file

MEBIBYTES = 100  # of one artefact, unzipped; Lambda takes 250. A third is boto3 (docs/adr/0005), a quarter what trino needs
# Bodies, no events; and those of a function that the local cloud lacks: its test is contract/test_trino_events.py.
OTHERS = ("messages", "trino_publisher")
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def cloud(built: None) -> Iterator[PreparedCloud]:
    with PreparedCloud(built=True) as running:
        yield running


@of_every_file()
def test_an_event_does_what_its_name_says(cloud: PreparedCloud, function: str, case: str, outcome: Outcome) -> None:
    def invoke(logical_id: str, path: Path) -> dict[str, Any]:
        return dict(cloud.functions[logical_id].invoke(event_of(path)))

    assert bring_about(cloud, function, case, invoke) == outcome


def test_every_file_has_an_outcome() -> None:
    assert OUTCOMES.keys() == {(it.parent.name, it.stem) for it in EVENTS.glob("*/*.json") if it.parent.name not in OTHERS}


@pytest.mark.parametrize("function", ["SnapshotToS3Function", "Cubic/RegisterLoadFunction"])
def test_sam_local_can_read_the_templates_that_the_cloud_writes(cloud: PreparedCloud, function: str) -> None:
    write_files(cloud)
    _, *words = invoke_command(function, EVENTS / "snapshot_to_s3/message_daily.json")
    environment = os.environ | {
        "DOCKER_HOST": "unix:///nowhere",
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": "eu-west-2",
    }
    sam = [Path(sys.executable).with_name("sam"), *words]
    done = subprocess.run(sam, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert "Error: Running AWS SAM projects locally requires a container runtime" in done.stderr


def test_the_publisher_of_tables_imports_with_nothing_but_its_artefact(built: None) -> None:
    artefact = BUILD / "DataCommons/TrinoPublisherFunction"
    program = "import trino_publisher.handler as it, trino, pydantic; print(*{m.__file__ for m in (it, trino, pydantic)})"
    environment = {"PYTHONPATH": str(artefact), "AWS_DEFAULT_REGION": "eu-west-2", "POWERTOOLS_TRACE_DISABLED": "true"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(Path(file).is_relative_to(artefact) for file in done.stdout.split())


def test_an_artefact_stays_small(built: None) -> None:
    # An application of the template has a folder of its own, with those of its functions.
    for artefact in (
        path for top in BUILD.iterdir() for path in (top, *top.glob("*Function")) if path.name.endswith("Function")
    ):
        size = sum(file.stat().st_size for file in artefact.rglob("*") if file.is_file()) / 2**20
        sys.stdout.write(f"{artefact.name}: {size:.1f} MiB\n")
        assert size < MEBIBYTES


def test_a_function_that_overruns_its_timeout_is_ended(cloud: PreparedCloud) -> None:
    original = cloud.functions["SnapshotToS3Function"]
    hurried = replace(original.resource, properties=original.resource.properties | {"Timeout": 1})
    # Nobody answers there, and botocore tries for longer than a second.
    function = replace(original, resource=hurried, base_environment={**cloud.aws.environment, "AWS_ENDPOINT_URL": NOBODY})
    try:
        with pytest.raises(InvocationFailed):
            function.invoke(event_of(ROOT / "events/snapshot_to_s3/message_daily.json"))
    finally:
        function.stop()
