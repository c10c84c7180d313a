"""The wiring of template.yaml: from the bucket to the workflow, who may send to whom, what happens when it fails."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from liberator.naming import dump_keys, import_date_of, row_counts_uri
from local.emulator.eventbridge import matches, transform
from local.emulator.template import Resource, Template, load
from tests.policies import as_list, grants, loader_of, role_statements, roles, statements

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
PARAMETERS = {
    "Prefix": "dataplatform-stg",
    "Environment": "production",
    "VpcId": "vpc-1",
    "SubnetIds": "subnet-1,subnet-2",
    "PreProductionBucketName": "dataplatform-pre-liberator-data-storage",
    "IngestCubic": "true",
    "CubicKafkaTopics": "sample",
    "IngestDataCommons": "true",
    "TrinoHost": "trino.example.org",
    "TrinoUser": "datacommons",
}
# Cubic's functions that a queue calls, each with the others that send to it; its rule, if it has one, is in QUEUES.
CUBIC = {
    "FetchDmap": set[str](),
    "WriteKafkaFiles": set[str](),
    "RegisterLoad": {"SweepIncomingRole"},
    "SweepIncoming": set[str](),
    "StartIngestion": {"RegisterLoadRole", "SweepIncomingRole", "FinishIngestionRole"},
    "FinishIngestion": {"StartIngestionRole", "SweepIncomingRole"},
    "MoveLoad": {"RegisterLoadRole", "SweepIncomingRole", "FinishIngestionRole"},
}
RULES = {
    "FetchDmap": {"DmapSchedule"},
    "WriteKafkaFiles": {"KafkaSchedule"},
    "RegisterLoad": {"IncomingObjectRule"},
    "SweepIncoming": {"SweepSchedule"},
    "FinishIngestion": {"JobEndedRule"},
}
ROLES = {
    "SnapshotToS3Role", "S3ToS3CopierRole", "ProdToPreprodRole", "DumpLoaderTaskRole",
    "DumpLoaderExecutionRole", "UploadRuleRole", "ExportRole", "LandingToRawRole", "TransformRole",
    *(f"{function}Role" for function in CUBIC), "MigrateMetadataRole", "IngestRole",
    "DatasetLoaderTaskRole", "DatasetLoaderExecutionRole", "SpecRuleRole", "TrinoPublisherRole",
}  # fmt: skip


def loaded(**changed: str) -> Template:
    return load(TEMPLATE, PARAMETERS | changed)


@pytest.fixture(scope="module")
def production() -> Template:
    return loaded()


def roles_that_may(template: Template, action: str, arn: str) -> set[str]:
    """Logical ids of the roles that are allowed this action on this resource."""
    return {
        role.logical_id
        for role in roles(template)
        for s in role_statements(role)
        if any(fnmatchcase(action, a) for a in s["Action"]) and any(fnmatchcase(arn, r) for r in s["Resource"])
    }


def resource_policies(template: Template, kind: str, of: Resource, effect: str = "Allow") -> list[dict[str, Any]]:
    attached = {"AWS::SQS::QueuePolicy": "Queues", "AWS::SNS::TopicPolicy": "Topics", "AWS::S3::BucketPolicy": "Bucket"}[
        kind
    ]
    return [
        s
        for policy in template.of_type(kind)
        if of.ref in as_list(policy.properties[attached])
        for s in statements(policy.properties["PolicyDocument"], effect)
    ]


def senders(template: Template, queue: Resource) -> set[str]:
    """Logical ids of everything that may put a message on the queue."""
    by_arn = {r.arn: r.logical_id for r in template.resources.values() if r.arn}
    allowed = [s for s in resource_policies(template, "AWS::SQS::QueuePolicy", queue) if "sqs:SendMessage" in s["Action"]]
    services = {by_arn[arn] for s in allowed for arn in as_list(s["Condition"]["ArnEquals"]["aws:SourceArn"])}
    return services | roles_that_may(template, "sqs:SendMessage", queue.arn)


def publishers(template: Template, topic: Resource) -> set[str]:
    allowed = resource_policies(template, "AWS::SNS::TopicPolicy", topic)
    services = {service for s in allowed for service in as_list(s["Principal"]["Service"])}
    return services | roles_that_may(template, "sns:Publish", topic.arn)


def uploaded(key: str, bucket: str = "dataplatform-stg-liberator-data-storage", reason: str = "PutObject") -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html"""
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": "2021-06-04T01:02:03Z",
        "detail": {
            "bucket": {"name": bucket},
            "object": {"key": key, "size": 1, "etag": "0", "version-id": "v1", "sequencer": "0"},
            "reason": reason,
        },
    }


