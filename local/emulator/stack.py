"""Creates the template's resources in the local AWS: buckets, queues, topics, streams, Glue's databases, workflows and jobs.

Stands in for CloudFormation. How it differs: only what the local run uses is created; keys, roles, policies, alarms and
networks are not, and nothing checks permissions here (the template's own tests do).
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from local.emulator.aws import REGION

if TYPE_CHECKING:
    from local.emulator.aws import LocalAws
    from local.emulator.template import Template

SECRET = "AWS::SecretsManager::Secret"


def deploy(template: Template, aws: LocalAws) -> None:
    """Creates everything, in an order in which each thing finds what it refers to."""
    s3, sqs, sns, glue, kinesis = (aws.client(name) for name in ("s3", "sqs", "sns", "glue", "kinesis"))
    for bucket in template.of_type("AWS::S3::Bucket"):
        create_bucket(s3, bucket.properties)
    queues = template.of_type("AWS::SQS::Queue")
    for queue in sorted(queues, key=lambda q: "RedrivePolicy" in q.properties):  # a DLQ before what redrives to it
        p = queue.properties
        attributes: dict[Any, str] = {
            name: str(p[name]) for name in ("VisibilityTimeout", "MessageRetentionPeriod") if name in p
        }
        if "RedrivePolicy" in p:
            attributes["RedrivePolicy"] = json.dumps(p["RedrivePolicy"])
        sqs.create_queue(QueueName=p["QueueName"], Attributes=attributes)
    for topic in template.of_type("AWS::SNS::Topic"):
        sns.create_topic(Name=topic.properties["TopicName"])
    for subscription in template.of_type("AWS::SNS::Subscription"):
        p = subscription.properties
        raw = str(p.get("RawMessageDelivery", False)).lower()
        sns.subscribe(
            TopicArn=p["TopicArn"],
            Protocol=p["Protocol"],
            Endpoint=p["Endpoint"],
            Attributes={"RawMessageDelivery": raw},
        )
    for database in template.of_type("AWS::Glue::Database"):
        glue.create_database(DatabaseInput=database.properties["DatabaseInput"])
    for workflow in template.of_type("AWS::Glue::Workflow"):
        p = workflow.properties
        glue.create_workflow(Name=p["Name"], MaxConcurrentRuns=int(p["MaxConcurrentRuns"]))
    for job in template.of_type("AWS::Glue::Job"):
        p = job.properties
        glue.create_job(
            Name=p["Name"],
            Role=p["Role"],
            Command=p["Command"],
            DefaultArguments={name: str(value) for name, value in p["DefaultArguments"].items()},
            ExecutionProperty={"MaxConcurrentRuns": int(p["ExecutionProperty"]["MaxConcurrentRuns"])},
        )
    for stream in template.of_type("AWS::Kinesis::Stream"):
        p = stream.properties
        kinesis.create_stream(StreamName=p["Name"], ShardCount=p["ShardCount"])
        kinesis.increase_stream_retention_period(StreamName=p["Name"], RetentionPeriodHours=p["RetentionPeriodHours"])


def create_bucket(s3: Any, properties: dict[str, Any]) -> None:
    """A bucket with its versioning and its notifications to EventBridge."""
    name = properties["BucketName"]
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    if versioning := properties.get("VersioningConfiguration"):
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=versioning)
    if properties.get("NotificationConfiguration", {}).get("EventBridgeConfiguration"):
        s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})


def generated(how: dict[str, Any]) -> str:
    """Generate a secret as Secrets Manager does of its GenerateSecretString: letters and digits."""
    password = secrets.token_hex(how["PasswordLength"] // 2)
    return json.dumps({**json.loads(how["SecretStringTemplate"]), how["GenerateStringKey"]: password})
