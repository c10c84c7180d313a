"""glue/push-scripts, with the real aws CLI against moto: what a job will find where the template says that it is."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import ROOT
from local.emulator.aws import LocalAws
from local.emulator.cloud import PARAMETERS
from local.emulator.glue_scripts import QUERIES, push
from local.emulator.template import Template, load
from transform import query_of

BUCKET = "dataplatform-stg-liberator-glue-assets"


@pytest.fixture(scope="module")
def template() -> Template:
    return load(ROOT / "template.yaml", PARAMETERS | {"IngestCubic": "true"})


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    """The bucket of a stack that has nothing but it, after a push over what an earlier one left."""
    outputs = {"GlueAssetsBucketName": {"Value": BUCKET}}
    resources = {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "a-stack-needs-something"}}}
    with LocalAws(1.0) as aws:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
        s3.put_object(Bucket=BUCKET, Key="liberator/transforms/no_longer_there.sql", Body=b"")
        aws.client("cloudformation").create_stack(
            StackName="dataplatform-stg-liberator-ingestion",
            TemplateBody=json.dumps({"Resources": resources, "Outputs": outputs}),
        )
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        command = [ROOT / "glue/push-scripts", "stg"]
        subprocess.run(command, cwd=ROOT, env=os.environ | aws.environment | {"PATH": path}, check=True, capture_output=True)
        yield s3


def test_the_scripts_and_the_library_are_where_the_jobs_look_for_them(
    bucket: Any, template: Template, tmp_path: Path
) -> None:
    for job in template.of_type("AWS::Glue::Job"):
        script = job.properties["Command"]["ScriptLocation"].removeprefix(f"s3://{BUCKET}/")
        library = job.properties["DefaultArguments"]["--extra-py-files"].removeprefix(f"s3://{BUCKET}/")
        (tmp_path / script).parent.mkdir(exist_ok=True)
        (tmp_path / script).write_bytes(bucket.get_object(Bucket=BUCKET, Key=script)["Body"].read())
        (tmp_path / library).write_bytes(bucket.get_object(Bucket=BUCKET, Key=library)["Body"].read())
        # without Glue's arguments a script that could be imported says which it lacks
        ended = subprocess.run(
            [sys.executable, script], cwd=tmp_path, env={"PYTHONPATH": library}, capture_output=True, text=True, check=False
        )
        assert "the following arguments are required: --" in ended.stderr


def test_the_queries_are_those_of_the_working_tree(bucket: Any, template: Template) -> None:
    folder = (
        template.resources["TransformJob"].properties["DefaultArguments"]["--transforms"].removeprefix(f"s3://{BUCKET}/")
    )
    found = bucket.list_objects_v2(Bucket=BUCKET, Prefix=f"{folder}/")["Contents"]
    names = [item["Key"].removeprefix(f"{folder}/") for item in found]
    assert sorted(names) == sorted(path.name for path in (ROOT / "glue/liberator/transforms").glob("*.sql"))
    for name in names:
        query_of(name, bucket.get_object(Bucket=BUCKET, Key=f"{folder}/{name}")["Body"].read().decode())


def test_the_library_has_source_and_nothing_else(bucket: Any) -> None:
    body = bucket.get_object(Bucket=BUCKET, Key="lake.zip")["Body"].read()
    names = zipfile.ZipFile(io.BytesIO(body)).namelist()
    assert {name for name in names if not name.endswith("/")} == {
        *(f"{package}/{p.name}" for package in ("lake", "cubic_job") for p in (ROOT / "glue" / package).glob("*.py")),
        "ingestion/__init__.py",
        "ingestion/partition.py",
    }


def test_the_local_run_puts_the_same_there(bucket: Any) -> None:
    """But for the empty object that stands for the folder of the queries."""
    before = contents(bucket)
    push(bucket, BUCKET, ROOT / "glue/liberator/transforms")
    assert contents(bucket) == before | {QUERIES: b""}
    bucket.delete_object(Bucket=BUCKET, Key=QUERIES)  # the other tests' bucket, in whatever order they come


def contents(s3: Any) -> dict[str, object]:
    """Key → content; of the library, what is in it."""
    found = {}
    for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        body = s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
        archive = zipfile.ZipFile(io.BytesIO(body)) if item["Key"].endswith(".zip") else None
        found[item["Key"]] = body if archive is None else {n: archive.read(n) for n in archive.namelist() if n[-1] != "/"}
    return found
