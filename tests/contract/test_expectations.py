"""template.yaml said once more, as tables: who may do what, what is told where, which alarm rings when, what is kept how.

For what AWS does with the template: no code of ours, hence no other test, would miss it before the first night. A table of
rights, settings or alarms is whole: what is missing is noticed, and what is too much as well. Resources are called by their
logical ids.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from typing import Any

import pytest

from local.emulator.template import Template, load
from tests.contract.test_deployment import ENVIRONMENTS, TEMPLATE
from tests.policies import as_list, grants, roles, statements

OTHER_KEY = ENVIRONMENTS["production"]["PreProductionKmsKeyArn"]
OTHER_BUCKET = f"arn:aws:s3:::{ENVIRONMENTS['production']['PreProductionBucketName']}"
OTHER_ROLE = ENVIRONMENTS["pre-production"]["ProductionReplicatorRoleArn"]


@cache
def loaded(environment: str = "production") -> Template:
    return load(TEMPLATE, ENVIRONMENTS[environment])


@cache
def _names(template: str) -> list[tuple[str, str]]:
    known = defaultdict(set)
    for resource in loaded(template).resources.values():
        for given in filter(None, (resource.ref, resource.arn.removesuffix(":*"))):
            known[given].add(resource.logical_id)
    clear = [(given, *ids) for given, ids in known.items() if len(ids) == 1]  # the repository has the database's name
    return sorted(clear, key=lambda it: len(it[0]), reverse=True)


def labelled(value: Any, environment: str = "production") -> Any:
    """The value with logical ids for the ARNs, names and URLs of the stack's resources, whatever comes after them."""
    if isinstance(value, dict):
        return {key: labelled(item, environment) for key, item in value.items()}
    if isinstance(value, list):
        return [labelled(item, environment) for item in value]
    if not isinstance(value, str):
        return value
    for given, name in _names(environment):
        if value == given or value.startswith((f"{given}/", f"{given}:")) or (value.startswith(given) and ":::" in given):
            return name + value.removeprefix(given)
    return re.sub(r"-[0-9a-f]{32}-0{6}$", "-*", re.sub(r"^arn:aws:\w+:(eu-west-2)?:123456789012:", "", value))


# Rights

