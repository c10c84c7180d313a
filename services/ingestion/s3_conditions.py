"""Conditions under which S3 takes a copy, for boto3's managed copy, which has no argument for them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_s3 import S3Client


@contextmanager
def copying_only_if(s3: S3Client, condition: Mapping[str, str]) -> Iterator[None]:
    """Within it, S3 takes a copy only under a condition on its destination: `IfMatch` or `IfNoneMatch`.

    S3 takes the condition, s3.copy has no argument for it; so it is added where boto3 lets one add parameters. Meanwhile
    every copy of this client has it.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/events.html
    """
    requests = [f"provide-client-params.s3.{operation}" for operation in ("CopyObject", "CompleteMultipartUpload")]

    def add(params: dict[str, Any], **_: Any) -> None:
        params.update(condition)

    for request in requests:
        s3.meta.events.register(request, add)
    try:
        yield
    finally:
        for request in requests:
            s3.meta.events.unregister(request, add)
