"""prod_to_preprod on moto's S3."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any, Literal

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from moto.s3.models import s3_backends

from ingestion.errors import AccessDenied, CopyMismatch, NotFound, Transient
from prod_to_preprod import replication
from prod_to_preprod.inbox import UploadedObject
from prod_to_preprod.replication import TRANSFER, Destination, replicate
from tests.fakes import client_error

KEY = "parking/liberator_dump_210604.zip"
TO = Destination("pre-production", None)
BY_PARTS = TransferConfig(multipart_threshold=1, multipart_chunksize=5 << 20)


class Buckets:
    """Production and pre-production. `meanwhile` are done one by one, each just before S3 takes a copy.

    moto ignores the conditions of a copy, so they are held here.
    """

    def __init__(self) -> None:
        self.s3, self.others = boto3.client("s3"), boto3.client("s3")
        self.meanwhile: list[Callable[[], object]] = []
        for bucket in ("production", "pre-production"):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
            self.version(bucket, "Enabled")
        for operation in ("CopyObject", "CompleteMultipartUpload"):
            self.s3.meta.events.register(f"before-call.s3.{operation}", self._hold_conditions)

    def version(self, bucket: str, status: Literal["Enabled", "Suspended"]) -> None:
        self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})

    def _hold_conditions(self, params: dict[str, Any], **_: Any) -> None:
        if self.meanwhile:
            self.meanwhile.pop(0)()
        headers = params["headers"]
        here, source = self._etag("pre-production"), self._etag("production")
        allowed = {
            "If-None-Match": lambda _: here is None,
            "If-Match": lambda etag: here == etag,
            "x-amz-copy-source-if-match": lambda etag: "versionId" in headers["x-amz-copy-source"] or source == etag,
        }
        if not all(holds(headers[name]) for name, holds in allowed.items() if name in headers):
            raise client_error("PreconditionFailed")

    def _etag(self, bucket: str) -> str | None:
        found = self.others.list_objects_v2(Bucket=bucket, Prefix=KEY).get("Contents", [])
        return found[0]["ETag"] if found else None

    def upload(self, body: bytes, key: str = KEY) -> UploadedObject:
        version = self.others.put_object(Bucket="production", Key=key, Body=body, ContentType="application/zip").get(
            "VersionId"
        )
        return UploadedObject(bucket="production", key=key, version_id=version)

    def make_older(self, uploaded: UploadedObject) -> None:
        """moto's times have whole seconds, and a test's uploads the same one."""
        version = s3_backends["123456789012"]["aws"].buckets["production"].keys.getlist(uploaded.key)
        for key in version:
            if key.version_id == uploaded.version_id:
                key.last_modified = key.last_modified.replace(year=2020)

    def copy(self, key: str = KEY) -> bytes:
        return self.s3.get_object(Bucket="pre-production", Key=key)["Body"].read()

    def versions(self) -> int:
        return len(self.s3.list_object_versions(Bucket="pre-production").get("Versions", []))


@pytest.fixture
def buckets(aws: str) -> Buckets:
    return Buckets()


@pytest.fixture(params=[TRANSFER, BY_PARTS], ids=["at once", "by parts"])
def large(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once as it is, once as if the zip were larger than 5 GB."""
    monkeypatch.setattr(replication, "TRANSFER", request.param)


@pytest.mark.parametrize("key", [KEY, "parking/liberator_dump_210604 (final)+ä%20=&.zip", "parking/a//b'\".zip"])
def test_the_zip_gets_the_same_key_whatever_it_looks_like(buckets: Buckets, key: str) -> None:
    replicate(buckets.upload(b"zip", key), buckets.s3, TO)
    assert buckets.copy(key) == b"zip"


def test_the_copy_is_encrypted_with_the_other_accounts_key_where_one_is_given(buckets: Buckets, large: None) -> None:
    key = "arn:aws:kms:eu-west-2:210987654321:key/k"
    asked: list[dict[str, str]] = []
    for operation in ("CopyObject", "CreateMultipartUpload"):
        buckets.s3.meta.events.register(f"before-call.s3.{operation}", lambda params, **_: asked.append(params["headers"]))
    replicate(buckets.upload(b"zip"), buckets.s3, Destination("pre-production", key))
    [headers] = asked
    assert headers["x-amz-server-side-encryption"] == "aws:kms"
    assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == key
    assert headers["x-amz-acl"] == "bucket-owner-full-control"


