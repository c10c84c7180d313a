"""Under which conditions anything is allowed: which service, for whom, by way of what, over TLS. In every environment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from local.emulator.template import Template, load
from tests.contract.test_deployment import ENVIRONMENTS
from tests.policies import as_list, role_statements, roles, statements

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
ACCOUNT = "123456789012"

# Services that are let in without saying for whom they come, each with AWS's word that it can't be asked of them.
OF_CUBIC = (
    "FetchDmap", "WriteKafkaFiles", "RegisterLoad", "SweepIncoming", "StartIngestion", "FinishIngestion", "MoveLoad",
)  # fmt: skip
UNCONDITIONAL = {
    **{
        (role, "lambda.amazonaws.com"): "https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html"
        for role in (
            "SnapshotToS3Role", "S3ToS3CopierRole", "ProdToPreprodRole", "MigrateMetadataRole",
            *(f"{name}Role" for name in OF_CUBIC), "TrinoPublisherRole",
        )
    },
    ("AlertsTopicPolicy", "events.amazonaws.com"): "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html",
    ("Key", "events.amazonaws.com"): "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html",
}  # fmt: skip
# Roles whose service may not say for whom it comes: AWS's page on the role does not promise it. If it does, it must be us.
IF_SENT = {
    "DumpLoaderExecutionRole": "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html",
    "DumpLoaderTaskRole": "has the trust policy of the role above; https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html",
    "DatasetLoaderExecutionRole": "as DumpLoaderExecutionRole",
    "DatasetLoaderTaskRole": "as DumpLoaderTaskRole",
    "LandingToRawRole": "https://docs.aws.amazon.com/glue/latest/dg/create-an-iam-role.html",
    "TransformRole": "https://docs.aws.amazon.com/glue/latest/dg/create-an-iam-role.html",
    "IngestRole": "https://docs.aws.amazon.com/glue/latest/dg/create-an-iam-role.html",
}  # fmt: skip
# To which of a service's names a role may be given. RDS has two, and AWS does not say which one counts for an export.
PASSED_TO = {
    "UploadRuleRole": {"ecs-tasks.amazonaws.com"},
    "SpecRuleRole": {"ecs-tasks.amazonaws.com"},
    "SnapshotToS3Role": {"rds.amazonaws.com", "export.rds.amazonaws.com"},
}
# Actions that are allowed on "*", each with AWS's word that it takes no resource, or no name of one.
ON_ALL = {
    "cloudwatch:PutMetricData": "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html",
    "ecr:GetAuthorizationToken": "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html",
    "rds:DescribeExportTasks": "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html",
    "xray:PutTraceSegments": "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html",
    "xray:PutTelemetryRecords": "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html",
}  # fmt: skip
# Lambda makes the network interfaces of a function in its role's name. The code is denied them: see below.
VPC_ACTIONS = {
    "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
}  # fmt: skip
# Actions with a wildcard: AWS's own lists for the role that exports are written in, and the account's hold on its key.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html
# https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-users-crypto
# https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
WILD_ACTIONS = {
    ("ExportRole", "s3:PutObject*"), ("ExportRole", "s3:GetObject*"), ("ExportRole", "s3:DeleteObject*"),
    ("ExportRole", "kms:ReEncrypt*"), ("ExportRole", "kms:GenerateDataKey*"), ("Key", "kms:*"),
}  # fmt: skip
# What a role may do with a key is bound to the services that it works through, by the kind of what they encrypt.
# Only the export's role has none: AWS does not say by way of which service an export uses the key.
# https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
THROUGH = {
    "DumpLoaderExecutionRole": {"secretsmanager"},
    "DumpLoaderTaskRole": {"s3", "sns"},
    "SnapshotToS3Role": {"rds", "sns", "lambda"},
    "S3ToS3CopierRole": {"s3", "sns", "lambda"},
    "ProdToPreprodRole": {"s3", "sns", "lambda"},
    "ExportRole": set(),
    "LandingToRawRole": {"s3"},
    "TransformRole": {"s3"},
    "MigrateMetadataRole": {"secretsmanager", "lambda"},
    **{f"{name}Role": {"s3", "sns", "secretsmanager", "lambda"} for name in OF_CUBIC},
    "WriteKafkaFilesRole": {"s3", "sns", "secretsmanager", "lambda", "kinesis"},
    "IngestRole": {"s3"},
    "DatasetLoaderExecutionRole": {"secretsmanager"},
    "DatasetLoaderTaskRole": {"s3", "sns"},
    "TrinoPublisherRole": {"s3", "sns", "secretsmanager", "lambda"},
}
POLICIES = {
    "AWS::IAM::Role": "AssumeRolePolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
}


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def template(request: pytest.FixtureRequest) -> Template:
    return load(TEMPLATE, ENVIRONMENTS[request.param])


def resource_statements(template: Template, effect: str = "Allow") -> Iterator[tuple[str, dict[str, Any]]]:
    """What the resources' own policies say, trust policies among them, each with its resource's logical id."""
    for kind, document in POLICIES.items():
        for resource in template.of_type(kind):
            for statement in statements(resource.properties[document], effect):
                yield resource.logical_id, statement


def all_statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from resource_statements(template)
    for role in roles(template):
        for statement in role_statements(role):
            yield role.logical_id, statement


def services(statement: dict[str, Any]) -> list[str]:
    principal = statement["Principal"]
    return as_list(principal.get("Service", [])) if isinstance(principal, dict) else []


def asked(statement: dict[str, Any], operators: tuple[str, ...], key: str) -> list[str]:
    """The values that a statement's condition allows for a key, with operators that are false where the key is missing."""
    return [
        value for operator in operators for value in as_list(statement.get("Condition", {}).get(operator, {}).get(key, []))
    ]