ANSWER = "sqs:ReceiveMessage sqs:DeleteMessage sqs:ChangeMessageVisibility sqs:GetQueueAttributes"
LOG = "logs:CreateLogStream logs:PutLogEvents"
TRACE = "xray:PutTraceSegments xray:PutTelemetryRecords"
USE = "kms:Decrypt kms:GenerateDataKey"
# Glue's file system asks where a bucket is.
LIST = "s3:ListBucket s3:GetBucketLocation"
WRITE_ZONE = "s3:GetObject s3:PutObject s3:DeleteObject s3:AbortMultipartUpload"
REGISTER = (
    "glue:GetTable glue:CreateTable glue:UpdateTable "
    "glue:GetPartition glue:CreatePartition glue:UpdatePartition glue:DeletePartition"
)
RIGHTS: dict[str, dict[str, str]] = {
    "DumpLoaderExecutionRole": {
        "*": "ecr:GetAuthorizationToken",
        "DumpLoaderRepository": "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetDownloadUrlForLayer",
        "DumpLoaderSecret": "secretsmanager:GetSecretValue",
        "secret:rds!db-*": "secretsmanager:GetSecretValue",
        "Key": "kms:Decrypt",
        "DumpLoaderLogs:*": LOG,
    },
    "DumpLoaderTaskRole": {
        "*": "rds:DescribeExportTasks",
        "AlertsTopic": "sns:Publish",
        "SnapshotToS3Queue": "sqs:SendMessage",
        "DataBucket": "s3:ListBucket",
        "DataBucket/parking/liberator_dump_*": "s3:GetObject s3:GetObjectVersion",
        "DataBucket/parking/*.row-counts.json": "s3:PutObject",
        "Key": USE,
        "Database": "rds:DescribeDBInstances rds:CreateDBSnapshot rds:DescribeDBSnapshots",
        "snapshot:*": "rds:DescribeDBSnapshots rds:ListTagsForResource",
        "snapshot:sql-to-parquet-*": "rds:CreateDBSnapshot rds:AddTagsToResource rds:DeleteDBSnapshot",
    },
    "UploadRuleRole": {
        "DumpLoaderTaskDefinition": "ecs:RunTask",
        "task/dataplatform-prod-workers/*": "ecs:TagResource",
        "DumpLoaderExecutionRole": "iam:PassRole",
        "DumpLoaderTaskRole": "iam:PassRole",
    },
    "SnapshotToS3Role": {
        "*": f"rds:DescribeExportTasks {TRACE}",
        "AlertsTopic": "sns:Publish",
        "SnapshotToS3Queue": f"{ANSWER} sqs:SendMessage",
        "SnapshotToS3Dlq": "sqs:SendMessage",
        "S3ToS3CopierQueue": "sqs:SendMessage",
        "Key": f"{USE} kms:CreateGrant kms:DescribeKey",
        "ExportRole": "iam:PassRole",
        "Database": "rds:DescribeDBSnapshots",
        "snapshot:*": "rds:DescribeDBSnapshots rds:ListTagsForResource",
        "snapshot:sql-to-parquet-*": "rds:StartExportTask",
        "SnapshotToS3Logs:*": LOG,
    },
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html has the bucket's part, the key's is in
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ExportTask.html
    "ExportRole": {
        "ExportBucket": LIST,
        "ExportBucket/*": "s3:PutObject* s3:GetObject* s3:DeleteObject*",
        "Key": "kms:Encrypt kms:Decrypt kms:ReEncrypt* kms:GenerateDataKey* kms:DescribeKey",
    },
    "S3ToS3CopierRole": {
        "*": f"rds:DescribeExportTasks {TRACE}",
        "AlertsTopic": "sns:Publish",
        "EventsTopic": "sns:Publish",
        "S3ToS3CopierQueue": f"{ANSWER} sqs:SendMessage",
        "S3ToS3CopierDlq": "sqs:SendMessage",
        "snapshot:*": "rds:DescribeDBSnapshots rds:ListTagsForResource",
        "ExportBucket": "s3:ListBucket",
        "ExportBucket/*": "s3:GetObject",
        "DataBucket": "s3:ListBucket",
        "DataBucket/parking/*.row-counts.json": "s3:GetObject",
        "LandingBucket": "s3:ListBucket",
        "LandingBucket/parking/*": "s3:PutObject s3:DeleteObject s3:AbortMultipartUpload",
        "LandingBucket/_manifests/*": "s3:GetObject s3:PutObject",
        "LandingBucket/_manifests/parking/*/attempts/*": "s3:DeleteObject",
        "Key": USE,
        "DailyWorkflow": "glue:StartWorkflowRun glue:GetWorkflowRuns",
        "BackdatedWorkflow": "glue:StartWorkflowRun glue:GetWorkflowRuns",
        "S3ToS3CopierLogs:*": LOG,
    },
    "ProdToPreprodRole": {
        "*": TRACE,
        "AlertsTopic": "sns:Publish",
        "ProdToPreprodQueue": ANSWER,
        "ProdToPreprodDlq": "sqs:SendMessage",
        "DataBucket": "s3:ListBucket",
        "DataBucket/parking/liberator_dump_*": "s3:GetObject s3:GetObjectVersion",
        OTHER_BUCKET: "s3:ListBucket",
        f"{OTHER_BUCKET}/parking/liberator_dump_*": "s3:PutObject s3:PutObjectAcl s3:GetObject s3:AbortMultipartUpload",
        "Key": USE,
        OTHER_KEY: USE,
        "ProdToPreprodLogs:*": LOG,
    },
    "LandingToRawRole": {
        "*": "cloudwatch:PutMetricData",
        "GlueAssetsBucket/*": "s3:GetObject",
        "LandingBucket": LIST,
        "LandingBucket/parking/*": "s3:GetObject",
        "LandingBucket/_manifests/*": "s3:GetObject",
        "RawBucket": LIST,
        "RawBucket/parking*": WRITE_ZONE,
        "DailyWorkflow": "glue:GetWorkflowRunProperties",
        "BackdatedWorkflow": "glue:GetWorkflowRunProperties",
        # A right on a table is asked for on the database and the catalog's root as well.
        # https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html
        "catalog": f"{REGISTER} glue:GetTables",
        "RawDatabase": f"{REGISTER} glue:GetTables",
        "table/dataplatform_prod_parking_raw_zone/*": f"{REGISTER} glue:GetTables",
        "Key": USE,
        "GlueOutputLogs:*": LOG,
        "GlueErrorLogs:*": LOG,
    },
    "TransformRole": {
        "*": "cloudwatch:PutMetricData",
        "GlueAssetsBucket": LIST,
        "GlueAssetsBucket/*": "s3:GetObject",
        "RawBucket": LIST,
        "RawBucket/parking/*": "s3:GetObject",
        "RefinedBucket": LIST,
        "RefinedBucket/parking*": WRITE_ZONE,
        "DailyWorkflow": "glue:GetWorkflowRunProperties",
        "BackdatedWorkflow": "glue:GetWorkflowRunProperties",
        "catalog": REGISTER,
        "RawDatabase": "glue:GetTable glue:GetPartition",
        "table/dataplatform_prod_parking_raw_zone/*": "glue:GetTable glue:GetPartition",
        "RefinedDatabase": REGISTER,
        "table/dataplatform_prod_parking_refined_zone/*": REGISTER,
        "Key": USE,
        "GlueOutputLogs:*": LOG,
        "GlueErrorLogs:*": LOG,
    },
}
# The rights of each of Cubic's functions, but for its own queue, DLQ and log.
IN_VPC = (
    f"{TRACE} ec2:AssignPrivateIpAddresses ec2:CreateNetworkInterface ec2:DeleteNetworkInterface "
    "ec2:DescribeNetworkInterfaces ec2:DescribeSubnets ec2:UnassignPrivateIpAddresses"
)
READ_STREAM = "kinesis:DescribeStreamSummary kinesis:ListShards kinesis:GetShardIterator kinesis:GetRecords"
WRITE_TABLES = "glue:CreateTable glue:UpdateTable"
WRITE_PARTITIONS = f"glue:GetTable {WRITE_TABLES} glue:GetPartition glue:CreatePartition glue:UpdatePartition"
CATALOG = ("catalog", "CubicRawDatabase", "table/dataplatform_prod_cubic_raw_zone/*")
OF_CUBIC: dict[str, dict[str, str]] = {
    "FetchDmap": {
        "CubicApiSecret": "secretsmanager:GetSecretValue",
        "IncomingBucket": "s3:ListBucket",
        "IncomingBucket/cubic/dmap/*": "s3:GetObject s3:PutObject s3:AbortMultipartUpload",
    },
    "WriteKafkaFiles": {
        "stream/dataplatform-prod-cubic-kafka-*": READ_STREAM,
        "IncomingBucket": "s3:ListBucket",
        "IncomingBucket/cubic/kafka/*": "s3:GetObject s3:PutObject",
        "ErrorBucket/cubic/kafka/*": "s3:PutObject",
    },
    "RegisterLoad": {
        "IncomingBucket": "s3:ListBucket",
        "IncomingBucket/cubic/*": "s3:GetObjectVersion",
        "StartIngestionQueue": "sqs:SendMessage",
        "MoveLoadQueue": "sqs:SendMessage",
    },
    "SweepIncoming": {
        "IncomingBucket": "s3:ListBucketVersions",
        "SpringboardBucket": "s3:ListBucket",
        "SpringboardBucket/_work/*": "s3:GetObject s3:DeleteObject",
        "RawBucket": "s3:ListBucket",
        "RawBucket/cubic/*": "s3:DeleteObject",
        **dict.fromkeys(CATALOG, f"glue:GetTable {WRITE_TABLES} glue:GetPartition"),
        "RegisterLoadQueue": "sqs:SendMessage",
        "StartIngestionQueue": "sqs:SendMessage",
        "FinishIngestionQueue": "sqs:SendMessage",
        "MoveLoadQueue": "sqs:SendMessage",
    },
    "StartIngestion": {
        "IncomingBucket": "s3:ListBucket",
        "IncomingBucket/cubic/*": "s3:GetObjectVersion",
        "SpringboardBucket": "s3:ListBucket",
        "SpringboardBucket/_work/*": "s3:PutObject s3:AbortMultipartUpload",
        "FinishIngestionQueue": "sqs:SendMessage",
        "IngestJob": "glue:StartJobRun glue:GetJobRuns",
    },
    "FinishIngestion": {
        "SpringboardBucket": "s3:ListBucket",
        "SpringboardBucket/_work/*": "s3:GetObject",
        "IngestJob": "glue:GetJobRun",
        **dict.fromkeys(CATALOG, "glue:GetPartition"),
        "StartIngestionQueue": "sqs:SendMessage",
        "MoveLoadQueue": "sqs:SendMessage",
    },
    "MoveLoad": {
        "IncomingBucket": "s3:ListBucket",
        "IncomingBucket/cubic/*": "s3:GetObjectVersion s3:DeleteObjectVersion",
        **dict.fromkeys(("ArchiveBucket", "ErrorBucket", "RawBucket"), "s3:ListBucket"),
        **dict.fromkeys(
            ("ArchiveBucket/cubic/*", "ErrorBucket/cubic/*"),
            "s3:GetObject s3:GetObjectVersion s3:PutObject s3:DeleteObjectVersion s3:AbortMultipartUpload",
        ),
        "SpringboardBucket/_work/*/batch.json": "s3:PutObject",
        "RawBucket/cubic/*": "s3:GetObject s3:PutObject s3:AbortMultipartUpload",
        **dict.fromkeys(CATALOG, f"{WRITE_PARTITIONS} glue:DeletePartition"),
    },
}
RIGHTS |= {
    f"{name}Role": {
        "*": IN_VPC,
        "AlertsTopic": "sns:Publish",
        f"{name}Queue": f"{ANSWER} sqs:SendMessage",
        f"{name}Dlq": "sqs:SendMessage",
        f"{name}Logs:*": LOG,
        "secret:rds!db-*": "secretsmanager:GetSecretValue",
        "Key": USE,
        **own,
    }
    for name, own in OF_CUBIC.items()
}
RIGHTS |= {
    "MigrateMetadataRole": {
        "*": IN_VPC,
        "secret:rds!db-*": "secretsmanager:GetSecretValue",
        "Key": "kms:Decrypt",
        "MigrateMetadataLogs:*": LOG,
    },
    "IngestRole": {
        "*": "cloudwatch:PutMetricData",
        "GlueAssetsBucket/*": "s3:GetObject",
        "SpringboardBucket/_work/*": "s3:GetObject",
        "SpringboardBucket/_work/*/result.json": "s3:PutObject",
        "RawBucket/cubic/*": "s3:PutObject s3:AbortMultipartUpload",
        **dict.fromkeys(CATALOG, WRITE_PARTITIONS),
        "Key": USE,
        "IngestOutputLogs:*": LOG,
        "IngestErrorLogs:*": LOG,
    },
}
READ_UPLOAD = "s3:GetObject s3:GetObjectVersion"
STAGE = "s3:GetObject s3:PutObject s3:AbortMultipartUpload"
COMMIT = "s3:GetObject s3:PutObject s3:DeleteObject"
RIGHTS |= {
    "DatasetLoaderExecutionRole": {
        "*": "ecr:GetAuthorizationToken",
        "DatasetLoaderRepository": "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetDownloadUrlForLayer",
        "SourceKeysSecret": "secretsmanager:GetSecretValue",
        "Key": "kms:Decrypt",
        "DatasetLoaderLogs:*": LOG,
    },
    "DatasetLoaderTaskRole": {
        "SourceBucket": "s3:ListBucket",
        "SourceBucket/*": READ_UPLOAD,
        "arn:aws:s3:::theirs/*": READ_UPLOAD,
        "arn:aws:s3:::others/data/*": READ_UPLOAD,
        **{
            f"{bucket}{part}": STAGE
            for bucket in ("DevBucket", "ProdBucket")
            for part in ("/trino/*", "/_manifests/trino/*")
        },
        "DevBucket": "s3:ListBucket",
        "ProdBucket": "s3:ListBucket",
        "Key": USE,
        "Queue": "sqs:SendMessage",
        "AlertsTopic": "sns:Publish",
    },
    "SpecRuleRole": {
        "DatasetLoaderTaskDefinition": "ecs:RunTask",
        "task/dataplatform-prod-workers/*": "ecs:TagResource",
        "DatasetLoaderExecutionRole": "iam:PassRole",
        "DatasetLoaderTaskRole": "iam:PassRole",
    },
    "TrinoPublisherRole": {
        "*": IN_VPC,
        "Queue": f"{ANSWER} sqs:SendMessage",
        "Dlq": "sqs:SendMessage",
        "TrinoTokenSecret": "secretsmanager:GetSecretValue",
        **{f"{bucket}/_manifests/trino/*": COMMIT for bucket in ("DevBucket", "ProdBucket")},
        **{f"{bucket}/trino/*": "s3:DeleteObject" for bucket in ("DevBucket", "ProdBucket")},
        "DevBucket": "s3:ListBucket",
        "ProdBucket": "s3:ListBucket",
        "Key": USE,
        "EventsTopic": "sns:Publish",
        "AlertsTopic": "sns:Publish",
        "Logs:*": LOG,
        **dict.fromkeys(
            ("catalog", "database/pudl", "table/pudl/*", "database/wri_gppd", "table/wri_gppd/*"),
            "glue:GetTable glue:UpdateTable",
        ),
    },
}
# Statement by statement, principals and actions. Pre-production has more of these than the others.
BY_RESOURCE = {
    "Key": {
        "AccountDecidesByIam": ("arn:aws:iam::123456789012:root", "kms:*"),
        "ServicesPublishToEncryptedTopics": ("cloudwatch.amazonaws.com events.rds.amazonaws.com", USE),
        # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
        "EventBridgePublishesToEncryptedTopics": ("events.amazonaws.com", USE),
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        "LogsOfThisStackAreEncrypted": (
            "logs.eu-west-2.amazonaws.com",
            f"{USE} kms:Encrypt kms:ReEncryptFrom kms:ReEncryptTo kms:DescribeKey",
        ),
        "ProductionPutsDumps": (OTHER_ROLE, USE),
    },
    "DataBucketPolicy": {
        "ProductionPutsDumps": (OTHER_ROLE, "s3:PutObject s3:PutObjectAcl s3:GetObject s3:AbortMultipartUpload"),
        "ProductionLooksForDumps": (OTHER_ROLE, "s3:ListBucket"),
    },
}
# The VPC: way, ports, source or destination.
SECURITY_GROUPS = {
    "DatabaseSecurityGroup": {("in", "3306-3306", "DumpLoaderSecurityGroup"), ("out", "all", "127.0.0.1/32")},
    "DumpLoaderSecurityGroup": {("out", "443-443", "0.0.0.0/0"), ("out", "3306-3306", "DatabaseSecurityGroup")},
    "CubicDatabaseSecurityGroup": {("in", "5432-5432", "CubicFunctionsSecurityGroup"), ("out", "all", "127.0.0.1/32")},
    "CubicFunctionsSecurityGroup": {("out", "443-443", "0.0.0.0/0"), ("out", "5432-5432", "CubicDatabaseSecurityGroup")},
    "DatasetLoaderSecurityGroup": {("out", "443-443", "0.0.0.0/0")},
    "TrinoPublisherSecurityGroup": {("out", "443-443", "0.0.0.0/0")},
}


