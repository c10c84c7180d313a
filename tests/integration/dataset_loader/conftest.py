"""The data commons' buckets and queue, empty for each test."""

from __future__ import annotations

import boto3
import pytest

from tests.integration.conftest import REGION
from tests.integration.dataset_loader.commons import BUCKET, PROD, SOURCES, Commons


@pytest.fixture
def commons(aws: str, monkeypatch: pytest.MonkeyPatch) -> Commons:
    s3 = boto3.client("s3")
    for bucket in (SOURCES, BUCKET, PROD):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket=SOURCES, VersioningConfiguration={"Status": "Enabled"})
    queue = boto3.client("sqs").create_queue(QueueName="publish-table")["QueueUrl"]
    for name in ("S3_LANDING", "S3_DEV", "S3_PROD"):
        for part in ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY"):
            monkeypatch.delenv(f"{name}_{part}", raising=False)
    monkeypatch.setenv("S3_LANDING_BUCKET", SOURCES)
    monkeypatch.setenv("S3_DEV_BUCKET", BUCKET)
    monkeypatch.setenv("S3_PROD_BUCKET", PROD)
    monkeypatch.setenv("PUBLISH_QUEUE_URL", queue)
    return Commons(queue)
