"""As much of a deployment as can be proved without AWS: what the template refers to exists, and its programs can start.

The permissions are in tests/e2e/test_permissions.py, which compares them with what is asked for.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import cfnlint.api
import pytest
from aws_lambda_powertools import Logger
from cfnlint.config import ManualArgs
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from pydantic import BaseModel, ValidationError
from samtranslator.yaml_helper import yaml_parse

from cubic.functions import (
    fetch_dmap,
    finish_ingestion,
    move_load,
    register_load,
    start_ingestion,
    sweep_incoming,
    write_kafka_files,
)
from cubic.settings import DatabaseSettings
from deploy.import_template import LIST, NESTING, PART, kept, kept_by_applications, nesting, of_application
from deploy.import_template import main as import_template
from dump_loader.settings import AccountSettings
from dump_loader.settings import Settings as LoaderSettings
from local.emulator.template import Template, TemplateError, load, translate
from prod_to_preprod.settings import Settings as ProdToPreprodSettings
from s3_to_s3_copier.settings import Settings as S3ToS3CopierSettings
from snapshot_to_s3.settings import Settings as SnapshotToS3Settings
from tests.policies import loader_of, role_statements, roles
from trino_publisher.settings import Settings as TrinoPublisherSettings

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template.yaml"
STACKS = sorted((ROOT / "stacks").glob("*.yaml"))
NETWORK = {"VpcId": "vpc-1", "SubnetIds": "subnet-1,subnet-2"}
PRODUCTION = NETWORK | {
    "Prefix": "dataplatform-prod",
    "Environment": "production",
    "PreProductionBucketName": "dataplatform-stg-liberator-data-storage",
    "PreProductionKmsKeyArn": "arn:aws:kms:eu-west-2:210987654321:key/1",
    "AlertEmail": "people@example.org",
    "IngestCubic": "true",
    "CubicKafkaTopics": "sample,other-one",
    "CubicDmapHosts": "dmap.example.org,files.example.org",
    "IngestDataCommons": "true",
    "DataCommonsSourceArns": "arn:aws:s3:::theirs/*,arn:aws:s3:::others/data/*",
    "TrinoHost": "trino.example.org",
    "TrinoUser": "datacommons",
    "TrinoGlueSchemas": "pudl,wri_gppd",
}
PRE_PRODUCTION = NETWORK | {
    "Prefix": "dataplatform-stg",
    "Environment": "pre-production",
    "ProductionReplicatorRoleArn": "arn:aws:iam::210987654321:role/dataplatform-prod-prod-to-preprod",
}
# The data commons without sources of others, with a metastore of Trino's own.
DEVELOPMENT = NETWORK | {
    "Prefix": "dataplatform-dev",
    "Environment": "development",
    "IngestDataCommons": "true",
    "TrinoHost": "trino.example.org",
    "TrinoPort": "8443",
    "TrinoUser": "datacommons",
}
ENVIRONMENTS = {"production": PRODUCTION, "pre-production": PRE_PRODUCTION, "development": DEVELOPMENT}
FUNCTIONS: dict[str, type[BaseModel]] = {
    "SnapshotToS3Function": SnapshotToS3Settings,
    "S3ToS3CopierFunction": S3ToS3CopierSettings,
    "ProdToPreprodFunction": ProdToPreprodSettings,
    "FetchDmapFunction": fetch_dmap.Settings,
    "WriteKafkaFilesFunction": write_kafka_files.Settings,
    "RegisterLoadFunction": register_load.Settings,
    "SweepIncomingFunction": sweep_incoming.Settings,
    "StartIngestionFunction": start_ingestion.Settings,
    "FinishIngestionFunction": finish_ingestion.Settings,
    "MoveLoadFunction": move_load.Settings,
    "MigrateMetadataFunction": DatabaseSettings,
    "TrinoPublisherFunction": TrinoPublisherSettings,
}
ELSEWHERE = {"TrinoPublisherFunction": {"trino_passwd", "trino_ca_bundle"}}  # where there is no secret, or a private CA
METRICS = {
    "snapshot_to_s3": {"Polls", "ExportsStarted", "RunsFailed"},
    "s3_to_s3_copier": {
        "Polls", "ExportsFailed", "ExportWarnings", "ObjectsLanded", "BytesLanded", "RowsLanded", "CopySeconds",
        "LandedDateAge", "RunsFailed",
    },
    "prod_to_preprod": {"BytesReplicated", "RunsFailed"},
    "dump_loader": {"RowsLoaded", "BytesLoaded", "LoadSeconds", "RunsFailed"},
}  # fmt: skip
METRICS_OF_CUBIC: dict[str, set[str]] = {
    "register_load": {"Polls", "RunsFailed"},
    "sweep_incoming": {"Polls", "LoadsFoundBySweep", "RunsFailed"},
    "start_ingestion": {"Polls", "BytesClaimed", "RunsFailed"},
    "finish_ingestion": {"Polls", "RowsIngested", "TablesPaused", "RunsFailed"},
    "move_load": {"Polls", "LoadsArchived", "LoadsErrored", "RunsFailed"},
    "fetch_dmap": {"Polls", "DatasetsFetched", "BytesFetched", "RunsFailed"},
    "write_kafka_files": {
        "Polls", "KafkaRecordsWritten", "KafkaRecordsRefused", "KafkaOldestRecordAge", "RunsFailed",
    },
}  # fmt: skip
METRICS_OF_DATA_COMMONS: dict[str, set[str]] = {"dataset_loader": {"RunsFailed"}, "trino_publisher": {"Polls", "RunsFailed"}}


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def template(request: pytest.FixtureRequest) -> Template:
    """Loading it resolves every Ref, GetAtt, Sub and condition of every resource, or raises."""
    return load(TEMPLATE, ENVIRONMENTS[request.param])


@pytest.fixture(scope="module")
def production() -> Template:
    return load(TEMPLATE, PRODUCTION)


@pytest.fixture(scope="module")
def development() -> Template:
    return load(TEMPLATE, DEVELOPMENT)


@pytest.fixture(scope="module")
def source() -> dict[str, Any]:
    return read(TEMPLATE)


def read(path: Path) -> dict[str, Any]:
    """The template as it is written, each loop as one turn of it."""
    document: dict[str, Any] = json.loads(json.dumps(yaml_parse(path.read_text()), default=str))
    for name in [name for name in document["Resources"] if name.startswith("Fn::ForEach")]:
        document["Resources"] |= document["Resources"].pop(name)[2]
    return document


# What it refers to


def test_nothing_is_left_unresolved(template: Template) -> None:
    resolved = json.dumps([[r.properties for r in template.resources.values()], template.outputs])
    assert not re.search(r'"(Ref|Fn::\w+)":|\$\{(?!!)', resolved)


def test_a_reference_to_nothing_would_be_found(tmp_path: Path) -> None:
    broken = tmp_path / "template.yaml"
    broken.write_text(
        TEMPLATE.read_text().replace("ALERTS_TOPIC_ARN: !Ref AlertsTopic", "ALERTS_TOPIC_ARN: !GetAtt Nobody.Arn")
    )
    shutil.copytree(ROOT / "stacks", tmp_path / "stacks")
    with pytest.raises(TemplateError, match="ALERTS_TOPIC_ARN"):
        load(broken, PRODUCTION)


def test_every_file_of_stacks_is_nested(production: Template) -> None:
    assert {it.path for it in production.all()} == {TEMPLATE, *STACKS}


@pytest.mark.parametrize("path", [TEMPLATE, *STACKS], ids=lambda path: path.name)
def test_an_application_is_given_each_of_its_parameters_and_read_for_each_of_its_outputs(path: Path) -> None:
    source = read(path)
    applications = {
        n: r["Properties"] for n, r in source["Resources"].items() if r["Type"] == "AWS::Serverless::Application"
    }
    used = json.dumps(source)
    for name, properties in applications.items():
        inner = read(path.parent / properties["Location"])
        assert properties["Parameters"].keys() == inner["Parameters"].keys(), "a default would be a second place for a value"
        assert not [p for p in inner["Parameters"].values() if "Default" in p]
        read_of_it = set(re.findall(rf'"{name}", "Outputs\.(\w+)"|\$\{{{name}\.Outputs\.(\w+)', used))
        assert {a or b for a, b in read_of_it} == inner.get("Outputs", {}).keys(), name


def test_every_resource_of_a_policy_is_one_of_the_stack_or_of_its_names(template: Template) -> None:
    ours = {r.arn.removesuffix(":*") for r in template.resources.values() if r.arn}
    ours |= {
        r.properties["MasterUserSecret"]["SecretArn"] for r in template.resources.values() if "SecretArn" in r.properties
    }
    given = {template.parameters["PreProductionKmsKeyArn"], f"arn:aws:s3:::{template.parameters['PreProductionBucketName']}"}
    given |= set(template.parameters["DataCommonsSourceArns"].split(","))
    given |= {
        f"arn:aws:glue:eu-west-2:123456789012:{kind}/{schema}"
        for schema in template.parameters["TrinoGlueSchemas"].split(",")
        for kind in ("database", "table")
    }
    by_name = {
        "arn:aws:rds:eu-west-2:123456789012:snapshot:*",
        "arn:aws:rds:eu-west-2:123456789012:snapshot:sql-to-parquet-*",
        *(definition.ref for definition in template.of_type("AWS::ECS::TaskDefinition")),
        "arn:aws:glue:eu-west-2:123456789012:catalog",
        f"arn:aws:kinesis:eu-west-2:123456789012:stream/{template.parameters['Prefix']}-cubic-kafka-*",
        *(
            f"arn:aws:glue:eu-west-2:123456789012:table/{database.ref}/*"
            for database in template.of_type("AWS::Glue::Database")
        ),
    }
    for role in roles(template):
        for arn in {arn for s in role_statements(role) for arn in s["Resource"]} - {"*"} - by_name:
            known = [it for it in ours | given if arn == it or arn.startswith((f"{it}/", f"{it}:"))]
            of_task = arn.startswith(f"arn:aws:ecs:eu-west-2:123456789012:task/{template.resources['Cluster'].ref}/")
            of_secret = arn.startswith("arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!db-")
            of_zone = any(arn in {f"{it.arn}/parking*", f"{it.arn}/cubic*"} for it in template.of_type("AWS::S3::Bucket"))
            assert known or of_task or of_secret or of_zone, f"{role.logical_id}: {arn}"


def test_every_output_is_read_by_somebody(source: dict[str, Any]) -> None:
    readers = [*(ROOT / "docs").glob("*.md"), ROOT / "ecs/push-image", ROOT / "glue/push-scripts"]
    text = "\n".join(path.read_text() for path in readers)
    assert not [name for name in source["Outputs"] if not re.search(rf"(Output `|stack-output\S* \S+ ){name}\b", text)]


def test_what_sam_makes_of_each_template_passes_cfn_lint_without_a_suppressed_rule(production: Template) -> None:
    for part in {it.path: it for it in production.all()}.values():
        translated = json.dumps(translate(part.path, part.parameters))
        found = cfnlint.api.lint(translated, config=ManualArgs(regions=["eu-west-2"]))
        # A loop over a list is gone by then.
        lists = {"streams.yaml": ["Topics"], "glue_schemas.yaml": ["Schemas"]}
        expected = [f"W2001 Parameter {it} not used. ['Parameters', '{it}']" for it in lists.get(part.path.name, [])]
        assert [f"{m.rule.id} {m.message} {m.path}" for m in found] == expected, part.path
        assert not [
            resource
            for resource in json.loads(translated)["Resources"].values()
            if "cfn-lint" in resource.get("Metadata", {})
        ]


# What its programs are given


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_functions_environment_is_what_its_settings_are_and_makes_them(production: Template, function: str) -> None:
    properties = production.resources[function].properties
    given = {name: str(value) for name, value in properties["Environment"]["Variables"].items()}
    own = {name.lower() for name in given if not name.startswith("POWERTOOLS_")}
    assert own == FUNCTIONS[function].model_fields.keys() - ELSEWHERE.get(function, set())
    settings = FUNCTIONS[function].model_validate(given | {"PATH": "/usr/bin"})
    assert settings.model_fields_set == own
    assert given["POWERTOOLS_SERVICE_NAME"] == properties["Handler"].removeprefix("cubic.functions.").split(".")[0]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_missing_setting_is_named_and_the_environment_is_not_quoted(function: str) -> None:
    with pytest.raises(ValidationError) as raised:
        FUNCTIONS[function].model_validate({"AWS_SECRET_ACCESS_KEY": "not to be logged"})
    assert ("DB_HOST" if function == "MigrateMetadataFunction" else "QUEUE_URL") in str(raised.value)
    assert "not to be logged" not in str(raised.value)


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_the_log_level_is_that_of_functions_and_loader(
    source: dict[str, Any], level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert level in source["Parameters"]["LogLevel"]["AllowedValues"]
    template = load(TEMPLATE, PRODUCTION | {"LogLevel": level})
    for name, environment in _environments(template).items():
        with monkeypatch.context() as there:
            for variable, value in environment.items():
                there.setenv(variable, value)
            if template.resources[name].properties.get("LoggingConfig", {}).get("LogFormat") == "JSON":
                there.setenv("AWS_LAMBDA_LOG_LEVEL", "INFO")  # Lambda's own, and Powertools obeys it
            assert logging.getLevelName(Logger(service=f"{name} {level}").log_level) == level, name


def test_no_log_level_keeps_the_metrics_back(production: Template) -> None:
    """Lambda takes a line without a level for INFO, and filters in the format JSON only."""
    for function in production.of_type("AWS::Lambda::Function"):
        assert function.properties["LoggingConfig"]["LogFormat"] == "Text"


def test_the_programs_send_their_metrics_where_alarms_and_dashboard_look_and_other_stacks_do_not() -> None:
    looked_in = []
    for prefix in ("dataplatform-prod", "another"):
        template = load(TEMPLATE, PRODUCTION | {"Prefix": prefix})
        [sent_to] = {it["POWERTOOLS_METRICS_NAMESPACE"] for it in _environments(template).values()}
        alarms = {
            a.properties["Namespace"]
            for a in template.of_type("AWS::CloudWatch::Alarm")
            if "service" in [d["Name"] for d in a.properties.get("Dimensions", [])]
        }
        lines = {line[0] for line in _metrics(template) if line[2] == "service"}
        assert alarms == lines == {sent_to}
        looked_in.append(sent_to)
    assert len(set(looked_in)) == 2


def test_no_queue_gives_a_message_up_sooner_than_the_operators_are_told(production: Template) -> None:
    redrives = [
        q.properties["RedrivePolicy"] for q in production.of_type("AWS::SQS::Queue") if "RedrivePolicy" in q.properties
    ]
    assert {redrive["maxReceiveCount"] for redrive in redrives} == {5}
    assert "(five\nreceives)" in (ROOT / "docs/operations.md").read_text()


# A person may give these to a task that is run by hand. Otherwise each has its default.
BY_HAND = {
    "import_date_override", "connections", "max_dump_bytes", "progress_seconds", "snapshot_timeout_minutes",
    "lock_timeout_minutes",
}  # fmt: skip


def test_the_loaders_environment_and_the_rules_overrides_are_what_its_settings_are_and_make_them(
    production: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = loader_of(production)
    environment = {e["Name"]: str(e["Value"]) for e in container["Environment"]}
    environment |= {s["Name"]: '{"username": "loader", "password": "secret"}' for s in container["Secrets"]}
    [to_ecs] = [t for t in production.resources["UploadRule"].properties["Targets"] if "EcsParameters" in t]
    overrides = set(re.findall(r'"name": "([A-Z_]+)"', to_ecs["InputTransformer"]["InputTemplate"]))
    of_libraries = {name for name in environment if name.startswith(("POWERTOOLS_", "AWS_"))}
    own = {name.lower() for name in (environment.keys() - of_libraries) | overrides}
    assert own == LoaderSettings.model_fields.keys() - BY_HAND
    assert environment["POWERTOOLS_SERVICE_NAME"] == "dump_loader"
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert LoaderSettings().model_fields_set == {name.lower() for name in environment.keys() - of_libraries}


def test_the_environment_of_the_container_that_makes_the_account_makes_its_settings(
    production: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    [container] = [
        c
        for c in production.resources["DumpLoaderTaskDefinition"].properties["ContainerDefinitions"]
        if c != loader_of(production)
    ]
    environment = {e["Name"]: str(e["Value"]) for e in container["Environment"]}
    environment |= {s["Name"]: '{"username": "loader", "password": "secret"}' for s in container["Secrets"]}
    del environment["POWERTOOLS_LOG_LEVEL"]
    assert {name.lower() for name in environment} == AccountSettings.model_fields.keys()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert AccountSettings().model_fields_set == AccountSettings.model_fields.keys()


# What is kept


HOLDS_DATA = {
    "AWS::S3::Bucket": "RetainExceptOnCreate",
    "AWS::KMS::Key": "RetainExceptOnCreate",
    "AWS::RDS::DBInstance": "Snapshot",
    "AWS::Glue::Database": "RetainExceptOnCreate",
}


def test_what_holds_data_outlives_the_stack_and_its_replacement() -> None:
    resources = [r for path in (TEMPLATE, *STACKS) for r in read(path)["Resources"].values() if r["Type"] in HOLDS_DATA]
    assert len(resources) == 19
    for resource in resources:
        assert resource["DeletionPolicy"] == HOLDS_DATA[resource["Type"]]
        assert resource["UpdateReplacePolicy"] == resource["DeletionPolicy"].removesuffix("ExceptOnCreate")


KEY = "arn:aws:kms:eu-west-2:123456789012:key/1234-abcd"
EVERY_SOURCE = {"IngestCubic": "true", "IngestDataCommons": "true"}
KEPT = {
    PART: {"Key", "DataBucket", "ExportBucket"},
    of_application("Lake", PART): {
        "LandingBucket", "RawBucket", "RefinedBucket", "GlueAssetsBucket", "RawDatabase", "RefinedDatabase",
    },
    of_application("Cubic", PART): {
        "IncomingBucket", "ArchiveBucket", "ErrorBucket", "SpringboardBucket", "CubicRawDatabase",
    },
    of_application("DataCommons", PART): {"SourceBucket", "DevBucket", "ProdBucket"},
}  # fmt: skip


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which `make import-template` has written its files."""
    monkeypatch.chdir(tmp_path)
    import_template(["dataplatform-stg", KEY, "--cubic", "--data-commons"])
    return tmp_path