def test_a_service_is_let_in_only_on_behalf_of_this_account(template: Template) -> None:
    let_in = set()
    for name, statement in resource_statements(template):
        for service in services(statement):
            if_exists = ["", "IfExists"] if name in IF_SENT else [""]
            account = asked(statement, tuple(f"StringEquals{it}" for it in if_exists), "aws:SourceAccount")
            sources = asked(statement, ("ArnEquals", *(f"ArnLike{it}" for it in if_exists)), "aws:SourceArn")
            sources += asked(statement, ("ArnLike",), "kms:EncryptionContext:aws:logs:arn")
            assert account in ([], [ACCOUNT]), name
            assert all(arn.split(":")[4] == ACCOUNT for arn in sources), f"{name}: {sources}"
            if not account and not sources:
                let_in.add((name, service))
    assert let_in == {it for it in UNCONDITIONAL if it[0] in template.resources}


def test_queues_are_written_by_rules_and_topics_that_are_named(template: Template) -> None:
    for name, statement in resource_statements(template):
        if name.endswith(("QueuePolicy", "DlqPolicy")):
            assert asked(statement, ("ArnEquals",), "aws:SourceArn"), name


def test_a_topic_is_published_to_by_the_services_alarms_and_events_of_this_stack(template: Template) -> None:
    sources = {
        service: asked(statement, ("ArnLike",), "aws:SourceArn")
        for name, statement in resource_statements(template)
        if name.endswith("TopicPolicy")
        for service in services(statement)
    }
    prefix = template.parameters["Prefix"]
    assert sources == {
        "cloudwatch.amazonaws.com": [f"arn:aws:cloudwatch:eu-west-2:{ACCOUNT}:alarm:{prefix}-*"],
        "events.amazonaws.com": [],
        "events.rds.amazonaws.com": [],
    }


def test_everyone_is_only_ever_denied(template: Template) -> None:
    for name, statement in resource_statements(template):
        assert isinstance(statement["Principal"], dict), name
        assert "*" not in str(statement["Principal"]), name
    for name, statement in resource_statements(template, "Deny"):
        assert statement["Condition"], name


def test_other_accounts_are_let_in_by_one_role_to_put_dumps(template: Template) -> None:
    root, replicator = f"arn:aws:iam::{ACCOUNT}:root", template.parameters["ProductionReplicatorRoleArn"]
    principals = {(name, arn) for name, s in resource_statements(template) for arn in as_list(s["Principal"].get("AWS", []))}
    of_production = {("Key", replicator), ("DataBucketPolicy", replicator)} if replicator else set()
    assert principals == {("Key", root)} | of_production


def test_every_bucket_queue_and_topic_is_reached_by_tls_only(template: Template) -> None:
    """Of a topic, Publish is what AWS says to deny: https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html"""
    denied = {}
    for _, statement in resource_statements(template, "Deny"):
        if (statement["Principal"], statement["Condition"]) == ("*", {"Bool": {"aws:SecureTransport": "false"}}):
            denied |= dict.fromkeys(statement["Resource"], statement["Action"])
    expected = {q.arn: ["sqs:*"] for q in template.of_type("AWS::SQS::Queue")}
    expected |= {t.arn: ["sns:Publish"] for t in template.of_type("AWS::SNS::Topic")}
    expected |= {arn: ["s3:*"] for b in template.of_type("AWS::S3::Bucket") for arn in (b.arn, f"{b.arn}/*")}
    assert denied == expected