def test_a_copy_takes_neither_tags_nor_annotations_along(buckets: Buckets) -> None:
    asked: list[dict[str, str]] = []
    buckets.s3.meta.events.register("before-call.s3.CopyObject", lambda params, **_: asked.append(params["headers"]))
    replicate(buckets.upload(b"zip"), buckets.s3, TO)
    [headers] = asked
    assert (headers["x-amz-tagging-directive"], headers["x-amz-object-annotation-directive"]) == ("REPLACE", "EXCLUDE")


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


@pytest.fixture
def old_and_new(buckets: Buckets) -> tuple[UploadedObject, UploadedObject]:
    first, second = buckets.upload(b"first"), buckets.upload(b"second")
    buckets.make_older(first)
    return first, second


def test_an_old_event_that_comes_late_does_not_undo_a_newer_one(
    buckets: Buckets, old_and_new: tuple[UploadedObject, UploadedObject]
) -> None:
    first, second = old_and_new
    replicate(second, buckets.s3, TO)
    replicate(first, buckets.s3, TO)
    assert buckets.copy() == b"second"


def test_of_two_events_handled_side_by_side_the_newer_one_wins(
    buckets: Buckets, old_and_new: tuple[UploadedObject, UploadedObject], large: None
) -> None:
    first, second = old_and_new
    buckets.meanwhile = [lambda: replicate(second, buckets.others, TO)]
    replicate(first, buckets.s3, TO)
    assert buckets.copy() == b"second"


def test_the_newer_one_replaces_what_an_older_one_put_there_meanwhile(
    buckets: Buckets, old_and_new: tuple[UploadedObject, UploadedObject], large: None
) -> None:
    first, second = old_and_new
    buckets.meanwhile = [lambda: replicate(first, buckets.others, TO)]
    replicate(second, buckets.s3, TO)
    assert buckets.copy() == b"second"


def test_a_newer_one_that_replaces_an_older_copy_meanwhile_is_kept(
    buckets: Buckets, old_and_new: tuple[UploadedObject, UploadedObject], large: None
) -> None:
    first, second = old_and_new
    buckets.others.put_object(Bucket="pre-production", Key=KEY, Body=b"of some day before")
    buckets.meanwhile = [lambda: replicate(second, buckets.others, TO)]
    replicate(first, buckets.s3, TO)
    assert buckets.copy() == b"second"


def test_a_bucket_that_others_keep_writing_to_is_tried_again_later(buckets: Buckets) -> None:
    def somebody_writes() -> None:
        buckets.others.put_object(Bucket="pre-production", Key=KEY, Body=next(bodies))

    bodies = (str(i).encode() for i in count())
    buckets.meanwhile = [somebody_writes] * 100
    with pytest.raises(Transient, match=r"s3://pre-production/parking/liberator_dump_210604\.zip"):
        replicate(buckets.upload(b"zip"), buckets.s3, TO)


def test_a_source_without_versions_that_is_replaced_meanwhile_is_copied_as_it_is_then(buckets: Buckets) -> None:
    buckets.version("production", "Suspended")
    uploaded = buckets.upload(b"first").model_copy(update={"version_id": None})
    buckets.meanwhile = [lambda: buckets.upload(b"other")]
    replicate(uploaded, buckets.s3, TO)
    assert buckets.copy() == b"other"
    marks = buckets.s3.head_object(Bucket="pre-production", Key=KEY)["Metadata"]
    assert marks[replication.SOURCE_VERSION] == hashlib.md5(b"other").hexdigest()  # noqa: S324  an ETag


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


def _half_of_it(buckets: Buckets) -> Any:
    def copy(_: Any, bucket: str, key: str, *, ExtraArgs: dict[str, Any], **__: Any) -> None:  # noqa: N803
        buckets.s3.put_object(Bucket=bucket, Key=key, Body=b"z", Metadata=ExtraArgs["Metadata"])

    return copy


def test_half_a_copy_is_an_error(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    uploaded = buckets.upload(b"zip")
    monkeypatch.setattr(buckets.s3, "copy", _half_of_it(buckets))
    with pytest.raises(CopyMismatch):
        replicate(uploaded, buckets.s3, TO)


def test_half_a_copy_from_before_is_replaced(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    uploaded = buckets.upload(b"zip")
    with monkeypatch.context() as broken:
        broken.setattr(buckets.s3, "copy", _half_of_it(buckets))
        with suppress(CopyMismatch):
            replicate(uploaded, buckets.s3, TO)
    replicate(uploaded, buckets.s3, TO)
    assert buckets.copy() == b"zip"