@pytest.mark.parametrize("file", KEPT)
def test_what_was_kept_can_be_imported_as_it_is_and_alone(imported: Path, file: str) -> None:
    part = json.loads((imported / file).read_text())
    stack = load(TEMPLATE, PRE_PRODUCTION | EVERY_SOURCE, attributes={"Key.Arn": KEY})
    assert part["Resources"].keys() == KEPT[file]
    assert "Transform" not in part
    given = PRE_PRODUCTION | {"KeyArn": KEY}
    parameters = {name: value for name, value in given.items() if name in part["Parameters"]}
    resources = load(imported / file, parameters, attributes={"Key.Arn": KEY}).resources
    assert {n: r.properties for n, r in resources.items()} == {
        n: r.properties for n, r in stack.resources.items() if n in part["Resources"]
    }


def test_what_was_kept_is_all_that_the_templates_retain() -> None:
    retained = {
        name
        for path in (TEMPLATE, *STACKS)
        for name, r in read(path)["Resources"].items()
        if r.get("DeletionPolicy", "").startswith("Retain")
    }
    assert set().union(*KEPT.values()) == retained


@pytest.mark.parametrize("file", [*KEPT, NESTING])
def test_the_templates_of_an_import_pass_cfn_lint(imported: Path, file: str) -> None:
    found = cfnlint.api.lint((imported / file).read_text(), config=ManualArgs(regions=["eu-west-2"]))
    assert [m.message for m in found] == []


