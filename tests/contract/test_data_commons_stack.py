"""The data commons' own wiring: which upload starts its loader, with which environment, and what it may reach."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dataset_loader.settings import Dev, Landing, Prod, Store
from dataset_loader.settings import Settings as LoaderSettings
from dataset_loader.settings import read as read_settings
from local.emulator.eventbridge import transform
from local.emulator.template import Template, load
from tests.contract.test_deployment import DEVELOPMENT, PRE_PRODUCTION, PRODUCTION, TEMPLATE
from tests.contract.test_template import roles_that_may, targets, uploaded
from tests.policies import grants, roles

SOURCES = "dataplatform-prod-data-commons-source"
# A person may give these to a task that is run by hand. Otherwise each has its default.
BY_HAND = {"max_unpacked_bytes"}
# These are of a store that is not AWS's. In AWS the task's role reaches the bucket.
ELSEWHERE = {
    "s3_landing_endpoint",
    *(f"s3_{it}_{setting}" for it in ("dev", "prod") for setting in ("endpoint", "access_key", "secret_key")),
}


@pytest.fixture(scope="module")
def production() -> Template:
    return load(TEMPLATE, PRODUCTION)


def container_of(template: Template) -> dict[str, Any]:
    [container] = template.resources["DatasetLoaderTaskDefinition"].properties["ContainerDefinitions"]
    return dict(container)


def input_of(template: Template) -> dict[str, Any]:
    [target] = template.resources["SpecRule"].properties["Targets"]
    return dict(target["InputTransformer"])


# The uploads that start it


@pytest.mark.parametrize("reason", ["PutObject", "CopyObject", "CompleteMultipartUpload"])
@pytest.mark.parametrize("key", ["specs/plants.json", "specs/pudl/plants.json"])
def test_every_way_of_uploading_a_spec_starts_the_loader(production: Template, key: str, reason: str) -> None:
    assert targets(production, uploaded(key, SOURCES, reason)) == {"Cluster"}
    bucket = production.resources["SourceBucket"].properties
    assert bucket["BucketName"] == SOURCES
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


@pytest.mark.parametrize(
    "event",
    [
        uploaded("data/plants.csv", SOURCES),
        uploaded("data/specs/plants.json", SOURCES),
        uploaded("specs/plants.json.part", SOURCES),
        uploaded("plants.json", SOURCES),
        uploaded("specs/plants.json", "somebody-elses"),
        uploaded("specs/plants.json", "dataplatform-prod-data-commons-dev"),
        uploaded("specs/plants.json", SOURCES) | {"detail-type": "Object Deleted"},
    ],
    ids=lambda event: f"{event['detail']['bucket']['name']}/{event['detail']['object']['key']}",
)
def test_nothing_else_starts_it(production: Template, event: dict[str, Any]) -> None:
    assert targets(production, event) == set()


def test_the_loader_is_told_which_version_of_which_spec(production: Template) -> None:
    key = 'specs/a"b\\c.json'
    assert transform(uploaded(key, SOURCES), input_of(production)) == {
        "containerOverrides": [
            {
                "name": container_of(production)["Name"],
                "environment": [
                    {"name": "SPEC_BUCKET", "value": SOURCES},
                    {"name": "SPEC_KEY", "value": key},
                    {"name": "SPEC_VERSION_ID", "value": "v1"},
                ],
            }
        ]
    }
    [target] = production.resources["SpecRule"].properties["Targets"]
    task = production.resources["DatasetLoaderTaskDefinition"]
    assert target["EcsParameters"]["TaskDefinitionArn"] == task.ref
    assert target["RoleArn"] == production.resources["SpecRuleRole"].arn
    assert roles_that_may(production, "ecs:RunTask", task.ref) == {"SpecRuleRole"}


# With which environment


def test_its_environment_and_the_rules_overrides_are_what_its_settings_are_and_make_them(
    production: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = container_of(production)
    environment = {e["Name"]: str(e["Value"]) for e in container["Environment"]}
    environment |= {s["Name"]: "" for s in container["Secrets"]}  # as the secret begins: the task's role
    own = {name for name in environment if not name.startswith(("POWERTOOLS_", "AWS_"))}
    own |= set(re.findall(r'"name": "([A-Z_]+)"', input_of(production)["InputTemplate"]))
    taken = LoaderSettings.model_fields.keys() - {"landing", "dev", "prod"} - BY_HAND
    taken |= {f"s3_{it.__name__.lower()}_{setting}" for it in (Landing, Dev, Prod) for setting in Store.model_fields}
    assert {name.lower() for name in own} == taken - ELSEWHERE - {"event_time"}
    assert environment["POWERTOOLS_SERVICE_NAME"] == "dataset_loader"
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = read_settings()
    assert (settings.landing.bucket, settings.dev.bucket, settings.prod.bucket) == (
        SOURCES,
        "dataplatform-prod-data-commons-dev",
        "dataplatform-prod-data-commons-prod",
    )
    assert (settings.landing.access_key, settings.landing.secret_key) == (None, None)
    monkeypatch.setenv("S3_LANDING_ACCESS_KEY", "theirs")
    assert read_settings().landing.access_key is not None


def test_the_keys_of_the_private_source_come_from_their_secret(production: Template) -> None:
    secret = production.resources["SourceKeysSecret"]
    assert {s["Name"]: s["ValueFrom"] for s in container_of(production)["Secrets"]} == {
        "S3_LANDING_ACCESS_KEY": f"{secret.ref}:access_key::",
        "S3_LANDING_SECRET_KEY": f"{secret.ref}:secret_key::",
    }
    may_read = {it: roles_that_may(production, "secretsmanager:GetSecretValue", production.resources[it].ref)
                for it in ("SourceKeysSecret", "TrinoTokenSecret")}  # fmt: skip
    assert may_read == {"SourceKeysSecret": {"DatasetLoaderExecutionRole"}, "TrinoTokenSecret": {"TrinoPublisherRole"}}


def test_it_runs_as_nobody_on_a_file_system_that_it_can_not_write(production: Template) -> None:
    container = container_of(production)
    assert container["ReadonlyRootFilesystem"] is True
    assert container["User"].split(":")[0] not in ("0", "root")


# The rights of each role


def test_the_sources_are_only_read(production: Template) -> None:
    ours = f"arn:aws:s3:::{SOURCES}/data/plants.csv"
    for arn in (ours, "arn:aws:s3:::theirs/plants.csv", "arn:aws:s3:::others/data/plants.csv"):
        assert roles_that_may(production, "s3:GetObjectVersion", arn) == {"DatasetLoaderTaskRole"}
        for action in ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"):
            assert roles_that_may(production, action, arn) == set()
    assert roles_that_may(production, "s3:GetObject", "arn:aws:s3:::others/plants.csv") == set()


def test_only_the_loader_writes_versions_and_only_the_publisher_deletes_them(production: Template) -> None:
    for bucket in ("DevBucket", "ProdBucket"):
        version = f"{production.resources[bucket].arn}/trino/pudl/plants/0/plants.parquet"
        manifest = f"{production.resources[bucket].arn}/_manifests/trino/pudl/plants.json"
        assert roles_that_may(production, "s3:PutObject", version) == {"DatasetLoaderTaskRole"}
        assert roles_that_may(production, "s3:DeleteObject", version) == {"TrinoPublisherRole"}
        assert roles_that_may(production, "s3:PutObject", manifest) == {"DatasetLoaderTaskRole", "TrinoPublisherRole"}
        assert roles_that_may(production, "s3:DeleteObject", manifest) == {"TrinoPublisherRole"}


def test_the_tables_of_the_named_schemas_are_swapped_in_glue_and_no_others(production: Template) -> None:
    glue = "arn:aws:glue:eu-west-2:123456789012"
    [publisher] = [role for role in roles(production) if role.logical_id == "TrinoPublisherRole"]
    of_tables = {arn for action, arn in grants(publisher) if action == "glue:UpdateTable"}
    assert of_tables == {
        f"{glue}:catalog",
        *(f"{glue}:{it}" for it in ("database/pudl", "table/pudl/*", "database/wri_gppd", "table/wri_gppd/*")),
    }
    assert {action for action, _ in grants(publisher) if action.startswith("glue:")} == {"glue:GetTable", "glue:UpdateTable"}


@pytest.mark.parametrize(("parameters", "metastore"), [(PRODUCTION, "glue"), (DEVELOPMENT, "own")])
def test_without_schemas_of_glue_and_sources_of_others_nothing_is_allowed_there(
    parameters: dict[str, str], metastore: str
) -> None:
    template = load(TEMPLATE, parameters)
    environment = template.resources["TrinoPublisherFunction"].properties["Environment"]["Variables"]
    assert environment["TRINO_METASTORE"] == metastore
    assert bool(template.of_type("AWS::IAM::RolePolicy")) is (metastore == "glue")
    others = roles_that_may(template, "s3:GetObject", "arn:aws:s3:::theirs/plants.csv")
    assert others == ({"DatasetLoaderTaskRole"} if metastore == "glue" else set())


@pytest.mark.parametrize(("parameters", "ports"), [(PRODUCTION, {443}), (DEVELOPMENT, {443, 8443})])
def test_the_publisher_reaches_aws_and_trino_and_nobody_reaches_it(parameters: dict[str, str], ports: set[int]) -> None:
    template = load(TEMPLATE, parameters)
    group = template.resources["TrinoPublisherSecurityGroup"].properties
    others = [it.properties for it in template.of_type("AWS::EC2::SecurityGroupEgress")]
    id_ = template.resources["TrinoPublisherSecurityGroup"].ref
    more = [it for it in others if it["GroupId"] == id_]
    assert {int(rule["ToPort"]) for rule in [*group["SecurityGroupEgress"], *more]} == ports
    assert "SecurityGroupIngress" not in group


def test_the_loader_reaches_https_alone_and_nobody_reaches_it(production: Template) -> None:
    group = production.resources["DatasetLoaderSecurityGroup"].properties
    assert [(rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupEgress"]] == [(443, 443)]
    assert "SecurityGroupIngress" not in group


# When it fails


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ({"containers": {"exitCode": 0}, "stopCode": "EssentialContainerExited"}, False),
        ({"containers": {"exitCode": 1}, "stopCode": "EssentialContainerExited"}, True),
        ({"containers": {"exitCode": 137}, "stopCode": "EssentialContainerExited"}, True),
        ({"containers": {}, "stopCode": "TaskFailedToStart"}, True),
        ({"containers": {}, "lastStatus": "RUNNING"}, False),
    ],
)
def test_people_hear_of_one_that_ends_otherwise_than_with_exit_code_0(
    production: Template, detail: dict[str, Any], told: bool
) -> None:
    event = {
        "source": "aws.ecs",
        "detail-type": "ECS Task State Change",
        "detail": {
            "clusterArn": production.resources["Cluster"].arn,
            "taskDefinitionArn": production.resources["DatasetLoaderTaskDefinition"].arn.removesuffix("1") + "7",
            "lastStatus": "STOPPED",
        }
        | detail,
    }
    assert targets(production, event) == ({"AlertsTopic"} if told else set())
    [target] = production.resources["DatasetLoaderFailedRule"].properties["Targets"]
    said = transform(
        {"detail": {"taskArn": "arn:aws:ecs:…:task/1", "stoppedReason": 'no "tag"'}}, target["InputTransformer"]
    )
    assert (said["what"], said["reason"]) == ("A dataset loader stopped", 'no "tag"')
    assert said["log"] == production.resources["DatasetLoaderLogs"].ref


def test_a_stack_without_it_has_nothing_of_it() -> None:
    template = load(TEMPLATE, PRE_PRODUCTION)
    assert "DataCommons" not in template.nested
    assert "DatasetLoaderRepositoryUri" not in template.outputs
    assert not [r for r in template.resources.values() if "data-commons" in r.arn or "trino" in r.arn]