def test_every_role_has_its_row_of_rights() -> None:
    assert RIGHTS.keys() == {role.logical_id for role in loaded().of_type("AWS::IAM::Role")}


@pytest.mark.parametrize("role", RIGHTS)
def test_a_role_may_do_this_and_no_more(role: str) -> None:
    allowed = defaultdict(set)
    [found] = [it for it in roles(loaded()) if it.logical_id == role]
    for action, arn in grants(found):
        allowed[labelled(arn)].add(action)
    assert allowed == {on: set(actions.split()) for on, actions in RIGHTS[role].items()}


@pytest.mark.parametrize("policy", BY_RESOURCE)
def test_a_resource_lets_these_do_this_and_no_more(policy: str) -> None:
    properties = loaded("pre-production").resources[policy].properties
    document = properties.get("KeyPolicy") or properties["PolicyDocument"]
    found = {
        s["Sid"]: ({who for it in s["Principal"].values() for who in as_list(it)}, set(s["Action"]))
        for s in statements(document)
    }
    assert found == {sid: (set(who.split()), set(what.split())) for sid, (who, what) in BY_RESOURCE[policy].items()}


def test_the_networks_rules_are_these() -> None:
    found = defaultdict(set)
    rules = [(r.logical_id, r.properties) for r in loaded().of_type("AWS::EC2::SecurityGroup")]
    for group, properties in rules:
        for way, key in (("in", "SecurityGroupIngress"), ("out", "SecurityGroupEgress")):
            found[group] |= {(way, *_peer(rule)) for rule in properties.get(key, [])}
    for rule in loaded().of_type("AWS::EC2::SecurityGroupEgress"):
        found[labelled(rule.properties["GroupId"])].add(("out", *_peer(rule.properties)))
    assert found == SECURITY_GROUPS