@pytest.mark.parametrize("file", KEPT)
def test_an_import_names_each_resource_of_its_template_as_cloudformation_finds_it(imported: Path, file: str) -> None:
    """An import that makes a stack must name all of them."""
    part = json.loads((imported / file).read_text())["Resources"]
    named = json.loads((imported / file.replace(PART.removeprefix("import"), LIST.removeprefix("import"))).read_text())
    assert [(it["LogicalResourceId"], it["ResourceType"]) for it in named] == [(n, r["Type"]) for n, r in part.items()]
    stack = load(TEMPLATE, PRE_PRODUCTION | EVERY_SOURCE)
    for resource in named:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-2", resource["ResourceType"]).schema
        [(key, value)] = resource["ResourceIdentifier"].items()
        assert schema["primaryIdentifier"] == [f"/properties/{key}"]
        properties = stack.resources[resource["LogicalResourceId"]].properties
        assert value == ("1234-abcd" if key == "KeyId" else properties[key])


@pytest.mark.parametrize("optional", [(), ("Cubic",), ("DataCommons",), ("Cubic", "DataCommons")])
def test_the_applications_that_keep_something_are_nested_as_the_template_nests_them(
    source: dict[str, Any], optional: tuple[str, ...]
) -> None:
    """One level, and Retain, is what AWS asks: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import-nested-stacks.html"""
    part, root = nesting(optional), kept(yaml_parse(TEMPLATE.read_text()))
    applications = kept_by_applications(optional)
    assert applications.keys() == {"Lake", *optional}
    for name, inner in applications.items():
        stack = part["Resources"].pop(name)
        assert (stack["Type"], stack["DeletionPolicy"]) == ("AWS::CloudFormation::Stack", "Retain")
        given = source["Resources"][name]["Properties"]["Parameters"]
        assert stack["Properties"]["Parameters"] == {parameter: given[parameter] for parameter in inner["Parameters"]}
        assert stack["Properties"]["TemplateURL"] == {"Ref": f"{name}TemplateUrl"}
        assert part["Parameters"].pop(f"{name}TemplateUrl") == {"Type": "String"}
    assert part == root