def test_no_bucket_can_be_made_public(template: Template) -> None:
    for bucket in template.of_type("AWS::S3::Bucket"):
        blocked = bucket.properties["PublicAccessBlockConfiguration"]
        assert blocked == dict.fromkeys(
            ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
        )
        assert "AccessControl" not in bucket.properties


def test_wildcards_stand_only_where_aws_wants_them(template: Template) -> None:
    found = list(all_statements(template))
    assert {(n, a) for n, s in found for a in s["Action"] if "*" in a} == WILD_ACTIONS
    on_all = {a for name, s in found for a in s["Action"] if "*" in s["Resource"] and name != "Key"}
    assert on_all == ON_ALL.keys() | (VPC_ACTIONS if {"Cubic", "DataCommons"} & template.nested.keys() else set())
    for name, statement in found:
        assert not {"NotPrincipal", "NotAction", "NotResource"} & statement.keys(), name


def test_a_role_uses_a_key_only_by_way_of_the_services_that_encrypt_with_it(template: Template) -> None:
    through: dict[str, set[str]] = {}
    for role in roles(template):
        for statement in role_statements(role):
            actions = {a for a in statement["Action"] if a.startswith("kms:")} - {"kms:DescribeKey"}
            if not actions:
                continue
            assert all(re.match(r"arn:aws:kms:[a-z0-9-]+:\d{12}:key/", arn) for arn in statement["Resource"]), (
                role.logical_id
            )
            if actions == {"kms:CreateGrant"}:
                assert statement["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}
                continue
            names = asked(statement, ("StringEquals", "StringLike"), "kms:ViaService")
            if names:
                assert actions <= {"kms:Decrypt", "kms:GenerateDataKey"}, role.logical_id
            assert all(re.fullmatch(r"[a-z0-9]+\.(eu-west-2|\*)\.amazonaws\.com", name) for name in names)
            through.setdefault(role.logical_id, set()).update(name.split(".")[0] for name in names)
    assert through == {role: services for role, services in THROUGH.items() if role in template.resources}


def test_the_code_of_a_function_in_the_vpc_is_denied_what_lambda_does_in_its_roles_name(template: Template) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html"""
    by_arn = {role.arn: role for role in roles(template)}
    functions = [f for f in template.of_type("AWS::Lambda::Function") if "VpcConfig" in f.properties]
    of_cubic = 1 + len(OF_CUBIC) if "Cubic" in template.nested else 0
    assert len(functions) == of_cubic + ("DataCommons" in template.nested)
    for function in functions:
        role = by_arn[function.properties["Role"]]
        assert {a for s in role_statements(role) for a in s["Action"] if a.startswith("ec2:")} == VPC_ACTIONS
        [denied] = [s for policy in role.properties["Policies"] for s in statements(policy["PolicyDocument"], "Deny")]
        assert (set(denied["Action"]), denied["Resource"]) == (VPC_ACTIONS, ["*"])
        [pattern] = asked(denied, ("ArnLike",), "lambda:SourceFunctionArn")
        assert fnmatchcase(function.arn, pattern)


def test_another_accounts_replicator_uses_the_key_by_way_of_s3_only(template: Template) -> None:
    for name, statement in resource_statements(template):
        if name == "Key" and template.parameters["ProductionReplicatorRoleArn"] in as_list(
            statement["Principal"].get("AWS")
        ):
            assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
            assert asked(statement, ("StringEquals",), "kms:ViaService") == ["s3.eu-west-2.amazonaws.com"]


def test_what_is_passed_on_is_bound_to_whom_and_to_what(template: Template) -> None:
    bound = {
        "iam:PassRole": ("StringEquals", "iam:PassedToService"),
        "ecs:RunTask": ("ArnEquals", "ecs:cluster"),
        "ecs:TagResource": ("StringEquals", "ecs:CreateAction"),
        "cloudwatch:PutMetricData": ("StringEquals", "cloudwatch:namespace"),
    }
    for name, statement in all_statements(template):
        for action in statement["Action"]:
            if action in bound:
                operator, key = bound[action]
                assert asked(statement, (operator,), key), f"{name}: {action}"


def test_a_role_is_given_to_the_services_that_work_in_it_and_no_other(template: Template) -> None:
    passed = {
        role.logical_id: set(asked(s, ("StringEquals",), "iam:PassedToService"))
        for role in roles(template)
        for s in role_statements(role)
        if "iam:PassRole" in s["Action"]
    }
    assert passed == {role: services for role, services in PASSED_TO.items() if role in template.resources}