def _peer(rule: dict[str, Any]) -> tuple[str, str]:
    ports = "all" if rule["IpProtocol"] == "-1" else f"{rule['FromPort']}-{rule['ToPort']}"
    [peer] = [
        labelled(rule[key]) for key in ("CidrIp", "SourceSecurityGroupId", "DestinationSecurityGroupId") if key in rule
    ]
    return ports, peer


# Wiring

POLLS = {
    "POLL_DELAY_SECONDS": "900",
    "MAX_WAIT_HOURS": "12",
    "DB_INSTANCE_IDENTIFIER": "dataplatform-prod-liberator-to-rds-snapshot",
}
ENVIRONMENT: dict[str, dict[str, str]] = {
    "SnapshotToS3Function": POLLS
    | {
        "QUEUE_URL": "SnapshotToS3Queue",
        "DEAD_LETTER_QUEUE_URL": "SnapshotToS3Dlq",
        "ALERTS_TOPIC_ARN": "AlertsTopic",
        "COPIER_QUEUE_URL": "S3ToS3CopierQueue",
        "EXPORT_BUCKET": "ExportBucket",
        "EXPORT_ROLE_ARN": "ExportRole",
        "EXPORT_KMS_KEY_ARN": "Key",
        "DATABASE_NAME": "liberator",
    },
    "S3ToS3CopierFunction": POLLS
    | {
        "QUEUE_URL": "S3ToS3CopierQueue",
        "DEAD_LETTER_QUEUE_URL": "S3ToS3CopierDlq",
        "ALERTS_TOPIC_ARN": "AlertsTopic",
        "EVENTS_TOPIC_ARN": "EventsTopic",
        "EXPORT_BUCKET": "ExportBucket",
        "DATABASE_NAME": "liberator",
        "LANDING_BUCKET": "LandingBucket",
        "DAILY_WORKFLOW": "DailyWorkflow",
        "BACKDATED_WORKFLOW": "BackdatedWorkflow",
    },
    "ProdToPreprodFunction": {
        "QUEUE_URL": "ProdToPreprodQueue",
        "DEAD_LETTER_QUEUE_URL": "ProdToPreprodDlq",
        "ALERTS_TOPIC_ARN": "AlertsTopic",
        "DATA_BUCKET": "DataBucket",
        "PRE_PRODUCTION_BUCKET": OTHER_BUCKET.removeprefix("arn:aws:s3:::"),
        "PRE_PRODUCTION_KMS_KEY_ARN": OTHER_KEY,
    },
    "DumpLoaderTaskDefinition": POLLS
    | {
        "AWS_DEFAULT_REGION": "eu-west-2",
        "DATA_BUCKET": "DataBucket",
        "DAILY_WINDOW_DAYS": "1",
        "LOSSY_LOADS": "land",
        "DB_HOST": "dataplatform-prod-liberator-to-rds-snapshot.local",
        "DB_PORT": "3306",
        "DB_NAME": "liberator",
        "DB_CA_BUNDLE": "/etc/ssl/certs/rds-global-bundle.pem",
        "ALERTS_TOPIC_ARN": "AlertsTopic",
        "SNAPSHOT_QUEUE_URL": "SnapshotToS3Queue",
    },
}
METADATA = {
    "DB_HOST": "dataplatform-prod-cubic-metadata.local",
    "DB_PORT": "5432",
    "DB_NAME": "cubic",
    "DB_SECRET_ARN": "secret:rds!db-*",
    "DB_CA_BUNDLE": "/var/task/rds-global-bundle.pem",
}
RAW_ZONE = {"RAW_BUCKET": "RawBucket", "RAW_DATABASE": "CubicRawDatabase"}
SENDS_TO = {
    name: f"{queue}Queue"
    for name, queue in {
        "REGISTER_QUEUE_URL": "RegisterLoad",
        "START_QUEUE_URL": "StartIngestion",
        "FINISH_QUEUE_URL": "FinishIngestion",
        "MOVE_QUEUE_URL": "MoveLoad",
    }.items()
}
GIVEN_IN_CUBIC: dict[str, dict[str, str]] = {
    "FetchDmap": {
        "INCOMING_BUCKET": "IncomingBucket",
        "API_SECRET_ARN": "CubicApiSecret",
        "API_HOSTS": "dmap.example.org,files.example.org",
    },
    "WriteKafkaFiles": {
        "INCOMING_BUCKET": "IncomingBucket",
        "ERROR_BUCKET": "ErrorBucket",
        "STREAM_PREFIX": "dataplatform-prod-cubic-kafka-",
        "TOPICS": "sample,other-one",
        "FILE_MINUTES": "60",
    },
    "RegisterLoad": {
        "INCOMING_BUCKET": "IncomingBucket",
        "START_QUEUE_URL": "StartIngestionQueue",
        "MOVE_QUEUE_URL": "MoveLoadQueue",
    },
    "SweepIncoming": {
        "INCOMING_BUCKET": "IncomingBucket",
        "SPRINGBOARD_BUCKET": "SpringboardBucket",
        "SNAPSHOT_WAIT_HOURS": "24",
        "SETTLE_HOURS": "6",
    } | RAW_ZONE | SENDS_TO,
    "StartIngestion": {
        "INCOMING_BUCKET": "IncomingBucket",
        "SPRINGBOARD_BUCKET": "SpringboardBucket",
        "INGEST_JOB": "IngestJob",
        "FINISH_QUEUE_URL": "FinishIngestionQueue",
    } | RAW_ZONE,
    "FinishIngestion": {
        "SPRINGBOARD_BUCKET": "SpringboardBucket",
        "INGEST_JOB": "IngestJob",
        "RAW_DATABASE": "CubicRawDatabase",
        "START_QUEUE_URL": "StartIngestionQueue",
        "MOVE_QUEUE_URL": "MoveLoadQueue",
    },
    "MoveLoad": {
        "INCOMING_BUCKET": "IncomingBucket",
        "ARCHIVE_BUCKET": "ArchiveBucket",
        "ERROR_BUCKET": "ErrorBucket",
        "SPRINGBOARD_BUCKET": "SpringboardBucket",
        "SETTLE_HOURS": "6",
    } | RAW_ZONE,
}  # fmt: skip
ENVIRONMENT |= {
    f"{name}Function": METADATA
    | {
        "QUEUE_URL": f"{name}Queue",
        "DEAD_LETTER_QUEUE_URL": f"{name}Dlq",
        "ALERTS_TOPIC_ARN": "AlertsTopic",
        "POLL_DELAY_SECONDS": "900",
        "MAX_WAIT_HOURS": "12",
    }
    | own
    for name, own in GIVEN_IN_CUBIC.items()
}
ENVIRONMENT |= {"MigrateMetadataFunction": METADATA}
IMAGES = "123456789012.dkr.ecr.eu-west-2.amazonaws.com/dataplatform-prod-liberator-to-rds-snapshot"
# Single properties by their path; a list or a mapping is compared whole, and None is a property that is not there.
WIRING: dict[str, dict[str, Any]] = {
    # A copy may need all of an invocation's 15 minutes, hence one message; more than two at once only slow S3 down.
    "SnapshotToS3Function": {"Timeout": 60, "MemorySize": 512, "RecursiveLoop": "Allow"},
    "SnapshotToS3FunctionQueue": {"BatchSize": 5, "Enabled": None},
    "S3ToS3CopierFunction": {"Timeout": 900, "MemorySize": 1024, "RecursiveLoop": "Allow"},
    "S3ToS3CopierFunctionQueue": {"BatchSize": 1, "ScalingConfig": {"MaximumConcurrency": 2}, "Enabled": None},
    "ProdToPreprodFunction": {"Timeout": 900, "MemorySize": 512},
    "ProdToPreprodFunctionQueue": {"BatchSize": 1, "Enabled": None},
    "SnapshotToS3Queue": {
        "VisibilityTimeout": "360", "RedrivePolicy.deadLetterTargetArn": "SnapshotToS3Dlq", "DelaySeconds": None,
    },
    "S3ToS3CopierQueue": {
        "VisibilityTimeout": "5400", "RedrivePolicy.deadLetterTargetArn": "S3ToS3CopierDlq", "DelaySeconds": None,
    },
    "ProdToPreprodQueue": {
        "VisibilityTimeout": "5400", "RedrivePolicy.deadLetterTargetArn": "ProdToPreprodDlq", "DelaySeconds": None,
    },
    "SnapshotToS3EventSubscription": {"Enabled": True, "SourceType": "db-snapshot", "EventCategories": ["creation"]},
    "AlertEmailSubscription": {"TopicArn": "AlertsTopic", "Protocol": "email", "Endpoint": "people@example.org"},
    "SnapshotToS3QueueSubscription": {
        "RedrivePolicy": {"deadLetterTargetArn": "UndeliveredEventsDlq"}, "FilterPolicy": None,
    },
    "UploadRule": {
        "State": None,
        "Targets.0.RetryPolicy": {"MaximumEventAgeInSeconds": 21600, "MaximumRetryAttempts": 185},
        "Targets.0.EcsParameters.LaunchType": "FARGATE",
        "Targets.0.EcsParameters.TaskCount": 1,
        "Targets.0.EcsParameters.NetworkConfiguration.AwsVpcConfiguration": {
            "AssignPublicIp": "DISABLED",
            "Subnets": ["subnet-1", "subnet-2"],
            "SecurityGroups": ["DumpLoaderSecurityGroup"],
        },
        "Targets.1.Arn": "ProdToPreprodQueue",
    },
    "DumpLoaderFailedRule": {"State": None},
    "SnapshotCreatedRule": {"State": None},
    "ExportEndedRule": {"State": None},
    "JobFailedRule": {"State": None},
    "DumpLoaderTaskDefinition": {
        "NetworkMode": "awsvpc",
        "ExecutionRoleArn": "DumpLoaderExecutionRole",
        "TaskRoleArn": "DumpLoaderTaskRole",
        "Cpu": "2048",
        "Memory": "4096",
        "ContainerDefinitions.0.Image": f"{IMAGES}:not-pushed-yet",
        "ContainerDefinitions.0.Secrets": [{"Name": "DB_CREDENTIALS", "ValueFrom": "DumpLoaderSecret"}],
        "ContainerDefinitions.0.DependsOn": [{"ContainerName": "account", "Condition": "SUCCESS"}],
        "ContainerDefinitions.1.Image": f"{IMAGES}:not-pushed-yet",
        "ContainerDefinitions.1.Secrets": [
            {"Name": "MASTER_CREDENTIALS", "ValueFrom": "secret:rds!db-*"},
            {"Name": "DB_CREDENTIALS", "ValueFrom": "DumpLoaderSecret"},
        ],
        "ContainerDefinitions.0.StopTimeout": 120,
        "ContainerDefinitions.0.LogConfiguration.Options.awslogs-group": "DumpLoaderLogs",
        "ContainerDefinitions.1.LogConfiguration.Options.awslogs-group": "DumpLoaderLogs",
    },
    "SweepSchedule": {"State": None, "ScheduleExpression": "rate(15 minutes)", "Targets.0.Arn": "SweepIncomingQueue"},
    "DmapSchedule": {"State": "ENABLED", "ScheduleExpression": "cron(0 6 * * ? *)", "Targets.0.Arn": "FetchDmapQueue"},
    "KafkaSchedule": {"State": "ENABLED", "ScheduleExpression": "rate(1 minute)", "Targets.0.Arn": "WriteKafkaFilesQueue"},
    "IncomingObjectRule": {"State": None, "Targets.0.Arn": "RegisterLoadQueue", "Targets.0.InputTransformer": None},
    "JobEndedRule": {"State": None, "Targets.0.Arn": "FinishIngestionQueue", "Targets.0.InputTransformer": None},
    "Migrations": {"ServiceToken": "MigrateMetadataFunction", "ServiceTimeout": 600},
    "MigrateMetadataFunction": {"Timeout": 300, "RecursiveLoop": None},
    # The metadata database is small: no more than these are at it at once.
    **{
        f"{name}FunctionQueue": {"BatchSize": size, "ScalingConfig": {"MaximumConcurrency": at_once}, "Enabled": None}
        for name, size, at_once in (
            ("FetchDmap", 1, 2), ("WriteKafkaFiles", 1, 2), ("RegisterLoad", 10, 5), ("SweepIncoming", 1, 2),
            ("StartIngestion", 1, 5), ("FinishIngestion", 5, 5), ("MoveLoad", 1, 5),
        )
    },
    **{
        f"{name}Queue": {
            "VisibilityTimeout": seconds, "RedrivePolicy.deadLetterTargetArn": f"{name}Dlq", "DelaySeconds": None,
        }
        for seconds, names in (
            ("360", ("RegisterLoad", "FinishIngestion")),
            ("5400", ("FetchDmap", "WriteKafkaFiles", "SweepIncoming", "StartIngestion", "MoveLoad")),
        )
        for name in names
    },
}  # fmt: skip