def test_the_deployment_guide_imports_what_is_made_for_it(source: dict[str, Any]) -> None:
    guide = (ROOT / "docs/deploy.md").read_text().split("## Take it over again")[1]
    assert "make import-template PREFIX=<Prefix> KEY=<KeyArn>" in guide
    _, *commands = guide.split("aws cloudformation create-change-set ")
    lake = of_application("Lake", PART)
    for command, template, resources in zip(
        commands, (PART, lake, NESTING), (LIST, of_application("Lake", LIST), None), strict=True
    ):
        assert f"/{template}" in command.replace("file://", "/")
        parts = {PART: kept(source), lake: kept_by_applications()["Lake"], NESTING: nesting()}
        asked = parts[template]["Parameters"]
        given = set(re.findall(r"ParameterKey=(\w+)", command))
        assert given == {name for name, parameter in asked.items() if "Default" not in parameter}
        if resources:
            assert f"--resources-to-import file://{resources}" in command
        else:
            assert "ResourceType=AWS::CloudFormation::Stack,LogicalResourceId=Lake,ResourceIdentifier={StackId=" in command


@pytest.mark.parametrize("environment", ["stg", "prod"])
def test_samconfig_names_parameters_that_the_template_has_and_takes(environment: str) -> None:
    configured = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["deploy"]["parameters"]
    given = dict(it.split("=", 1) for it in configured["parameter_overrides"])
    assert load(TEMPLATE, given).parameters["DumpLoaderImageTag"] == given["DumpLoaderImageTag"]
    assert configured["stack_name"].startswith(given["Prefix"])
    # The second is for nested applications.
    # https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-template-nested-applications.html
    assert configured["capabilities"] == "CAPABILITY_NAMED_IAM CAPABILITY_AUTO_EXPAND"


