"""The Glue part of the template against the jobs' scripts: arguments, triggers, rights, and who hears of a failure."""

from __future__ import annotations

import ast
import datetime as dt
import re
import sys
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

import cubic__ingest_incoming
import landing_to_raw
import transform
from cubic.loads import ReasonCode
from cubic_job.refusals import Code
from lake import job
from lake.zone import Zone
from liberator import naming
from local import ROOT
from local.emulator.cloud import PARAMETERS
from local.emulator.eventbridge import matches
from local.emulator.eventbridge import transform as filled
from local.emulator.template import Resource, Template, load
from tests.policies import role_statements

DAY = dt.date(2021, 6, 4)
GLUES_OWN = {"--extra-py-files", "--enable-auto-scaling", "--enable-metrics", "--enable-observability-metrics",
             "--custom-logGroup-prefix"}  # fmt: skip


@pytest.fixture(scope="module")
def template() -> Template:
    return load(ROOT / "template.yaml", PARAMETERS)


def job_of(template: Template, logical_id: str) -> Resource:
    return template.resources[logical_id]


@pytest.mark.parametrize(("logical_id", "module"), [("LandingToRawJob", landing_to_raw), ("TransformJob", transform)])
def test_a_job_gives_its_script_every_argument_and_no_other(
    template: Template, logical_id: str, module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: dict[str, Any] = {}

    def begin(options: Any) -> None:
        taken.update(vars(options))
        raise SystemExit

    monkeypatch.setattr(job, "begin", begin)
    properties = job_of(template, logical_id).properties
    given = properties["DefaultArguments"] | {"--WORKFLOW_NAME": "w", "--WORKFLOW_RUN_ID": "wr_1", "--JOB_NAME": "j"}
    with pytest.raises(SystemExit):
        module.main([part for pair in given.items() for part in pair])
    assert {f"--{name}" for name in taken} - {"--workflow", "--run_id"} == (
        properties["DefaultArguments"].keys() - GLUES_OWN
    )
    assert properties["Command"]["ScriptLocation"].endswith(f"/{module.__name__}.py")


@pytest.mark.parametrize("workflow", ["DailyWorkflow", "BackdatedWorkflow"])
def test_a_workflow_starts_with_landing_to_raw_and_goes_on_only_if_that_succeeds(template: Template, workflow: str) -> None:
    name = template.resources[workflow].ref
    triggers = [t.properties for t in template.of_type("AWS::Glue::Trigger") if t.properties["WorkflowName"] == name]
    [start] = [t for t in triggers if t["Type"] == "ON_DEMAND"]
    [then] = [t for t in triggers if t["Type"] == "CONDITIONAL"]
    first, second = (job_of(template, it).ref for it in ("LandingToRawJob", "TransformJob"))
    assert start["Actions"] == [{"JobName": first}]
    assert then["Predicate"]["Conditions"] == [{"LogicalOperator": "EQUALS", "JobName": first, "State": "SUCCEEDED"}]
    assert then["Actions"] == [{"JobName": second}]
    assert then["StartOnCreation"] is True


def test_no_two_triggers_are_added_to_a_workflow_side_by_side() -> None:
    """Glue refuses the second: https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2103"""
    triggers = {
        name: resource
        for name, resource in yaml_parse((ROOT / "stacks/lake.yaml").read_text())["Resources"].items()
        if resource["Type"] == "AWS::Glue::Trigger"
    }
    assert triggers
    for name, trigger in triggers.items():
        beside = [
            other
            for other, it in triggers.items()
            if other != name and it["Properties"]["WorkflowName"] == trigger["Properties"]["WorkflowName"]
        ]
        after = [other for other in beside if triggers[other].get("DependsOn") == name]
        assert trigger.get("DependsOn") in beside or after == beside, name


def test_jobs_end_scale_and_are_tried_again(template: Template) -> None:
    for resource in template.of_type("AWS::Glue::Job"):
        p = resource.properties
        assert (p["WorkerType"], p["MaxRetries"], p["Timeout"], p["NumberOfWorkers"]) == ("G.1X", 1, "180", "4")
        assert p["DefaultArguments"]["--enable-auto-scaling"] == p["DefaultArguments"]["--enable-metrics"] == "true"
        # a workflow runs once at a time, and there are two
        assert p["ExecutionProperty"]["MaxConcurrentRuns"] == len(template.of_type("AWS::Glue::Workflow"))


@pytest.mark.parametrize(
    ("state", "told"), [("FAILED", True), ("TIMEOUT", True), ("STOPPED", True), ("ERROR", True), ("SUCCEEDED", False)]
)
@pytest.mark.parametrize("logical_id", ["LandingToRawJob", "TransformJob"])
def test_people_hear_of_a_job_that_does_not_end_well(template: Template, logical_id: str, state: str, told: bool) -> None:
    rule = template.resources["JobFailedRule"].properties
    detail = {"jobName": job_of(template, logical_id).ref, "jobRunId": "jr_1", "state": state, "message": '1 of 3 "tables"'}
    event = {"source": "aws.glue", "detail-type": "Glue Job State Change", "detail": detail}
    assert matches(rule["EventPattern"], event) is told
    assert not matches(rule["EventPattern"], event | {"detail": detail | {"jobName": "another"}})
    [target] = rule["Targets"]
    assert target["Arn"] == template.resources["AlertsTopic"].ref
    said = filled(event, target["InputTransformer"])
    assert (said["job"], said["run"], said["state"], said["reason"]) == (detail["jobName"], "jr_1", state, detail["message"])
    assert said["log"] == template.resources["GlueOutputLogs"].ref


def test_the_jobs_log_where_the_template_keeps_and_encrypts_logs(template: Template) -> None:
    logs = {group.ref for group in template.of_type("AWS::Logs::LogGroup")}
    for resource in template.of_type("AWS::Glue::Job"):
        prefix = resource.properties["DefaultArguments"]["--custom-logGroup-prefix"]
        assert {f"{prefix}/output", f"{prefix}/error"} <= logs


def test_a_job_may_do_in_glue_what_its_code_does_and_nothing_else(template: Template) -> None:
    asked = set()
    for path in (ROOT / "glue/lake").glob("*.py"):
        for method, paged in re.findall(
            r"glue\.(?:get_paginator\(\"(\w+)\"\)|((?!exceptions|get_paginator)\w+)\()", path.read_text()
        ):
            asked.add("glue:" + "".join(word.title() for word in (method or paged).split("_")))
    of_raw = {"glue:GetTables"}  # which tables the day had before: landing_to_raw alone asks
    for logical_id, its in (("LandingToRawRole", asked), ("TransformRole", asked - of_raw)):
        statements = role_statements(template.resources[logical_id])
        allowed = {action for statement in statements for action in statement["Action"] if action.startswith("glue:")}
        assert allowed == its


def test_a_job_writes_its_own_zone_and_reads_the_one_before(template: Template) -> None:
    def buckets(role: str, action: str) -> set[str]:
        arns = [arn for s in role_statements(template.resources[role]) if action in s["Action"] for arn in s["Resource"]]
        return {arn.removeprefix("arn:aws:s3:::dataplatform-stg-").split("/")[0] for arn in arns}

    assert buckets("LandingToRawRole", "s3:PutObject") == {"raw-zone"}
    assert buckets("LandingToRawRole", "s3:GetObject") == {"landing-zone", "raw-zone", "liberator-glue-assets"}
    assert buckets("TransformRole", "s3:PutObject") == {"refined-zone"}
    assert buckets("TransformRole", "s3:GetObject") == {"raw-zone", "refined-zone", "liberator-glue-assets"}
    for role in ("LandingToRawRole", "TransformRole"):
        own = buckets(role, "s3:PutObject")
        assert buckets(role, "s3:DeleteObject") == buckets(role, "s3:AbortMultipartUpload") == own
        assert buckets(role, "s3:ListBucket") >= own
        actions = {action for s in role_statements(template.resources[role]) for action in s["Action"]}
        assert {"kms:Decrypt", "kms:GenerateDataKey"} <= actions


def test_what_a_dead_job_has_staged_goes_and_not_before_the_job_must_have_ended(template: Template) -> None:
    for zone in ("RawBucket", "RefinedBucket"):
        rules = template.resources[zone].properties["LifecycleConfiguration"]["Rules"]
        [staged] = [rule for rule in rules if rule.get("Prefix") == "parking/_staging/"]
        longest = yaml_parse((ROOT / "template.yaml").read_text())["Parameters"]["GlueTimeoutMinutes"]["MaxValue"]
        assert staged["ExpirationInDays"] * 24 * 60 > longest


def test_a_day_of_raw_has_the_partition_of_a_day_of_landing() -> None:
    raw: Any = Zone(*[None] * 3, root="parking/d", run_id="")  # type: ignore[arg-type]
    assert naming.partition_prefix("d", "d.t", DAY) == f"{raw.place('d.t', DAY)}/"


def test_the_scripts_are_python_3_11_with_nothing_but_what_glue_brings() -> None:
    imported = set()
    for path in [*(ROOT / "glue").rglob("*.py"), ROOT / "services/ingestion/partition.py"]:
        tree = ast.parse(path.read_text(), feature_version=(3, 11))
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            imported |= {name.split(".")[0] for name in names}
            if isinstance(node, ast.ImportFrom) and node.module:
                modules = [f"{node.module}.{a.name}" for a in node.names] if node.module == "ingestion" else [node.module]
                imported |= {name if name == "ingestion.partition" else name.split(".")[0] for name in modules}
    of_library = {
        name
        for name in imported
        if not re.fullmatch(r"lake|cubic_job|ingestion\.partition|mypy_boto3_(glue|s3)|__future__", name)
    }
    assert of_library - sys.stdlib_module_names == {"pyspark", "pyarrow", "boto3", "botocore"}


def test_the_job_of_cubic_gives_reasons_that_the_database_knows() -> None:
    assert {code.value for code in Code} <= {code.value for code in ReasonCode}


def test_the_job_of_cubic_is_given_every_argument_but_the_batch_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    template = load(ROOT / "template.yaml", PARAMETERS | {"IngestCubic": "true"})
    taken: dict[str, str] = {}

    def arguments(_: Any, glues: dict[str, str], /, **own: str) -> Any:
        assert glues == {"JOB_RUN_ID": "run_id"}  # Glue gives it to every job
        taken.update(own)
        raise SystemExit

    monkeypatch.setattr(job, "arguments", arguments)
    with pytest.raises(SystemExit):
        cubic__ingest_incoming.main([])
    [properties] = [
        found.properties
        for found in template.of_type("AWS::Glue::Job")
        if "/cubic/" in found.properties["Command"]["ScriptLocation"]
    ]
    given = properties["DefaultArguments"].keys() - GLUES_OWN
    assert {f"--{name}" for name in taken} == given | {"--batch"}  # start_ingestion gives it to each run
    assert properties["Command"]["ScriptLocation"].endswith("/cubic__ingest_incoming.py")