def of_program(name: str) -> dict[str, str]:
    properties = loaded().resources[name].properties
    if "ContainerDefinitions" in properties:
        variables = {it["Name"]: it["Value"] for it in properties["ContainerDefinitions"][0]["Environment"]}
    else:
        variables = properties["Environment"]["Variables"]
    return {key: labelled(str(value)) for key, value in variables.items() if not key.startswith("POWERTOOLS_")}


@pytest.mark.parametrize("program", ENVIRONMENT)
def test_a_program_is_given_these(program: str) -> None:
    assert of_program(program) == ENVIRONMENT[program]


# Alarms

DLQ = ("Maximum", 60, 1, "GreaterThanThreshold", 0, "notBreaching")
TROUBLE = ("Sum", 300, 1, "GreaterThanThreshold", 0, "notBreaching")
OURS = "LiberatorIngestion/dataplatform-prod"
# Namespace, metric, its resource; statistic, period, number of periods, comparison, threshold, meaning of no data.
ALARMS: dict[str, tuple[Any, ...]] = {
    "SnapshotToS3DlqAlarm": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "SnapshotToS3Dlq", *DLQ),
    "S3ToS3CopierDlqAlarm": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "S3ToS3CopierDlq", *DLQ),
    "ProdToPreprodDlqAlarm": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "ProdToPreprodDlq", *DLQ),
    "UndeliveredEventsAlarm": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "UndeliveredEventsDlq", *DLQ),
    "NoDumpAlarm": ("AWS/Events", "TriggeredRules", "UploadRule", "Sum", 3600, "26", "LessThanThreshold", 1, "breaching"),
    "LandedDateAlarm": (
        OURS, "LandedDateAge", "s3_to_s3_copier", "Minimum", 3600, "36", "GreaterThanThreshold", "2", "breaching",
    ),
    "ExportFailedAlarm": (OURS, "ExportsFailed", "s3_to_s3_copier", *TROUBLE),
    "DumpLoaderFailedAlarm": ("AWS/Events", "TriggeredRules", "DumpLoaderFailedRule", *TROUBLE),
    "SnapshotToS3ErrorsAlarm": ("AWS/Lambda", "Errors Throttles", "SnapshotToS3Function", *TROUBLE),
    "S3ToS3CopierErrorsAlarm": ("AWS/Lambda", "Errors Throttles", "S3ToS3CopierFunction", *TROUBLE),
    "ProdToPreprodErrorsAlarm": ("AWS/Lambda", "Errors Throttles", "ProdToPreprodFunction", *TROUBLE),
    **{f"{it}DlqAlarm": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", f"{it}Dlq", *DLQ) for it in OF_CUBIC},
    **{f"{it}ErrorsAlarm": ("AWS/Lambda", "Errors Throttles", f"{it}Function", *TROUBLE) for it in OF_CUBIC},
    "NoSweepAlarm": (
        "AWS/Lambda", "Invocations", "SweepIncomingFunction", "Sum", 3600, 1, "LessThanThreshold", 1, "breaching",
    ),
    "DlqAlarm": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Dlq", *DLQ),  # the data commons' one consumer
    "ErrorsAlarm": ("AWS/Lambda", "Errors Throttles", "TrinoPublisherFunction", *TROUBLE),
    "NoTableSweepAlarm": (
        "AWS/Lambda", "Invocations", "TrinoPublisherFunction", "Sum", 86400, 1, "LessThanThreshold", 1, "breaching",
    ),
    "TablePausedAlarm": (OURS, "TablesPaused", "finish_ingestion", *TROUBLE),
    "KafkaLateAlarm": (
        OURS, "KafkaOldestRecordAge", "write_kafka_files", "Maximum", 300, 1, "GreaterThanThreshold", 3 * 3600,
        "notBreaching",
    ),
    "MetadataStorageAlarm": (
        "AWS/RDS", "FreeStorageSpace", "CubicDatabase", "Minimum", 300, 3, "LessThanThreshold", 2 << 30, "missing",
    ),
    "MetadataCpuAlarm": (
        "AWS/RDS", "CPUUtilization", "CubicDatabase", "Average", 300, 6, "GreaterThanThreshold", 90, "missing",
    ),
    **{
        f"LateAlarm{topic}": (
            "AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", f"Stream{topic}", "Maximum", 3600, 6,
            "GreaterThanThreshold", 6 * 3600 * 1000, "breaching",
        )
        for topic in ("sample", "otherone")
    },
}  # fmt: skip
# The dimension by which CloudWatch tells one from another, and the type of resource.
DIMENSION = {
    "AWS/SQS": ("QueueName", "AWS::SQS::Queue"),
    "AWS/Events": ("RuleName", "AWS::Events::Rule"),
    "AWS/Kinesis": ("StreamName", "AWS::Kinesis::Stream"),
    "AWS/Lambda": ("FunctionName", "AWS::Lambda::Function"),
    "AWS/RDS": ("DBInstanceIdentifier", "AWS::RDS::DBInstance"),
    OURS: ("service", ""),
}


