"""A copy of a bucket in a folder, such as that of the landing zone while the copier still works in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from local.emulator import folders


def test_an_object_that_stands_for_an_empty_folder_is_not_copied(aws: str, tmp_path: Path) -> None:
    s3: Any = boto3.client("s3")
    s3.create_bucket(Bucket="raw", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    for key in ("parking/_staging/", "parking/day/part.parquet"):
        s3.put_object(Bucket="raw", Key=key, Body=b"")

    folders.download(s3, "raw", tmp_path)

    assert {path.name for path in tmp_path.rglob("*")} == {"parking", "day", "part.parquet"}


@pytest.mark.parametrize("looked_at_by", ["ListObjectsV2", "HeadObject"])
def test_what_goes_while_the_bucket_is_copied_is_not_in_the_copy(aws: str, tmp_path: Path, looked_at_by: str) -> None:
    s3: Any = boto3.client("s3")
    s3.create_bucket(Bucket="landing", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    for key in ("_attempts/one.json", "day/part.parquet"):
        s3.put_object(Bucket="landing", Key=key, Body=b"x")
    after = f"after-call.s3.{looked_at_by}"
    s3.meta.events.register(after, lambda **_: s3.delete_object(Bucket="landing", Key="_attempts/one.json") and None)

    folders.download(s3, "landing", tmp_path / "copy")

    kept = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert kept - {"one.json"} == {"part.parquet"}
    assert ("one.json" in kept) == bool(s3.list_objects_v2(Bucket="landing", Prefix="_attempts/")["KeyCount"])
