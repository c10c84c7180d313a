"""prod_to_preprod on moto's S3."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig

from ingestion.errors import AccessDenied, CopyMismatch, NotFound
from prod_to_preprod import replication
from prod_to_preprod.inbox import UploadedObject
from prod_to_preprod.replication import Destination, replicate
from tests.fakes import client_error

KEY = "parking/liberator_dump_210604.zip"
TO = Destination("pre-production", None)


class Buckets:
    def __init__(self) -> None:
        self.s3 = boto3.client("s3")
        for bucket in ("production", "pre-production"):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
            self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    def upload(self, body: bytes, key: str = KEY) -> UploadedObject:
        version = self.s3.put_object(Bucket="production", Key=key, Body=body, ContentType="application/zip")["VersionId"]
        return UploadedObject(bucket="production", key=key, version_id=version)

    def copy(self, key: str = KEY) -> bytes:
        return self.s3.get_object(Bucket="pre-production", Key=key)["Body"].read()

    def versions(self) -> int:
        return len(self.s3.list_object_versions(Bucket="pre-production").get("Versions", []))


@pytest.fixture
def buckets(aws: str) -> Buckets:
    return Buckets()


@pytest.mark.parametrize("key", [KEY, "parking/liberator_dump_210604 (final)+ä%20=&.zip", "parking/a//b'\".zip"])
def test_the_zip_gets_the_same_key_whatever_it_looks_like(buckets: Buckets, key: str) -> None:
    replicate(buckets.upload(b"zip", key), buckets.s3, TO)
    assert buckets.copy(key) == b"zip"


def test_the_other_account_owns_the_copy(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    real = buckets.s3.copy
    monkeypatch.setattr(buckets.s3, "copy", lambda *a, **k: (asked.update(k["ExtraArgs"]), real(*a, **k)))
    replicate(buckets.upload(b"zip"), buckets.s3, Destination("pre-production", "arn:aws:kms:eu-west-2:1:key/k"))
    assert asked["ACL"] == "bucket-owner-full-control"
    assert asked["SSEKMSKeyId"] == "arn:aws:kms:eu-west-2:1:key/k"


def test_the_same_event_twice_copies_once(buckets: Buckets) -> None:
    uploaded = buckets.upload(b"zip")
    replicate(uploaded, buckets.s3, TO)
    replicate(uploaded, buckets.s3, TO)
    assert buckets.versions() == 1


def test_exactly_the_version_of_the_event_is_copied(buckets: Buckets) -> None:
    first = buckets.upload(b"first")
    buckets.upload(b"second")
    replicate(first, buckets.s3, TO)
    assert buckets.copy() == b"first"


def test_an_old_event_that_comes_late_does_not_undo_a_newer_one(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = buckets.upload(b"first"), buckets.upload(b"second")
    replicate(second, buckets.s3, TO)
    head = buckets.s3.head_object

    def an_hour_older(**request: Any) -> Any:  # moto's times have whole seconds
        answer = head(**request)
        if request.get("VersionId") == first.version_id:
            answer["LastModified"] = answer["LastModified"].replace(year=2020)
        return answer

    monkeypatch.setattr(buckets.s3, "head_object", an_hour_older)
    replicate(first, buckets.s3, TO)
    assert buckets.copy() == b"second"


def test_a_large_zip_is_copied_by_parts_with_its_marks(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    # 12 MiB stand for 5 GB: moto keeps objects in memory.
    monkeypatch.setattr(replication, "TRANSFER", TransferConfig(multipart_threshold=1 << 20, multipart_chunksize=5 << 20))
    body = bytes(range(256)) * 4096 * 12
    uploaded = buckets.upload(body)
    replicate(uploaded, buckets.s3, TO)
    replicate(uploaded, buckets.s3, TO)
    assert buckets.copy() == body
    assert buckets.versions() == 1
    assert buckets.s3.head_object(Bucket="pre-production", Key=KEY)["ETag"].strip('"').endswith("-3")


def test_a_version_that_is_gone_ends_the_run(buckets: Buckets) -> None:
    gone = UploadedObject(bucket="production", key=KEY, version_id="b6e5d4f2-0000-0000-0000-000000000000")
    with pytest.raises(NotFound, match=r"s3://production/parking"):
        replicate(gone, buckets.s3, TO)


def test_a_bucket_that_refuses_ends_the_run(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: Any, **__: Any) -> None:
        raise client_error("AccessDenied", "CopyObject")

    uploaded = buckets.upload(b"zip")
    monkeypatch.setattr(buckets.s3, "copy", denied)
    with pytest.raises(AccessDenied, match="s3://pre-production"):
        replicate(uploaded, buckets.s3, TO)


def test_a_copy_that_is_not_there_afterwards_is_an_error(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    uploaded = buckets.upload(b"zip")
    monkeypatch.setattr(buckets.s3, "copy", lambda *_, **__: None)
    with pytest.raises(CopyMismatch, match="something else writes there"):
        replicate(uploaded, buckets.s3, TO)
