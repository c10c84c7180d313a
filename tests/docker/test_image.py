"""`make image-test`: the loader's image, with a read-only root file system, as the task definition runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local import ROOT
from local.emulator.cloud import Cloud
from local.emulator.terminal import docker_gateway

pytestmark = pytest.mark.skipif(docker_gateway() is None, reason="no Docker engine answers")

IMAGE = "liberator-to-rds-snapshot:test"
KEY = "parking/liberator_dump_210604.zip"
CHINOOK = ROOT / "tests" / "data" / "chinook_mysql.zip"


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """Built here; a stand-in for RDS's CA bundle, since the real one is fetched from AWS, and the test's CA is mounted."""
    bundle = ROOT / "ecs" / "dump_loader" / "test.pem"
    bundle.write_text("")
    try:
        argument = f"RDS_CA_BUNDLE={bundle.relative_to(ROOT)}"
        command = ["docker", "build", "-q", "-f", "ecs/dump_loader/Dockerfile", "-t", IMAGE, "--build-arg", argument, "."]
        built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    finally:
        bundle.unlink()
    assert built.returncode == 0, built.stderr[-3000:]
    yield IMAGE
    subprocess.run(["docker", "image", "rm", "-f", IMAGE], capture_output=True, check=False)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud(polling=False, snapshot_seconds=0.1) as running:
        running.bus.disabled.add("UploadRule")
        yield running


def run_task(image: str, cloud: Cloud) -> subprocess.CompletedProcess[str]:
    """The task's containers, one after the other; what the last one said."""
    for container in cloud.ecs.containers:
        done = run(image, cloud, container)
        if done.returncode:
            break
    return done


def run(image: str, cloud: Cloud, container: Mapping[str, Any], *options: str) -> subprocess.CompletedProcess[str]:
    overrides = [{"name": "DUMP_KEY", "value": KEY}, {"name": "EVENT_TIME", "value": "2021-06-04T03:00:00Z"}]
    asked = {"containerOverrides": [{"name": cloud.ecs.essential["Name"], "environment": overrides}]}
    environment = cloud.ecs.environment(asked, container)
    variables = [f"--env={name}={value}" for name, value in (environment | {"DB_CA_BUNDLE": "/ca.pem"}).items()]
    program, *arguments = container.get("EntryPoint", [""])
    if program:
        options = (f"--entrypoint={program}", *options)
    # host: the database and the local AWS listen on 127.0.0.1 only
    return subprocess.run(
        ["docker", "run", "--rm", "--network", "host", "--read-only", f"--volume={Path(cloud.server.ca_bundle)}:/ca.pem:ro",
         *variables, *options, image, *arguments],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_the_image_loads_a_dump_over_tls_and_takes_its_snapshot(image: str, cloud: Cloud) -> None:
    cloud.upload(CHINOOK, KEY)
    done = run_task(image, cloud)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1])["message"] == "Done"
    snapshots = cloud.aws.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    [taken] = [
        s["DBSnapshotIdentifier"] for s in snapshots if s["DBSnapshotIdentifier"].startswith("sql-to-parquet-2021-06-04-")
    ]
    counts = cloud.s3.get_object(Bucket=cloud.name_of("DataBucket"), Key=f"{KEY[:-4]}.{taken}.row-counts.json")["Body"]
    tables = json.loads(counts.read())["tables"]
    assert (len(tables), sum(tables.values())) == (11, 15_607)


def test_the_image_says_in_one_line_what_is_wrong(image: str, cloud: Cloud) -> None:
    done = run_task(image, cloud)
    assert done.returncode == 1
    errors = [line for line in map(json.loads, done.stdout.splitlines()) if line.get("level") == "ERROR"]
    assert len(errors) == 1
    assert KEY in errors[0]["message"]


def test_the_image_runs_as_nobody(image: str, cloud: Cloud) -> None:
    assert run(image, cloud, cloud.ecs.essential, "--entrypoint=id").stdout.startswith("uid=65534")
