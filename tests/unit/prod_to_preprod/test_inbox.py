"""What S3 puts on the queue, in the shapes that no file under events/ has."""

import json

import pytest

from ingestion.errors import UnreadableMessage
from prod_to_preprod.inbox import to_objects


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


@pytest.mark.parametrize("depth", [300, 5_000, 500_000])
@pytest.mark.parametrize("shape", ["{}", '{{"Records": {}}}', '{{"source": "aws.s3", "detail": {}}}'])
def test_brackets_nested_too_deeply_are_refused_with_a_reason(shape: str, depth: int) -> None:
    with pytest.raises(UnreadableMessage, match="Not an S3 event"):
        to_objects(shape.format("[" * depth + "]" * depth), "data")
