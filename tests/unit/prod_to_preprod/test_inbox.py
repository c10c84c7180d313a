"""What S3 puts on the queue, in the shapes that no file under events/ has."""

import json
from typing import Any

import pytest

from ingestion.errors import UnreadableMessage
from prod_to_preprod.inbox import to_objects

OBJECT = {"bucket": {"name": "data"}, "object": {"key": "parking/liberator_dump_210604.zip"}}


def created(key: str, bucket: str = "data") -> str:
    detail = {"bucket": {"name": bucket}, "object": {"key": key}}
    return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})


def test_a_dump_of_the_bucket_is_taken() -> None:
    [found] = to_objects(created("parking/liberator_dump_210604.zip"), "data")
    assert found.correlation_id == "s3://data/parking/liberator_dump_210604.zip"


@pytest.mark.parametrize(
    ("key", "bucket"),
    [
        ("parking/liberator_dump_archive/liberator_dump_210604.zip", "data"),
        ("parking/old/liberator_dump_210604.zip", "data"),
        ("housing/liberator_dump_210604.zip", "data"),
        ("parking/liberator_dump_210604.zip", "another"),
    ],
)
def test_no_other_object_is(key: str, bucket: str) -> None:
    with pytest.raises(UnreadableMessage, match="is no dump in s3://data/parking/"):
        to_objects(created(key, bucket), "data")


@pytest.mark.parametrize(
    "body",
    [
        {"source": "aws.s3", "detail-type": "Object Deleted", "detail": OBJECT},
        {"source": "aws.rds", "detail-type": "Object Created", "detail": {}},
        {"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": "data"}}},
        {"Records": [{"eventName": "ObjectRemoved:Delete", "s3": OBJECT}]},
        {"Event": "s3:OtherEvent"},
    ],
)
def test_no_other_event_is(body: dict[str, Any]) -> None:
    with pytest.raises(UnreadableMessage, match=r"Not an S3 event|as AWS documents it"):
        to_objects(json.dumps(body), "data")


@pytest.mark.parametrize("depth", [300, 5_000, 500_000])
@pytest.mark.parametrize("shape", ["{}", '{{"Records": {}}}', '{{"source": "aws.s3", "detail": {}}}'])
def test_brackets_nested_too_deeply_are_refused_with_a_reason(shape: str, depth: int) -> None:
    with pytest.raises(UnreadableMessage, match="recursion"):
        to_objects(shape.format("[" * depth + "]" * depth), "data")