# What people see


def _metrics(template: Template) -> list[list[Any]]:
    """[namespace, metric, dimension, value, …] of every line of the dashboard."""
    [dashboard] = template.of_type("AWS::CloudWatch::Dashboard")
    widgets = json.loads(dashboard.properties["DashboardBody"])["widgets"]
    lines = [line for widget in widgets for line in widget["properties"].get("metrics", [])]
    return [line for line in lines if isinstance(line[0], str)]  # a search has no names of its own


def test_the_dashboard_shows_every_metric_that_we_have_and_none_that_we_have_not(template: Template) -> None:
    ours = [line for line in _metrics(template) if line[2] == "service"]
    sent = METRICS | (METRICS_OF_CUBIC if "Cubic" in template.nested else {})
    sent |= METRICS_OF_DATA_COMMONS if "DataCommons" in template.nested else {}
    assert {(line[3], line[1]) for line in ours} == {(service, name) for service, names in sent.items() for name in names}


def test_the_metrics_are_those_that_the_programs_send() -> None:
    programs = [path.read_text() for folder in ("services", "ecs") for path in (ROOT / folder).rglob("*.py")]
    sent = {name for text in programs for name in re.findall(r'telemetry\.\w+\(\s*"(\w+)"', text)}
    ours = [*METRICS.values(), *METRICS_OF_CUBIC.values(), *METRICS_OF_DATA_COMMONS.values()]
    assert sent == {name for names in ours for name in names}


