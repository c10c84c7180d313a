"""A loader, ready to be started, with a server of each flavour."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import boto3
import pytest

from dump_loader.sql.server import Flavour
from local.emulator.database_server import DatabaseServer, find_programs
from tests.integration.dump_loader.task import BUCKET, DATABASE, INSTANCE, ROOT, Loader
from tests.integration.dump_loader.two import Two


@pytest.fixture(scope="session")
def one_server(servers: Callable[[Flavour], DatabaseServer]) -> DatabaseServer:
    """For tests in which no server says anything that the other one might not."""
    return servers(find_programs().flavour)


@pytest.fixture(scope="session", params=list(Flavour), ids=str)
def server(request: pytest.FixtureRequest, servers: Callable[[Flavour], DatabaseServer]) -> DatabaseServer:
    return servers(request.param)


@pytest.fixture(scope="module")
def two(server: DatabaseServer) -> Iterator[Two]:
    made = Two(server)
    yield made
    made.close()


@pytest.fixture
def loader(aws: str, server: DatabaseServer) -> Iterator[Loader]:
    boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    boto3.client("rds").create_db_instance(
        DBInstanceIdentifier=INSTANCE, DBInstanceClass="db.t4g.small", Engine="mysql", AllocatedStorage=20,
        MasterUsername="admin", MasterUserPassword="not-used-here",
    )  # fmt: skip
    topic = boto3.client("sns").create_topic(Name="ingestion-alerts")["TopicArn"]
    queue = boto3.client("sqs").create_queue(QueueName="alerts")["QueueUrl"]
    arn = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'services'}:{ROOT / 'ecs' / 'dump_loader'}",
        "DATA_BUCKET": BUCKET,
        "DB_NAME": DATABASE,
        "DB_INSTANCE_IDENTIFIER": INSTANCE,
        "ALERTS_TOPIC_ARN": topic,
        "POLL_DELAY_SECONDS": "0",
        "SNAPSHOT_QUEUE_URL": boto3.client("sqs").create_queue(QueueName="rds-snapshot-to-s3")["QueueUrl"],
        "PROGRESS_SECONDS": "0.2",
    }
    made = Loader(server, topic, queue, environment)
    made.use(server)
    yield made
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS `{DATABASE}`")