# An export that failed stays failed, a paused table paused, and the loader's rule tells people itself.
NO_ALL_CLEAR = {"ExportFailedAlarm", "TablePausedAlarm", "DumpLoaderFailedAlarm"}


def test_an_alarm_tells_the_people_when_it_rings_and_when_all_is_clear() -> None:
    told = {a.logical_id: labelled(a.properties.get("OKActions")) for a in loaded().of_type("AWS::CloudWatch::Alarm")}
    assert told == {name: None if name in NO_ALL_CLEAR else ["AlertsTopic"] for name in ALARMS}


def test_the_alarms_are_these_and_each_rings_when_it_should() -> None:
    assert {alarm.logical_id: _rings(alarm.properties) for alarm in loaded().of_type("AWS::CloudWatch::Alarm")} == ALARMS


def _rings(alarm: dict[str, Any]) -> tuple[Any, ...]:
    measured = [m["MetricStat"] for m in alarm.get("Metrics", []) if "MetricStat" in m]
    stats = measured or [{"Metric": alarm, "Stat": alarm["Statistic"], "Period": alarm["Period"]}]
    if measured:
        sums = [m["Expression"] for m in alarm["Metrics"] if m.get("ReturnData", True)]
        assert sums == [" + ".join(f"FILL({m['Id']}, 0)" for m in alarm["Metrics"] if "MetricStat" in m)]
    [(namespace, dimension, of)] = {
        (m["Namespace"], d["Name"], d["Value"]) for m in (s["Metric"] for s in stats) for d in m["Dimensions"]
    }
    expected, kind = DIMENSION[namespace]
    assert dimension == expected
    [*called] = [
        r.logical_id for r in loaded().of_type(kind) if of in (r.properties.get(dimension), r.properties.get("Name"))
    ]
    [(statistic, period)] = {(s["Stat"], s["Period"]) for s in stats}
    return (
        namespace, " ".join(s["Metric"]["MetricName"] for s in stats), *(called or [of]), statistic, period,
        *(alarm[key] for key in ("EvaluationPeriods", "ComparisonOperator", "Threshold", "TreatMissingData")),
    )  # fmt: skip