def test_the_dashboard_and_the_alarms_are_of_things_of_this_stack(template: Template) -> None:
    prefix = template.parameters["Prefix"]
    names = {r.ref for r in template.resources.values()} | {
        str(v) for r in template.resources.values() for v in _names(r.properties)
    }
    names |= {
        f"{prefix}-prod-to-preprod",
        f"{prefix}-prod-to-preprod-dlq",
    }  # only in production; elsewhere their lines are empty
    dimensions = [tuple(zip(line[2::2], line[3::2], strict=False)) for line in _metrics(template) if line[2] != "service"]
    alarms = [a.properties for a in template.of_type("AWS::CloudWatch::Alarm")]
    stats = [m["MetricStat"]["Metric"] for a in alarms for m in a.get("Metrics", []) if "MetricStat" in m]
    for dimension in [d for a in [*alarms, *stats] for d in a.get("Dimensions", [])]:
        expected = METRICS | METRICS_OF_CUBIC | METRICS_OF_DATA_COMMONS if dimension["Name"] == "service" else names
        assert dimension["Value"] in expected
    for name, value in [pair for line in dimensions for pair in line if isinstance(pair[0], str)]:
        assert value in names, name


def test_the_dashboard_shows_every_alarm(template: Template) -> None:
    [dashboard] = template.of_type("AWS::CloudWatch::Dashboard")
    [shown] = [
        w["properties"]["alarms"]
        for w in json.loads(dashboard.properties["DashboardBody"])["widgets"]
        if w["type"] == "alarm"
    ]
    alarms = {a.arn for a in template.of_type("AWS::CloudWatch::Alarm")}
    of_streams = {arn for arn in alarms if "-cubic-kafka-" in arn}  # their lines are shown
    assert sorted(shown) == sorted(alarms - of_streams)


