"""Which of several uploads pre-production is left with."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ingestion.errors import CopyMismatch, NotFound, Transient
from prod_to_preprod.inbox import UploadedObject
from prod_to_preprod.replication import Destination, replicate
from tests.fakes import FakeS3, client_error

KEY = "parking/liberator_dump_210604.zip"
TO = Destination("pre-production", None)


@pytest.fixture
def s3() -> FakeS3:
    fake = FakeS3()
    for bucket in ("production", "pre-production"):
        fake.create_bucket(Bucket=bucket)
    return fake


def upload(s3: FakeS3, body: bytes) -> UploadedObject:
    version = s3.put_object(Bucket="production", Key=KEY, Body=body)["VersionId"]
    return UploadedObject(bucket="production", key=KEY, version_id=version)


def replicated(s3: Any, *uploads: UploadedObject) -> bytes:
    for uploaded in uploads:
        replicate(uploaded, s3, TO)
    return s3.keys("pre-production")[KEY]


def test_the_version_of_the_event_is_copied_not_the_latest(s3: FakeS3) -> None:
    first = upload(s3, b"first")
    upload(s3, b"second")
    assert replicated(s3, first) == b"first"


def test_of_two_uploads_of_one_second_the_one_whose_event_comes_last_is_copied(s3: FakeS3) -> None:
    """S3's times have whole seconds: nothing says which was first, and neither may be lost for ever."""
    first, second = upload(s3, b"first"), upload(s3, b"other")
    assert replicated(s3, first, second) == b"other"


def test_an_earlier_upload_whose_event_comes_late_is_not(s3: FakeS3) -> None:
    first = upload(s3, b"first")
    s3.now += timedelta(seconds=1)
    second = upload(s3, b"other")
    assert replicated(s3, second, first) == b"other"
    assert len(s3.buckets["pre-production"][KEY]) == 1


def test_the_same_event_twice_copies_once(s3: FakeS3) -> None:
    first = upload(s3, b"first")
    assert replicated(s3, first, first) == b"first"
    assert len(s3.buckets["pre-production"][KEY]) == 1


def test_a_newer_copy_that_somebody_makes_meanwhile_stays(s3: Any) -> None:
    first = upload(s3, b"first")
    s3.now += timedelta(seconds=1)
    second = upload(s3, b"other")

    def meanwhile(_: Any) -> None:
        s3.before = {}
        replicate(second, s3, TO)

    s3.before["copy_object"] = meanwhile
    assert replicated(s3, first) == b"other"


def test_where_others_keep_writing_it_is_tried_again_later(s3: Any) -> None:
    uploaded = upload(s3, b"first")
    s3.before["copy_object"] = lambda _: s3.put_object(Bucket="pre-production", Key=KEY, Body=b"%d" % len(s3.calls))
    with pytest.raises(Transient, match="replaced 3 times"):
        replicate(uploaded, s3, TO)


def test_a_copy_that_is_replaced_before_it_is_checked_is_an_error(s3: Any) -> None:
    uploaded = upload(s3, b"first")

    def replaced(request: dict[str, Any]) -> None:
        if request["Bucket"] == "pre-production" and KEY in s3.buckets["pre-production"]:
            s3.put_object(Bucket="pre-production", Key=KEY, Body=b"somebody else's")

    s3.before["head_object"] = replaced
    with pytest.raises(CopyMismatch, match="something else writes there"):
        replicate(uploaded, s3, TO)


def test_a_source_without_versions_that_is_replaced_meanwhile_is_copied_as_it_is_then(s3: Any) -> None:
    upload(s3, b"first")

    def meanwhile(_: Any) -> None:
        s3.before = {}
        upload(s3, b"second")

    s3.before["copy_object"] = meanwhile
    assert replicated(s3, UploadedObject(bucket="production", key=KEY, version_id=None)) == b"second"


def test_the_other_account_owns_a_copy_that_says_what_it_is_of_and_takes_neither_tags_nor_annotations(s3: Any) -> None:
    first = upload(s3, b"first")
    replicated(s3, first)
    [request] = [parameters for operation, parameters in s3.calls if operation == "copy_object"]
    assert request["ACL"] == "bucket-owner-full-control"
    assert (request["TaggingDirective"], request["AnnotationDirective"]) == ("REPLACE", "EXCLUDE")
    assert request["Metadata"] == {"source-version": first.version_id, "source-last-modified": s3.now.isoformat()}


@pytest.mark.parametrize("code", [None, "InternalError"])
def test_the_condition_of_one_copy_is_not_on_the_next(s3: Any, code: str | None) -> None:
    def fail(_: Any) -> None:
        if code:
            raise client_error(code)

    s3.before["copy_object"] = fail
    with suppress(ClientError):
        replicated(s3, upload(s3, b"first"))
    assert s3.handlers == []


def test_half_a_copy_from_before_is_replaced(s3: Any) -> None:
    first = upload(s3, b"first")
    replicated(s3, first)
    s3.buckets["pre-production"][KEY][-1].body = b"fi"
    assert replicated(s3, first) == b"first"


def test_a_version_that_is_gone_ends_the_run(s3: Any) -> None:
    upload(s3, b"first")
    with pytest.raises(NotFound, match=r"s3://production/parking/liberator_dump_210604\.zip"):
        replicate(UploadedObject(bucket="production", key=KEY, version_id="v99"), s3, TO)
