"""ARN, `!Ref` and attributes, as AWS gives them to a resource when it makes it.

Stands in for the services that name resources. How it differs: computed from type and name, and so always the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Kind:
    """The property (`A.B`: B of A) that names such a resource, and the forms of its ARN, `!Ref` and other attributes."""

    named_by: str = ""
    arn: str = ""
    ref: str = "{name}"
    attributes: Mapping[str, str] = field(default_factory=dict)


_REGIONAL = "{region}:{account}"
PORTS = {"mysql": "3306", "postgres": "5432"}
# {id} is made of the logical id, {port} of the database's engine, {queue_url} by whoever loads the template.
KINDS = {
    "AWS::CloudFormation::Stack": Kind(ref=f"arn:{{partition}}:cloudformation:{_REGIONAL}:stack/{{name}}/{{id}}"),
    "AWS::CloudWatch::Alarm": Kind("AlarmName", f"cloudwatch:{_REGIONAL}:alarm:{{name}}"),
    "AWS::EC2::SecurityGroup": Kind(ref="sg-{id:.17}", attributes={"GroupId": "sg-{id:.17}"}),
    "AWS::ECR::Repository": Kind(
        "RepositoryName",
        f"ecr:{_REGIONAL}:repository/{{name}}",
        attributes={"RepositoryUri": "{account}.dkr.ecr.{region}.amazonaws.com/{name}"},
    ),
    "AWS::ECS::Cluster": Kind("ClusterName", f"ecs:{_REGIONAL}:cluster/{{name}}"),
    "AWS::ECS::TaskDefinition": Kind("Family", f"ecs:{_REGIONAL}:task-definition/{{name}}:1", ref="{arn}"),
    "AWS::Events::Rule": Kind("Name", f"events:{_REGIONAL}:rule/{{name}}"),
    "AWS::Glue::Database": Kind("DatabaseName", f"glue:{_REGIONAL}:database/{{name}}"),
    "AWS::Glue::Job": Kind("Name", f"glue:{_REGIONAL}:job/{{name}}"),
    "AWS::Glue::Workflow": Kind("Name", f"glue:{_REGIONAL}:workflow/{{name}}"),
    "AWS::IAM::Role": Kind("RoleName", "iam::{account}:role/{name}"),
    "AWS::KMS::Alias": Kind("AliasName"),
    "AWS::KMS::Key": Kind(arn=f"kms:{_REGIONAL}:key/{{id}}", ref="{id}"),
    "AWS::Kinesis::Stream": Kind("Name", f"kinesis:{_REGIONAL}:stream/{{name}}"),
    "AWS::Lambda::Function": Kind("FunctionName", f"lambda:{_REGIONAL}:function:{{name}}"),
    "AWS::Lambda::Version": Kind(
        "FunctionName", ref=f"arn:{{partition}}:lambda:{_REGIONAL}:function:{{name}}:1", attributes={"Version": "1"}
    ),
    "AWS::Logs::LogGroup": Kind("LogGroupName", f"logs:{_REGIONAL}:log-group:{{name}}:*"),
    "AWS::RDS::DBInstance": Kind(
        "DBInstanceIdentifier",
        f"rds:{_REGIONAL}:db:{{name}}",
        attributes={
            "DBInstanceArn": f"arn:{{partition}}:rds:{_REGIONAL}:db:{{name}}",
            "Endpoint.Address": "{name}.local",
            "Endpoint.Port": "{port}",
            "MasterUserSecret.SecretArn": f"arn:{{partition}}:secretsmanager:{_REGIONAL}:secret:rds!db-{{id}}-000000",
        },
    ),
    "AWS::RDS::EventSubscription": Kind("SubscriptionName", f"rds:{_REGIONAL}:es:{{name}}"),
    "AWS::S3::Bucket": Kind("BucketName", "s3:::{name}"),
    "AWS::SecretsManager::Secret": Kind("Name", f"secretsmanager:{_REGIONAL}:secret:{{name}}-000000", ref="{arn}"),
    "AWS::SNS::Topic": Kind("TopicName", f"sns:{_REGIONAL}:{{name}}", ref="{arn}", attributes={"TopicName": "{name}"}),
    "AWS::SQS::Queue": Kind("QueueName", f"sqs:{_REGIONAL}:{{name}}", ref="{queue_url}", attributes={"QueueName": "{name}"}),
}