def test_no_widget_of_the_dashboard_covers_another(production: Template) -> None:
    [dashboard] = production.of_type("AWS::CloudWatch::Dashboard")
    cells = [
        (x, y)
        for w in json.loads(dashboard.properties["DashboardBody"])["widgets"]
        for x in range(w["x"], w["x"] + w["width"])
        for y in range(w["y"], w["y"] + w["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize("alarm", ["NoDumpAlarm", "LandedDateAlarm"])
def test_a_day_on_which_nothing_happens_is_told(production: Template, development: Template, alarm: str) -> None:
    properties = production.resources[alarm].properties
    assert properties["TreatMissingData"] == "breaching"
    assert properties["ActionsEnabled"]
    assert properties["AlarmActions"] == [production.resources["AlertsTopic"].ref]
    assert not development.resources[alarm].properties["ActionsEnabled"]


@pytest.mark.parametrize(
    ("parameter", "alarm"), [("MaxHoursBetweenDumps", "NoDump"), ("MaxHoursBetweenLandings", "LandedDate")]
)
def test_an_alarm_looks_back_no_further_than_cloudwatch_allows(
    source: dict[str, Any], production: Template, parameter: str, alarm: str
) -> None:
    """Seven days. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""
    period = production.resources[f"{alarm}Alarm"].properties["Period"]
    assert period == 3600
    assert period * source["Parameters"][parameter]["MaxValue"] <= 7 * 24 * 3600


def test_everybody_who_should_hears_of_every_alarm(production: Template) -> None:
    silent = {a.logical_id for a in production.of_type("AWS::CloudWatch::Alarm") if not a.properties.get("AlarmActions")}
    assert silent == {"DumpLoaderFailedAlarm"}, "DumpLoaderFailedRule tells of it"


# What the documents say


def test_every_parameter_is_in_the_deployment_guide_and_nothing_else(source: dict[str, Any]) -> None:
    table = (ROOT / "docs/deploy.md").read_text().split("## Parameters")[1].split("\n## ")[0]
    documented = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(documented) == sorted(source["Parameters"])


def test_the_deployment_guide_has_the_templates_defaults(source: dict[str, Any]) -> None:
    table = (ROOT / "docs/deploy.md").read_text().split("## Parameters")[1].split("\n## ")[0]
    documented = dict(re.findall(r"^\| `(\w+)` \| ([^|]*?) \|", table, re.MULTILINE))
    for name, parameter in source["Parameters"].items():
        default = parameter.get("Default")
        assert documented[name] == ("must be given" if default is None else f"`{default}`" if default != "" else "empty"), (
            name
        )


def test_the_costs_are_added_up_rightly() -> None:
    costs = (ROOT / "docs/deploy.md").read_text().split("## What it costs")[1].split("\n## ")[0]
    at_rest, a_run = [table for table in costs.split("\n\n") if "|---" in table]
    sums = []
    for table, places in ((at_rest, 2), (a_run, 4)):
        lines = re.findall(r"\| ([\d.]+) [^|]+ \| ([\d.e-]+) \| ([\d.]+) \|", table)
        assert [float(total) for _, _, total in lines] == [round(float(n) * float(each), places) for n, each, _ in lines]
        sums.append(float(re.findall(r"\*\*([\d.]+)\*\*", table)[0]))
        assert sums[-1] == pytest.approx(sum(float(total) for _, _, total in lines))
    assert f"{sums[0]:.2f} + 30 \N{MULTIPLICATION SIGN} {sums[1]:.4f} = **about {sums[0] + 30 * sums[1]:.0f} USD**" in costs


def test_what_a_person_is_told_to_give_to_the_task_is_what_its_settings_take(production: Template) -> None:
    container = loader_of(production)
    named = set(re.findall(r'"name": "([^"]+)"', (ROOT / "docs/operations.md").read_text()))
    assert named == {container["Name"], "IMPORT_DATE_OVERRIDE", "DUMP_KEY", "EVENT_TIME"}
    assert {name.lower() for name in named - {container["Name"]}} <= LoaderSettings.model_fields.keys()


def _environments(template: Template) -> dict[str, dict[str, str]]:
    """What each program is given, by its logical id."""
    containers = {
        task.logical_id: container
        for task in template.of_type("AWS::ECS::TaskDefinition")
        for container in task.properties["ContainerDefinitions"]
        if container["Essential"]
    }
    functions = {f.logical_id: f.properties["Environment"]["Variables"] for f in template.of_type("AWS::Lambda::Function")}
    return {
        name: {variable: str(value) for variable, value in environment.items()} for name, environment in functions.items()
    } | {name: {e["Name"]: str(e["Value"]) for e in container["Environment"]} for name, container in containers.items()}


def _names(properties: Any) -> list[Any]:
    return [v for k, v in properties.items() if k.endswith("Name") or k in ("Name", "Family", "DBInstanceIdentifier")]
