"""A copy of the landing zone that is made while the copier still works in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3

from local import landed


def test_what_goes_while_the_bucket_is_copied_is_not_in_the_copy(aws: str, tmp_path: Path) -> None:
    s3: Any = boto3.client("s3")
    s3.create_bucket(Bucket="landing", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    for key in ("_attempts/one.json", "day/part.parquet"):
        s3.put_object(Bucket="landing", Key=key, Body=b"x")
    listed = "after-call.s3.ListObjectsV2"
    s3.meta.events.register(listed, lambda **_: s3.delete_object(Bucket="landing", Key="_attempts/one.json") and None)

    landed.download(s3, "landing", tmp_path / "copy")

    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["part.parquet"]