# Data

ABORT = {
    "Id": "uploads that were never completed",
    "Status": "Enabled",
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
}
REPLACED = {
    "Id": "versions that were replaced",
    "Status": "Enabled",
    "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
}
STAGED = {
    "Id": "staged and never published",
    "Status": "Enabled",
    "Prefix": "parking/_staging/",
    "ExpirationInDays": 2,
}
MARKS = {
    "Id": "marks of deletions under which nothing is left",
    "Status": "Enabled",
    "ExpiredObjectDeleteMarker": True,
}
WORK = {"Id": "work of batches that have ended", "Status": "Enabled", "Prefix": "_work/", "ExpirationInDays": 14}
EXPORTED = {"Id": "exports that were copied", "Status": "Enabled", "ExpirationInDays": "14"}


def bucket(*rules: dict[str, Any], versions: bool = True) -> dict[str, Any]:
    return {
        "VersioningConfiguration": {"Status": "Enabled"} if versions else None,
        "LifecycleConfiguration": {"Rules": [ABORT, *rules]},
    }


JOB = {
    "GlueVersion": "5.0",
    "WorkerType": "G.1X",
    "MaxRetries": 1,
    "Command.Name": "glueetl",
    "Command.PythonVersion": "3",
    "DefaultArguments.--extra-py-files": "s3://dataplatform-prod-liberator-glue-assets/lake.zip",
}
DATA: dict[str, dict[str, Any]] = {
    "DataBucket": bucket(REPLACED),
    "ExportBucket": bucket(EXPORTED, versions=False),
    "LandingBucket": bucket(REPLACED),
    "RawBucket": bucket(REPLACED, STAGED),
    "RefinedBucket": bucket(REPLACED, STAGED),
    "GlueAssetsBucket": bucket(REPLACED),
    "Key": {"EnableKeyRotation": True, "PendingWindowInDays": 30},
    "Database": {
        "Engine": "mysql",
        "StorageEncrypted": True,
        "KmsKeyId": "Key",
        "DBParameterGroupName": "DatabaseParameters",
        "PreferredMaintenanceWindow": "wed:12:00-wed:13:00",
        "BackupRetentionPeriod": 0,
        "CopyTagsToSnapshot": True,
        "DBName": "liberator",
        "DBSubnetGroupName": "DatabaseSubnets",
        "DBInstanceClass": "db.m7g.large",
        "StorageType": "gp3",
        "AllocatedStorage": "100",
        "MaxAllocatedStorage": "500",
        "AutoMinorVersionUpgrade": True,
        "MultiAZ": False,
    },
    "DatabaseParameters": {
        "Family": "mysql8.4",
        "Parameters": {
            "max_allowed_packet": str(1 << 30),
            "log_bin_trust_function_creators": "1",
            "require_secure_transport": "1",
            "local_infile": "0",
        },
    },
    "DumpLoaderSecret": {
        "GenerateSecretString": {
            "SecretStringTemplate": '{"username": "liberator_loader"}',
            "GenerateStringKey": "password",
            "PasswordLength": 40,
            "ExcludePunctuation": True,
        },
        "KmsKeyId": "Key",
    },
    "LandingToRawJob": JOB
    | {
        "Role": "LandingToRawRole",
        "DefaultArguments.--landing": "s3://dataplatform-prod-landing-zone",
        "DefaultArguments.--raw": "s3://dataplatform-prod-raw-zone",
        "DefaultArguments.--raw_database": "RawDatabase",
    },
    "TransformJob": JOB
    | {
        "Role": "TransformRole",
        "DefaultArguments.--raw": "s3://dataplatform-prod-raw-zone",
        "DefaultArguments.--raw_database": "RawDatabase",
        "DefaultArguments.--refined": "s3://dataplatform-prod-refined-zone",
        "DefaultArguments.--refined_database": "RefinedDatabase",
        "DefaultArguments.--transforms": "s3://dataplatform-prod-liberator-glue-assets/liberator/transforms",
    },
    # A load is a version: none goes by age but from where it is a copy.
    "IncomingBucket": {
        "VersioningConfiguration": {"Status": "Enabled"},
        "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled": True,
        "LifecycleConfiguration": {"Rules": [ABORT, MARKS]},
    },
    "ArchiveBucket": bucket(),
    "ErrorBucket": bucket(),
    "SpringboardBucket": bucket(WORK, versions=False),
    **{
        f"Stream{topic}": {
            "RetentionPeriodHours": 168,
            "ShardCount": 1,
            "StreamEncryption": {"EncryptionType": "KMS", "KeyId": "Key"},
        }
        for topic in ("sample", "otherone")
    },
    # Empty until a person puts the key: nothing of the template may overwrite that.
    "CubicApiSecret": {"KmsKeyId": "Key", "SecretString": None, "GenerateSecretString": None},
    "CubicDatabase": {
        "Engine": "postgres",
        "StorageEncrypted": True,
        "KmsKeyId": "Key",
        "DBName": "cubic",
        "DBParameterGroupName": "CubicDatabaseParameters",
        "DBSubnetGroupName": "CubicDatabaseSubnets",
        "VPCSecurityGroups": ["CubicDatabaseSecurityGroup"],
        "DBInstanceClass": "db.t4g.micro",
        "PubliclyAccessible": False,
        "ManageMasterUserPassword": True,
        "MasterUserSecret": {"KmsKeyId": "Key"},
        "DeletionProtection": True,
        "BackupRetentionPeriod": 7,
        "AutoMinorVersionUpgrade": True,
        "CopyTagsToSnapshot": True,
    },
    "CubicDatabaseParameters": {"Family": "postgres17", "Parameters": {"rds.force_ssl": "1"}},
    "IngestJob": JOB
    | {
        "MaxRetries": 0,
        "Role": "IngestRole",
        "ExecutionProperty": {"MaxConcurrentRuns": "4"},
        "NumberOfWorkers": "4",
        "Timeout": "180",
        "Command.ScriptLocation": "s3://dataplatform-prod-liberator-glue-assets/cubic/cubic__ingest_incoming.py",
        "DefaultArguments.--springboard": "s3://dataplatform-prod-cubic-springboard",
        "DefaultArguments.--raw": "s3://dataplatform-prod-raw-zone",
        "DefaultArguments.--raw_database": "CubicRawDatabase",
    },
    "DailyWorkflow": {"MaxConcurrentRuns": 1},
    "BackdatedWorkflow": {"MaxConcurrentRuns": 1},
    "DumpLoaderRepository": {"ImageTagMutability": "IMMUTABLE"},
}


@pytest.mark.parametrize(
    ("resource", "path", "expected"),
    [(name, path, value) for table in (WIRING, DATA) for name, it in table.items() for path, value in it.items()],
)
def test_a_resource_has_this_property(resource: str, path: str, expected: Any) -> None:
    value: Any = labelled(loaded().resources[resource].properties)
    for step in path.split("."):
        value = value[int(step)] if isinstance(value, list) else (value or {}).get(step)
    assert value == expected