def rds_event(event_id: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloud-watch-events.html"""
    return {
        "source": "aws.rds",
        "detail-type": "RDS DB Snapshot Event",
        "detail": {
            "EventCategories": ["creation"],
            "SourceType": "SNAPSHOT",
            "SourceArn": "arn:aws:rds:eu-west-2:123456789012:snapshot:sql-to-parquet-2021-06-04-101530",
            "Message": "",
            "SourceIdentifier": "sql-to-parquet-2021-06-04-101530",
            "EventID": event_id,
        },
    }


def targets(template: Template, event: dict[str, Any]) -> set[str]:
    """Logical ids of what the event reaches by any rule."""
    by_arn = {r.arn: r.logical_id for r in template.resources.values() if r.arn}
    return {
        by_arn[target["Arn"]]
        for rule in template.of_type("AWS::Events::Rule")
        if matches(rule.properties.get("EventPattern"), event)
        for target in rule.properties["Targets"]
    }


# The story, step by step


def test_the_data_bucket_tells_eventbridge_of_an_upload_which_starts_the_loader_and_the_replicator(
    production: Template,
) -> None:
    bucket = production.resources["DataBucket"].properties
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert targets(production, uploaded("parking/liberator_dump_210604.zip")) == {"Cluster", "ProdToPreprodQueue"}


def test_the_loader_is_told_which_version_of_which_object_arrived_when(production: Template) -> None:
    [to_ecs] = [t for t in production.resources["UploadRule"].properties["Targets"] if "EcsParameters" in t]
    key = 'parking/liberator_dump_21"06\\04.zip'
    overrides = transform(uploaded(key), to_ecs["InputTransformer"])
    task = production.resources["DumpLoaderTaskDefinition"]
    container = loader_of(production)
    assert overrides == {
        "containerOverrides": [
            {
                "name": container["Name"],
                "environment": [
                    {"name": "DUMP_BUCKET", "value": "dataplatform-stg-liberator-data-storage"},
                    {"name": "DUMP_KEY", "value": key},
                    {"name": "DUMP_VERSION_ID", "value": "v1"},
                    {"name": "EVENT_TIME", "value": "2021-06-04T01:02:03Z"},
                ],
            }
        ]
    }
    assert to_ecs["EcsParameters"]["TaskDefinitionArn"] == task.ref
    assert to_ecs["RoleArn"] == production.resources["UploadRuleRole"].arn
    assert roles_that_may(production, "ecs:RunTask", task.ref) == {"UploadRuleRole"}


def test_the_loader_takes_a_snapshot_of_which_rds_tells_the_topic_and_eventbridge(production: Template) -> None:
    snapshot = "arn:aws:rds:eu-west-2:123456789012:snapshot:sql-to-parquet-2021-06-04-101530"
    assert roles_that_may(production, "rds:CreateDBSnapshot", snapshot) == {"DumpLoaderTaskRole"}
    assert roles_that_may(production, "rds:AddTagsToResource", snapshot) == {"DumpLoaderTaskRole"}
    subscription = production.resources["SnapshotToS3EventSubscription"].properties
    assert subscription["SnsTopicArn"] == production.resources["SnapshotToS3Topic"].arn
    assert (subscription["SourceType"], subscription["EventCategories"]) == ("db-snapshot", ["creation"])
    assert targets(production, rds_event("RDS-EVENT-0042")) == {"SnapshotToS3Queue"}


def test_the_topic_hands_on_to_the_queue_in_its_envelope(production: Template) -> None:
    subscription = production.resources["SnapshotToS3QueueSubscription"].properties
    assert subscription["TopicArn"] == production.resources["SnapshotToS3Topic"].arn
    assert subscription["Endpoint"] == production.resources["SnapshotToS3Queue"].arn
    assert not subscription["RawMessageDelivery"]


@pytest.mark.parametrize(
    ("function", "queue"),
    [
        ("SnapshotToS3Function", "SnapshotToS3Queue"),
        ("S3ToS3CopierFunction", "S3ToS3CopierQueue"),
        ("ProdToPreprodFunction", "ProdToPreprodQueue"),
        *((f"{name}Function", f"{name}Queue") for name in CUBIC),
        ("TrinoPublisherFunction", "Queue"),
    ],
)
def test_each_function_reads_its_queue_and_says_which_messages_failed(
    production: Template, function: str, queue: str
) -> None:
    mappings = production.of_type("AWS::Lambda::EventSourceMapping")
    [mapping] = [m.properties for m in mappings if m.properties["FunctionName"] == production.resources[function].ref]
    assert mapping["EventSourceArn"] == production.resources[queue].arn
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    readers = roles_that_may(production, "sqs:ReceiveMessage", production.resources[queue].arn)
    assert [production.resources[role].arn for role in readers] == [production.resources[function].properties["Role"]]


def test_snapshot_to_s3_exports_into_the_export_bucket_and_hands_on_to_the_copier(production: Template) -> None:
    environment = production.resources["SnapshotToS3Function"].properties["Environment"]["Variables"]
    role = production.resources["ExportRole"]
    assert environment["EXPORT_ROLE_ARN"] == role.arn
    assert environment["COPIER_QUEUE_URL"] == production.resources["S3ToS3CopierQueue"].ref
    assert roles_that_may(
        production, "rds:StartExportTask", "arn:aws:rds:eu-west-2:123456789012:snapshot:sql-to-parquet-x"
    ) == {"SnapshotToS3Role"}
    assert roles_that_may(production, "iam:PassRole", role.arn) == {"SnapshotToS3Role"}
    exported = f"arn:aws:s3:::{environment['EXPORT_BUCKET']}/task/liberator/liberator.t/1/part-0.gz.parquet"
    assert roles_that_may(production, "s3:PutObject", exported) == {"ExportRole"}
    [trust] = statements(role.properties["AssumeRolePolicyDocument"])
    assert trust["Principal"] == {"Service": "export.rds.amazonaws.com"}


@pytest.mark.parametrize("event", ["RDS-EVENT-0161", "RDS-EVENT-0159", "RDS-EVENT-0160"])
def test_the_end_of_an_export_good_or_bad_reaches_the_copier(production: Template, event: str) -> None:
    assert targets(production, rds_event(event)) == {"S3ToS3CopierQueue"}


@pytest.mark.parametrize("event", ["RDS-EVENT-0040", "RDS-EVENT-0041", "RDS-EVENT-0090", "RDS-EVENT-0091"])
def test_no_other_rds_event_reaches_anything_by_eventbridge(production: Template, event: str) -> None:
    assert targets(production, rds_event(event)) == set()


def test_the_copier_writes_the_landing_zone_and_starts_the_workflows_one_run_at_a_time(production: Template) -> None:
    environment = production.resources["S3ToS3CopierFunction"].properties["Environment"]["Variables"]
    landed = f"arn:aws:s3:::{environment['LANDING_BUCKET']}/parking/liberator/liberator.t/import_year=2021/f.parquet"
    manifest = f"arn:aws:s3:::{environment['LANDING_BUCKET']}/_manifests/parking/liberator/import_date=20210604.json"
    for action in ("s3:PutObject", "s3:DeleteObject"):
        assert roles_that_may(production, action, landed) == {"S3ToS3CopierRole"}
    assert roles_that_may(production, "s3:PutObject", manifest) == {"S3ToS3CopierRole"}
    assert roles_that_may(production, "s3:DeleteObject", manifest) == set()
    workflows = {w.ref: w for w in production.of_type("AWS::Glue::Workflow")}
    assert workflows.keys() == {environment["DAILY_WORKFLOW"], environment["BACKDATED_WORKFLOW"]}
    for workflow in workflows.values():
        assert workflow.properties["MaxConcurrentRuns"] == 1
        assert roles_that_may(production, "glue:StartWorkflowRun", workflow.arn) == {"S3ToS3CopierRole"}


# Which uploads count


@pytest.mark.parametrize("reason", ["PutObject", "CopyObject", "CompleteMultipartUpload"])
@pytest.mark.parametrize(
    "key", [*dump_keys(import_date_of("parking/liberator_dump_210604.zip")), "parking/liberator_dump_991231 (final).zip"]
)
def test_every_way_of_uploading_a_dump_starts_the_loader(production: Template, key: str, reason: str) -> None:
    assert "Cluster" in targets(production, uploaded(key, reason=reason))


@pytest.mark.parametrize(
    "event",
    [
        uploaded(
            row_counts_uri("parking/liberator_dump_210604.zip", "sql-to-parquet-2021-06-04-101530"),
        ),
        uploaded("parking/liberator_dump_210604.zip.part"),
        uploaded("parking/liberator_dump_210604.sql"),
        uploaded("parking/other_210604.zip"),
        uploaded("parking/liberator_dump_archive/liberator_dump_210604.zip"),
        uploaded("housing/liberator_dump_210604.zip"),
        uploaded("liberator_dump_210604.zip"),
        uploaded("parking/liberator_dump_210604.zip", bucket="somebody-elses"),
        uploaded("parking/liberator_dump_210604.zip") | {"detail-type": "Object Deleted"},
    ],
    ids=lambda event: event["detail"]["object"]["key"],
)
def test_nothing_else_starts_anything(production: Template, event: dict[str, Any]) -> None:
    assert targets(production, event) == set()


# Who may send to whom

QUEUES = {
    "SnapshotToS3Queue": {"SnapshotToS3Topic", "SnapshotCreatedRule", "SnapshotToS3Role", "DumpLoaderTaskRole"},
    "SnapshotToS3Dlq": {"SnapshotToS3Role"},
    "S3ToS3CopierQueue": {"ExportEndedRule", "SnapshotToS3Role", "S3ToS3CopierRole"},
    "S3ToS3CopierDlq": {"S3ToS3CopierRole"},
    "ProdToPreprodQueue": {"UploadRule"},
    "ProdToPreprodDlq": {"ProdToPreprodRole"},
    "UndeliveredEventsDlq": {
        "UploadRule",
        "DumpLoaderFailedRule",
        "SnapshotCreatedRule",
        "ExportEndedRule",
        "JobFailedRule",
        "SnapshotToS3Topic",
        *(rule for rules in RULES.values() for rule in rules),
        "SpecRule",
        "DatasetLoaderFailedRule",
        "SweepTablesSchedule",
    },
    **{f"{name}Queue": {f"{name}Role"} | others | RULES.get(name, set()) for name, others in CUBIC.items()},
    **{f"{name}Dlq": {f"{name}Role"} for name in CUBIC},
    # The data commons has one consumer, whose ids are therefore those of stacks/consumer.yaml.
    "Queue": {"TrinoPublisherRole", "DatasetLoaderTaskRole", "SweepTablesSchedule"},
    "Dlq": {"TrinoPublisherRole"},
}
TOPICS = {
    "SnapshotToS3Topic": {"events.rds.amazonaws.com"},
    "EventsTopic": {"S3ToS3CopierRole", "TrinoPublisherRole"},
    "AlertsTopic": {
        "events.amazonaws.com", "cloudwatch.amazonaws.com",
        "DumpLoaderTaskRole", "SnapshotToS3Role", "S3ToS3CopierRole", "ProdToPreprodRole",
        *(f"{name}Role" for name in CUBIC), "DatasetLoaderTaskRole", "TrinoPublisherRole",
    },
}  # fmt: skip


def test_only_the_named_may_put_a_message_on_a_queue(production: Template) -> None:
    assert {q.logical_id: senders(production, q) for q in production.of_type("AWS::SQS::Queue")} == QUEUES


def test_only_the_named_may_publish_on_a_topic(production: Template) -> None:
    assert {t.logical_id: publishers(production, t) for t in production.of_type("AWS::SNS::Topic")} == TOPICS


def test_no_topic_has_the_default_policy_which_lets_the_whole_account_publish(production: Template) -> None:
    for topic in production.of_type("AWS::SNS::Topic"):
        [denied] = resource_policies(production, "AWS::SNS::TopicPolicy", topic, "Deny")
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_every_target_of_a_rule_lets_that_rule_in_and_keeps_what_it_could_not_take(production: Template) -> None:
    by_arn = {r.arn: r for r in production.resources.values() if r.arn}
    for rule in production.of_type("AWS::Events::Rule"):
        for target in rule.properties["Targets"]:
            reached = by_arn[target["Arn"]]
            if reached.type == "AWS::SQS::Queue":
                assert rule.logical_id in senders(production, reached)
            if reached.type == "AWS::SNS::Topic":
                assert "events.amazonaws.com" in publishers(production, reached)
            assert by_arn[target["DeadLetterConfig"]["Arn"]].logical_id == "UndeliveredEventsDlq"
            assert rule.logical_id in senders(production, production.resources["UndeliveredEventsDlq"])


def test_services_that_publish_to_an_encrypted_topic_may_use_its_key(production: Template) -> None:
    policy = production.resources["Key"].properties["KeyPolicy"]
    services = {s for it in statements(policy) for s in as_list(it["Principal"].get("Service", []))}
    assert {s for allowed in TOPICS.values() for s in allowed if s.endswith(".amazonaws.com")} <= services
    for topic in production.of_type("AWS::SNS::Topic"):
        assert topic.properties["KmsMasterKeyId"] == production.resources["Key"].arn
        for role in publishers(production, topic) & ROLES:
            assert role in roles_that_may(production, "kms:GenerateDataKey", production.resources["Key"].arn)


def test_eventbridge_is_let_at_the_key_without_a_condition_since_it_sends_none(production: Template) -> None:
    policy = production.resources["Key"].properties["KeyPolicy"]
    [statement] = [s for s in statements(policy) if s["Principal"].get("Service") == "events.amazonaws.com"]
    assert "Condition" not in statement


def test_no_role_may_do_everything_of_anything(production: Template) -> None:
    assert {role.logical_id for role in roles(production)} == ROLES
    for role in roles(production):
        assert "ManagedPolicyArns" not in role.properties, "AWS's managed policies name no resources"
        for statement in role_statements(role):
            assert not [a for a in statement["Action"] if a == "*" or a.endswith(":*")], role.logical_id


def test_a_snapshot_that_is_not_ours_can_be_neither_deleted_nor_tagged_nor_exported(production: Template) -> None:
    by_hand = "arn:aws:rds:eu-west-2:123456789012:snapshot:before-the-migration"
    for action in ("rds:DeleteDBSnapshot", "rds:AddTagsToResource", "rds:StartExportTask"):
        assert roles_that_may(production, action, by_hand) == set()


# When it fails


def test_a_message_stays_hidden_six_times_as_long_as_its_function_may_take(production: Template) -> None:
    by_arn = {r.arn: r for r in production.resources.values() if r.arn}
    functions = {f.ref: f.properties for f in production.of_type("AWS::Lambda::Function")}
    mappings = [m.properties for m in production.of_type("AWS::Lambda::EventSourceMapping")]
    assert len(mappings) == len(functions) - 1, "CloudFormation, or a person, calls MigrateMetadataFunction"
    for mapping in mappings:
        queue = by_arn[mapping["EventSourceArn"]].properties
        assert int(queue["VisibilityTimeout"]) >= 6 * functions[mapping["FunctionName"]]["Timeout"]


def test_every_queue_has_a_dlq_that_keeps_messages_for_14_days_and_rings_an_alarm(production: Template) -> None:
    by_arn = {r.arn: r for r in production.resources.values() if r.arn}
    queues = production.of_type("AWS::SQS::Queue")
    dlqs = {q.logical_id for q in queues if q.ref.endswith("-dlq")}
    assert dlqs == {by_arn[q.properties["RedrivePolicy"]["deadLetterTargetArn"]].logical_id for q in queues
                    if q.logical_id not in dlqs} | {"UndeliveredEventsDlq"}  # fmt: skip
    alarms = [a.properties for a in production.of_type("AWS::CloudWatch::Alarm")]
    for dlq in dlqs:
        queue = production.resources[dlq].properties
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
        [alarm] = [a for a in alarms if a.get("Dimensions") == [{"Name": "QueueName", "Value": queue["QueueName"]}]]
        assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
        assert alarm["AlarmActions"] == [production.resources["AlertsTopic"].arn]


def test_a_function_puts_what_it_gives_up_on_its_own_queues_dlq(production: Template) -> None:
    by_arn = {r.arn: r for r in production.resources.values() if r.arn}
    for mapping in production.of_type("AWS::Lambda::EventSourceMapping"):
        [function] = [f for f in production.of_type("AWS::Lambda::Function") if f.ref == mapping.properties["FunctionName"]]
        queue = by_arn[mapping.properties["EventSourceArn"]]
        dlq = by_arn[queue.properties["RedrivePolicy"]["deadLetterTargetArn"]]
        environment = function.properties["Environment"]["Variables"]
        assert environment["DEAD_LETTER_QUEUE_URL"] == dlq.ref
        assert environment.get("QUEUE_URL", queue.ref) == queue.ref


def test_what_waits_by_requeueing_is_not_stopped_as_a_recursive_loop(production: Template) -> None:
    polling = {
        f.logical_id for f in production.of_type("AWS::Lambda::Function") if f.properties.get("RecursiveLoop") == "Allow"
    }
    requeueing = {
        f.logical_id
        for f in production.of_type("AWS::Lambda::Function")
        if "POLL_DELAY_SECONDS" in f.properties["Environment"]["Variables"]
    }
    of_cubic = {f"{name}Function" for name in CUBIC}
    assert polling == requeueing == {"SnapshotToS3Function", "S3ToS3CopierFunction", "TrinoPublisherFunction"} | of_cubic


def test_a_poll_ends_before_its_queue_forgets_the_message(production: Template) -> None:
    longest = yaml_parse(TEMPLATE.read_text())["Parameters"]["MaxWaitHours"]["MaxValue"]
    for queue in ("SnapshotToS3Queue", "S3ToS3CopierQueue", "Queue", *(f"{name}Queue" for name in CUBIC)):
        assert production.resources[queue].properties["MessageRetentionPeriod"] > longest * 3600


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ({"containers": {"exitCode": 0}, "stopCode": "EssentialContainerExited"}, False),
        ({"containers": {"exitCode": 1}, "stopCode": "EssentialContainerExited"}, True),
        ({"containers": {"exitCode": 137}, "stopCode": "EssentialContainerExited"}, True),
        ({"containers": {}, "stopCode": "TaskFailedToStart"}, True),
        ({"containers": {"exitCode": 143}, "stopCode": "UserInitiated"}, True),
        ({"containers": {"exitCode": 1}, "stopCode": "EssentialContainerExited", "clusterArn": "another"}, False),
        ({"containers": {"exitCode": 1}, "stopCode": "EssentialContainerExited", "taskDefinitionArn": "another:1"}, False),
        ({"containers": {}, "lastStatus": "RUNNING"}, False),
    ],
)
def test_people_hear_of_a_loader_that_ends_otherwise_than_with_exit_code_0(
    production: Template, detail: dict[str, Any], told: bool
) -> None:
    # AWS sends a list of containers and looks at each; this matcher doesn't look into lists.
    event = {
        "source": "aws.ecs",
        "detail-type": "ECS Task State Change",
        "detail": {
            "clusterArn": production.resources["Cluster"].arn,
            "taskDefinitionArn": production.resources["DumpLoaderTaskDefinition"].arn.removesuffix("1") + "7",
            "lastStatus": "STOPPED",
        }
        | detail,
    }
    assert targets(production, event) == ({"AlertsTopic"} if told else set())


@pytest.mark.parametrize(
    "reason",
    ["Essential container in task exited", 'CannotPullContainerError: "…/repository:tag": not found', 'a\n\\"{<task>}'],
)
def test_people_hear_of_a_loader_in_words_whatever_the_reason(production: Template, reason: str) -> None:
    [target] = production.resources["DumpLoaderFailedRule"].properties["Targets"]
    event = {"detail": {"taskArn": "arn:aws:ecs:…:task/1", "stoppedReason": reason}}
    said = transform(event, target["InputTransformer"])
    assert (said["what"], said["task"], said["reason"]) == ("A dump loader stopped", "arn:aws:ecs:…:task/1", reason)
    assert said["log"] == production.resources["DumpLoaderLogs"].ref
    assert said["do"].endswith("by uploading it again.")


def test_no_input_of_a_target_has_a_value_within_quotes_where_eventbridge_does_not_escape_it(production: Template) -> None:
    transformers = [
        target["InputTransformer"]
        for rule in production.of_type("AWS::Events::Rule")
        for target in rule.properties["Targets"]
        if "InputTransformer" in target
    ]
    assert len(transformers) == 5
    for transformer in transformers:
        quoted = re.findall(r'"(?:[^"\\]|\\.)*"', transformer["InputTemplate"])
        assert not [text for text in quoted if re.search(r"<[\w-]+>", text)]
        assert set(re.findall(r"<([\w-]+)>", transformer["InputTemplate"])) == transformer["InputPathsMap"].keys()


def test_people_hear_of_a_day_without_a_dump(production: Template) -> None:
    alarm = production.resources["NoDumpAlarm"].properties
    assert alarm["Dimensions"] == [{"Name": "RuleName", "Value": production.resources["UploadRule"].ref}]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/Events", "TriggeredRules", "Sum")
    assert (alarm["ComparisonOperator"], alarm["Threshold"], alarm["TreatMissingData"]) == (
        "LessThanThreshold",
        1,
        "breaching",
    )
    assert alarm["Period"] * int(alarm["EvaluationPeriods"]) == 26 * 3600
    assert alarm["ActionsEnabled"]
    assert not loaded(Environment="development").resources["NoDumpAlarm"].properties["ActionsEnabled"]


# Settings (the whole of each environment is in test_deployment.py)


def secrets_of(container: dict[str, Any]) -> dict[str, str]:
    return {secret["Name"]: secret["ValueFrom"] for secret in container["Secrets"]}


def test_what_reads_a_dump_never_has_the_master_users_password(production: Template) -> None:
    own = production.resources["DumpLoaderSecret"]
    assert secrets_of(loader_of(production)) == {"DB_CREDENTIALS": own.ref}
    assert json.loads(own.properties["GenerateSecretString"]["SecretStringTemplate"])["username"] == "liberator_loader"
    assert production.resources["Database"].properties["MasterUsername"] != "liberator_loader"
    of_migrations = production.resources["MigrateMetadataFunction"].properties["Environment"]["Variables"]
    of_cubics_database = of_migrations["DB_SECRET_ARN"]
    for role in ROLES - {"DumpLoaderExecutionRole", "DatasetLoaderExecutionRole"}:
        read = {arn for action, arn in grants(production.resources[role]) if action.startswith("secretsmanager:")}
        assert read <= {production.resources[it].ref for it in ("CubicApiSecret", "TrinoTokenSecret")} | {
            of_cubics_database
        }, role


def test_the_loader_begins_when_its_account_is_made_by_a_container_that_has_ended(production: Template) -> None:
    loader, account = production.resources["DumpLoaderTaskDefinition"].properties["ContainerDefinitions"]
    assert loader["DependsOn"] == [{"ContainerName": account["Name"], "Condition": "SUCCESS"}]
    assert account["Essential"] is False
    assert (account["Image"], account["EntryPoint"]) == (loader["Image"], ["python", "-m", "dump_loader.account"])
    passwords = secrets_of(account)
    assert passwords["DB_CREDENTIALS"] == production.resources["DumpLoaderSecret"].ref
    assert passwords.keys() == {"DB_CREDENTIALS", "MASTER_CREDENTIALS"}
    for secret in passwords.values():
        assert roles_that_may(production, "secretsmanager:GetSecretValue", secret) == {"DumpLoaderExecutionRole"}
    assert production.resources["Database"].properties["ManageMasterUserPassword"] is True


def test_delays_budgets_and_windows_are_the_parameters() -> None:
    template = loaded(
        PollDelaySeconds="60", MaxWaitHours="3", DailyWindowDays="2", DatabaseName="parking", LossyLoads="reject"
    )
    for function in ("SnapshotToS3Function", "S3ToS3CopierFunction"):
        environment = template.resources[function].properties["Environment"]["Variables"]
        assert (environment["POLL_DELAY_SECONDS"], environment["MAX_WAIT_HOURS"]) == ("60", "3")
    container = loader_of(template)
    environment = {e["Name"]: e["Value"] for e in container["Environment"]}
    assert (environment["DAILY_WINDOW_DAYS"], environment["DB_NAME"]) == ("2", "parking")
    assert environment["LOSSY_LOADS"] == "reject"
    assert environment["MAX_WAIT_HOURS"] == "3"
    assert template.resources["SnapshotToS3Function"].properties["Environment"]["Variables"]["DATABASE_NAME"] == "parking"


# Environments


@pytest.mark.parametrize("environment", ["development", "pre-production"])
def test_only_production_has_the_replicator(environment: str) -> None:
    template = loaded(Environment=environment)
    assert not [name for name in template.resources if "Preprod" in name]
    assert not [name for name in template.outputs if "Preprod" in name or "Replicator" in name]
    assert targets(template, uploaded("parking/liberator_dump_210604.zip")) == {"Cluster"}


def test_the_replicator_writes_dumps_to_pre_production_and_nothing_else(production: Template) -> None:
    bucket = "arn:aws:s3:::dataplatform-pre-liberator-data-storage"
    assert roles_that_may(production, "s3:PutObject", f"{bucket}/parking/liberator_dump_210604.zip") == {"ProdToPreprodRole"}
    assert roles_that_may(production, "s3:PutObject", f"{bucket}/parking/other.zip") == set()
    assert roles_that_may(production, "s3:DeleteObject", f"{bucket}/parking/liberator_dump_210604.zip") == set()


def test_the_replicator_uses_pre_productions_key_where_there_is_one(production: Template) -> None:
    key = "arn:aws:kms:eu-west-2:210987654321:key/1"
    assert (
        "PRE_PRODUCTION_KMS_KEY_ARN"
        not in production.resources["ProdToPreprodFunction"].properties["Environment"]["Variables"]
    )
    template = loaded(PreProductionKmsKeyArn=key)
    environment = template.resources["ProdToPreprodFunction"].properties["Environment"]["Variables"]
    assert environment["PRE_PRODUCTION_KMS_KEY_ARN"] == key
    assert roles_that_may(template, "kms:GenerateDataKey", key) == {"ProdToPreprodRole"}


def test_pre_production_lets_productions_replicator_put_dumps(production: Template) -> None:
    role = "arn:aws:iam::210987654321:role/dataplatform-prod-prod-to-preprod"
    template = loaded(Environment="pre-production", ProductionReplicatorRoleArn=role)
    bucket = template.resources["DataBucket"]
    allowed = resource_policies(template, "AWS::S3::BucketPolicy", bucket)
    assert {p for s in allowed for p in as_list(s["Principal"]["AWS"])} == {role}
    assert {"s3:PutObject", "s3:ListBucket"} <= {a for s in allowed for a in s["Action"]}
    assert role in json.dumps(template.resources["Key"].properties["KeyPolicy"])
    assert resource_policies(production, "AWS::S3::BucketPolicy", production.resources["DataBucket"]) == []


# What holds data


def test_buckets_are_private_encrypted_and_reached_by_tls_only(production: Template) -> None:
    buckets = production.of_type("AWS::S3::Bucket")
    assert len(buckets) == 13
    for bucket in buckets:
        assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket.properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        [rule] = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": production.resources["Key"].arn,
        }
        denied = resource_policies(production, "AWS::S3::BucketPolicy", bucket, "Deny")
        assert [(s["Condition"], s["Resource"]) for s in denied] == [
            ({"Bool": {"aws:SecureTransport": "false"}}, [bucket.arn, f"{bucket.arn}/*"])
        ]
        assert any("AbortIncompleteMultipartUpload" in r for r in bucket.properties["LifecycleConfiguration"]["Rules"])


def test_queues_are_encrypted_and_reached_by_tls_only(production: Template) -> None:
    for queue in production.of_type("AWS::SQS::Queue"):
        assert queue.properties["SqsManagedSseEnabled"] is True
        [denied] = resource_policies(production, "AWS::SQS::QueuePolicy", queue, "Deny")
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert denied["Resource"] == [queue.arn]


def test_the_database_is_encrypted_private_and_open_to_the_loader_alone(production: Template) -> None:
    database = production.resources["Database"].properties
    assert (database["StorageEncrypted"], database["PubliclyAccessible"]) == (True, False)
    assert database["VPCSecurityGroups"] == [production.resources["DatabaseSecurityGroup"].ref]
    [ingress] = production.resources["DatabaseSecurityGroup"].properties["SecurityGroupIngress"]
    assert ingress["SourceSecurityGroupId"] == production.resources["DumpLoaderSecurityGroup"].ref
    assert (ingress["FromPort"], ingress["ToPort"]) == (3306, 3306)
    assert production.resources["DatabaseParameters"].properties["Parameters"]["require_secure_transport"] == "1"


def test_the_loader_runs_as_nobody_on_a_file_system_that_it_can_not_write(production: Template) -> None:
    for container in production.resources["DumpLoaderTaskDefinition"].properties["ContainerDefinitions"]:
        assert container["ReadonlyRootFilesystem"] is True
        assert container["User"].split(":")[0] not in ("0", "root")


def test_every_log_is_encrypted_and_ends(production: Template) -> None:
    logs = {group.ref: group.properties for group in production.of_type("AWS::Logs::LogGroup")}
    for group in logs.values():
        assert int(group["RetentionInDays"]) == 90
        assert group["KmsKeyId"] == production.resources["Key"].arn
    for function in production.of_type("AWS::Lambda::Function"):
        assert function.properties["LoggingConfig"] == {
            "LogFormat": "Text",
            "LogGroup": f"/aws/lambda/{function.properties['FunctionName']}",
        }
        assert function.properties["LoggingConfig"]["LogGroup"] in logs


def test_every_name_begins_with_the_prefix_and_rds_and_s3_accept_the_longest(production: Template) -> None:
    nameless = ("AWS::IAM::Role", "AWS::KMS::Key", "AWS::SecretsManager::Secret")
    named = [r for r in production.resources.values() if r.arn and r.type not in nameless]
    assert not [r.arn for r in named if "dataplatform-stg-" not in r.arn and "/dataplatform_stg_" not in r.arn]
    longest = loaded(Prefix="p" * 30)
    names = [r.ref for r in longest.of_type("AWS::S3::Bucket") + longest.of_type("AWS::RDS::DBInstance")]
    names += [r.ref for r in longest.of_type("AWS::Lambda::Function")]
    assert max(map(len, names)) <= 63
