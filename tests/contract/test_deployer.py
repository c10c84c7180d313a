"""docs/deployer-policy.json against the actions that CloudFormation's schemas name for each type of resource.

The schemas come with cfn-lint. They know actions and no resources, so that names are compared with those of the template.
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

from __future__ import annotations

import json
import re
import tomllib
from fnmatch import fnmatch, fnmatchcase
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from samtranslator.yaml_helper import yaml_parse

from local.emulator.template import load, translate
from tests.contract.test_deployment import DEVELOPMENT, PRODUCTION, ROOT, TEMPLATE
from tests.policies import as_list, statements

POLICY = ROOT / "docs/deployer-policy.json"
STACK = PRODUCTION | {"Prefix": "dataplatform-stg"}
# Actions for properties that the template does not set.
NOT_ASKED = {
    "codedeploy:*": "no function is deployed bit by bit",
    "ecs:PutAccountSetting*": "Container Insights is set on the cluster",
    "elasticfilesystem:*": "no function has a file system",
    "firehose:*": "no log group has a delivery",
    "iam:ListRoles": "no role is associated with the database",
    "s3files:*": "no function has a file system",
    "s3tables:*": "no bucket has a metadata table",
}


@pytest.fixture(scope="module")
def allowed() -> list[dict[str, Any]]:
    return list(statements(json.loads(POLICY.read_text())))


def asked_for() -> set[str]:
    templates = {it.path: it for it in load(TEMPLATE, PRODUCTION).all()}
    types = {r["Type"] for it in templates.values() for r in translate(it.path, it.parameters)["Resources"].values()}
    known = [it for it in types if not it.startswith("Custom::")]  # the others are functions of ours
    handlers = [PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-2", it).schema.get("handlers", {}) for it in known]
    doing = [handler.get(verb, {}) for handler in handlers for verb in ("create", "read", "update", "delete")]
    actions = {action for it in doing for action in it.get("permissions", [])}
    return {action for action in actions if not any(fnmatchcase(action, it) for it in NOT_ASKED)}


def test_the_deployer_may_do_everything_that_cloudformation_asks_in_its_name(allowed: list[dict[str, Any]]) -> None:
    granted = [action for statement in allowed for action in statement["Action"]]
    refused = {action for action in asked_for() if not any(fnmatch(action, it) for it in granted)}
    assert refused == set()


def test_the_deployer_may_do_nothing_in_services_that_the_template_does_not_use(allowed: list[dict[str, Any]]) -> None:
    granted = {action.split(":")[0] for statement in allowed for action in statement["Action"]}
    assert granted == {action.split(":")[0] for action in asked_for()}


def test_every_name_of_the_stack_is_among_the_deployers_and_no_other_stacks(allowed: list[dict[str, Any]]) -> None:
    def may_be_made(arn: str) -> bool:
        service = arn.split(":")[2]
        return any(
            re.match(r"\*|(\w+:\*)$", action) is not None and action.startswith(f"{service}:") and fnmatchcase(arn, on)
            for statement in allowed
            for action in statement["Action"]
            for on in statement["Resource"]
        ) or any(fnmatchcase(arn, on) for s in allowed if s["Sid"] == "Roles" for on in s["Resource"])

    nameless = {"AWS::KMS::Key", "AWS::SecretsManager::Secret", "AWS::IAM::Role"}
    for parameters, ours in ((STACK, True), (DEVELOPMENT, False)):
        for resource in load(TEMPLATE, parameters).resources.values():
            if resource.arn and resource.type not in nameless:
                assert may_be_made(resource.arn) is ours, resource.arn


def test_a_secret_gets_a_name_of_its_logical_id_and_the_deployer_may_make_it(allowed: list[dict[str, Any]]) -> None:
    [named] = [statement for statement in allowed if "secretsmanager:*" in statement["Action"]]
    secrets = load(TEMPLATE, STACK).of_type("AWS::SecretsManager::Secret")
    assert len(secrets) == 4
    for secret in secrets:
        arn = f"arn:aws:secretsmanager:eu-west-2:123456789012:secret:{secret.logical_id}-1A2B3C4D5E6F-a1b2c3"
        assert any(fnmatchcase(arn, on) for on in named["Resource"])


def test_the_deployer_may_use_the_transforms_of_the_templates(allowed: list[dict[str, Any]]) -> None:
    [stacks] = [statement for statement in allowed if statement["Sid"] == "Stacks"]
    used = {it for part in load(TEMPLATE, STACK).all() for it in as_list(yaml_parse(part.path.read_text())["Transform"])}
    granted = {arn.split("/")[1] for arn in stacks["Resource"] if ":transform/" in arn}
    assert granted == {name.removeprefix("AWS::") for name in used}


def test_the_deployer_makes_nested_stacks_and_puts_their_templates_where_sam_puts_them(
    allowed: list[dict[str, Any]],
) -> None:
    """A nested stack's name is `<stack>-<logical id>-<random>`; its template is in the bucket of sam's own stack."""
    by_sid = {statement["Sid"]: statement for statement in allowed}
    configured = tomllib.loads((ROOT / "samconfig.toml").read_text())["stg"]["deploy"]["parameters"]
    assert configured["resolve_s3"] is True
    assert load(TEMPLATE, STACK).nested
    for name in load(TEMPLATE, STACK).nested:
        arn = f"arn:aws:cloudformation:eu-west-2:123456789012:stack/{configured['stack_name']}-{name}-1A2B3C/4d5e"
        assert by_sid["Stacks"]["Action"] == ["cloudformation:*"]
        assert any(fnmatchcase(arn, on) for on in by_sid["Stacks"]["Resource"])
    template = "arn:aws:s3:::aws-sam-cli-managed-default-samclisourcebucket-1a2b3c/liberator-ingestion/1.template"
    assert any(fnmatchcase(template, on) for on in by_sid["WhatIsNamedByPrefix"]["Resource"])
    assert "s3:*" in by_sid["WhatIsNamedByPrefix"]["Action"]


def test_keys_and_roles_are_lent_to_the_services_that_need_them(allowed: list[dict[str, Any]]) -> None:
    by_sid = {statement["Sid"]: statement for statement in allowed}
    assert {"kms:CreateGrant", "kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"} <= set(
        by_sid["KeyWhoseIdIsNotKnownBefore"]["Action"]
    )
    linked = by_sid["RolesOfServicesThatTheAccountMayLack"]
    assert linked["Action"] == ["iam:CreateServiceLinkedRole"]
    assert {arn.split("/")[-2] for arn in linked["Resource"]} == {"ecs.amazonaws.com", "rds.amazonaws.com"}
    trusted = {
        service
        for role in load(TEMPLATE, STACK).of_type("AWS::IAM::Role")
        for statement in statements(role.properties["AssumeRolePolicyDocument"])
        for service in as_list(statement["Principal"]["Service"])
    }
    passed = by_sid["GiveRolesToServices"]["Condition"]["StringEquals"]["iam:PassedToService"]
    assert set(passed) == trusted - {"export.rds.amazonaws.com"}, "that role is passed when an export starts"


def test_the_policy_is_no_longer_than_iam_takes_and_allows_no_whole_service_on_everything(
    allowed: list[dict[str, Any]],
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: 6,144 characters without white space."""
    assert len(re.sub(r"\s", "", POLICY.read_text().replace("dataplatform", "d" * 26))) <= 6144
    for statement in allowed:
        if statement["Resource"] == ["*"]:
            assert not [action for action in statement["Action"] if action.endswith(":*")]
