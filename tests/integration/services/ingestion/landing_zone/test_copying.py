"""Copying and deleting objects: what S3 is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from ingestion.errors import AccessDenied
from ingestion.landing_zone import copying
from ingestion.landing_zone.copying import Original
from s3_to_s3_copier import handler
from tests.lake import Lake

KEY = "parking/liberator/liberator.t/part.parquet"
GIB = 1024**3


def copy(lake: Lake, body: bytes = b"exported", transfer: TransferConfig = copying.TRANSFER) -> None:
    lake.put("task-1/part.parquet", body)
    copying.copy_all({KEY: Original("exports", "task-1/part.parquet", len(body))}, lake.zone, lambda: 900, transfer)


def asked(lake: Lake, answer: Callable[[str], Any] = lambda _: None) -> list[tuple[str, dict[str, Any]]]:
    """Operations with their parameters, from now on. What `answer` gives for an operation takes the place of S3's."""
    found: list[tuple[str, dict[str, Any]]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        found.append((model.name, dict(params)))

    def reply(model: Any, **_: Any) -> Any:
        return answer(model.name)

    lake.s3.meta.events.register("provide-client-params.s3", note)
    lake.s3.meta.events.register("before-call.s3", reply)
    return found


def test_a_copy_of_another_size_is_made_again(lake: Lake) -> None:
    lake.put(KEY, b"exp", "landing")
    copy(lake)
    assert lake.s3.get_object(Bucket="landing", Key=KEY)["Body"].read() == b"exported"


def test_a_copy_that_is_there_is_not_made_again(lake: Lake) -> None:
    copy(lake)
    calls = asked(lake)
    copy(lake)
    assert "CopyObject" not in [operation for operation, _ in calls]


def test_tags_and_annotations_are_neither_read_nor_copied(lake: Lake) -> None:
    calls = asked(lake)
    copy(lake)
    [request] = [params for operation, params in calls if operation == "CopyObject"]
    assert (request["TaggingDirective"], request["AnnotationDirective"]) == ("REPLACE", "EXCLUDE")


# 6 and 12 MiB stand for more than 5 GB: moto keeps objects in memory.
SMALL_PARTS = TransferConfig(multipart_threshold=1 << 20, multipart_chunksize=5 << 20)


def test_large_objects_are_copied_by_parts(lake: Lake) -> None:
    body = bytes(range(256)) * 4096 * 12
    copy(lake, body, SMALL_PARTS)
    landed = lake.s3.get_object(Bucket="landing", Key=KEY)
    assert landed["Body"].read() == body
    assert landed["ETag"].strip('"').endswith("-3")


def test_nor_are_they_where_the_copy_is_made_by_parts(lake: Lake) -> None:
    calls = asked(lake)
    copy(lake, b"x" * (6 << 20), SMALL_PARTS)
    used = {operation for operation, _ in calls} - {"PutObject", "ListObjectsV2", "HeadObject"}
    assert used == {"CreateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload"}


def test_each_object_takes_one_request_and_the_listings_two(lake: Lake) -> None:
    lake.put("task-1/part.parquet", b"exported")
    plan = {f"parking/liberator/liberator.t/{n}.parquet": Original("exports", "task-1/part.parquet", 8) for n in range(5)}
    calls = asked(lake)
    assert copying.copy_all(plan, lake.zone, lambda: 900) == []
    assert Counter(operation for operation, _ in calls) == {"CopyObject": 5, "ListObjectsV2": 2}


def test_what_is_too_large_for_one_copyobject_is_copied_by_parts(lake: Lake) -> None:
    def large(operation: str) -> Any:
        """S3 with an object of more than 5 GiB, and no more of it than the test has to see."""
        if operation == "HeadObject":
            return type("Http", (), {"status_code": 200}), {"ContentLength": 5 * GIB + 1, "ETag": '"e"'}
        if operation in {"CopyObject", "CreateMultipartUpload"}:
            raise RuntimeError("seen")
        return None

    calls = asked(lake, large)
    plan = {KEY: Original("exports", "task-1/part.parquet", 5 * GIB + 1)}
    with pytest.raises(RuntimeError, match="seen"):
        copying.copy_all(plan, lake.zone, lambda: 900)
    assert calls[-1][0] == "CreateMultipartUpload"


def test_more_objects_than_one_request_may_delete_are_all_deleted(lake: Lake) -> None:
    keys = [f"parking/{number:04}" for number in range(1001)]
    for key in keys:
        lake.put(key, b"", "landing")
    calls = asked(lake)
    copying.delete_all(keys, lake.zone)
    assert lake.landed() == set()
    assert [len(params["Delete"]["Objects"]) for _, params in calls if "Delete" in params] == [1000, 1]


def test_an_object_that_must_not_be_deleted_ends_the_run_by_name(lake: Lake) -> None:
    copy(lake)
    lake.deny("s3:DeleteObject", "landing/parking/*")
    with pytest.raises(AccessDenied, match=f"deleting from s3://landing: .*{KEY}"):
        copying.delete_all([KEY], lake.zone)


def test_an_object_that_s3_fails_to_delete_is_tried_again(lake: Lake) -> None:
    refused = {"Errors": [{"Key": KEY, "Code": "InternalError", "Message": "We encountered an internal error"}]}
    asked(
        lake, lambda operation: (type("Http", (), {"status_code": 200}), refused) if operation == "DeleteObjects" else None
    )
    with pytest.raises(ClientError, match="InternalError"):
        copying.delete_all([KEY], lake.zone)


def test_times_of_all_formats_are_read_as_boto3_reads_them(lake: Lake) -> None:
    lake.put(KEY, b"x")
    rds = boto3.client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier="db",
        DBInstanceClass="db.t3.micro",
        Engine="mysql",
        MasterUsername="u",
        ManageMasterUserPassword=True,
    )

    def times(client: Callable[..., Any]) -> list[datetime]:
        s3 = client("s3")
        return [
            s3.list_objects_v2(Bucket="exports")["Contents"][0]["LastModified"],
            s3.head_object(Bucket="exports", Key=KEY)["LastModified"],
            client("glue").get_workflow(Name="daily")["Workflow"]["CreatedOn"],
            client("rds").describe_db_instances()["DBInstances"][0]["InstanceCreateTime"],
        ]

    read = times(handler.session().client)
    assert read == times(boto3.client)
    assert all(time.tzinfo for time in read)
