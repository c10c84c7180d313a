"""Each file under events/ is what its name says, and each model of a message has a file."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import BaseModel

from dump_loader.dumps import Dump
from ingestion import inbox
from ingestion import messages as core_messages
from ingestion.errors import UnreadableMessage
from ingestion.inbox import Notice
from liberator import messages, rds_events
from liberator.messages import CopyExport, ExportSnapshot
from liberator.rds_events import RdsEvent
from prod_to_preprod import inbox as replicator_inbox
from prod_to_preprod.inbox import UploadedObject, to_objects
from tests.messages import AnyMessage, parse_message

EVENTS = Path(__file__).parents[2] / "events"
FUNCTIONS = ("snapshot_to_s3", "s3_to_s3_copier", "prod_to_preprod")
# The states that `make cloud` brings about. Of the first day there is a complete export too.
SNAPSHOT = "sql-to-parquet-2021-06-04-101530"
NEW, CREATING, DELETED = (f"sql-to-parquet-2021-06-{day}-101530" for day in ("05", "06", "03"))
EXPORTED = "sql-to-parquet-2021-05-31-101530"
EXPORT_FAILED, EXPORT_CANCELLED = (f"sql-to-parquet-2021-06-{day}-101530" for day in ("01", "02"))
INSTANCE = "dataplatform-stg-liberator-to-rds-snapshot"
BUCKET = "dataplatform-stg-liberator-data-storage"


def bodies(function: str, case: str) -> list[str]:
    return [record["body"] for record in json.loads((EVENTS / function / f"{case}.json").read_text())["Records"]]


def rds(event_id: str, source: str = SNAPSHOT, source_type: str = "SNAPSHOT") -> RdsEvent:
    return RdsEvent(event_id=event_id, source_type=source_type, source_identifier=source)


def message(name: str) -> AnyMessage:
    return parse_message((EVENTS / "messages" / f"{name}.json").read_text())


def uploaded(key: str) -> list[UploadedObject]:
    return [UploadedObject(bucket=BUCKET, key=key, version_id="3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY")]


DUMP, ODD = "parking/liberator_dump_210604.zip", "parking/liberator_dump_210604 (final)+ä.zip"
NOTICE = Notice(text="You have successfully subscribed your Amazon RDS events to this topic.")
# As an event of no source, which some have seen; AWS's documentation does not show a subscription's first message.
OF_NO_SOURCE = json.loads(bodies("snapshot_to_s3", "sns_subscription_notice_as_json")[0])["Message"]

READ = {
    ("snapshot_to_s3", "sns_snapshot_creating"): rds("RDS-EVENT-0040", CREATING),
    ("snapshot_to_s3", "sns_snapshot_created"): rds("RDS-EVENT-0042", NEW),
    ("snapshot_to_s3", "sns_raw_snapshot_created"): rds("RDS-EVENT-0042", NEW),
    ("snapshot_to_s3", "sns_snapshot_deleted"): rds("RDS-EVENT-0041", DELETED),
    ("snapshot_to_s3", "sns_instance_backed_up"): rds("RDS-EVENT-0002", INSTANCE, "DB_INSTANCE"),
    ("snapshot_to_s3", "sns_automated_snapshot_created"): rds("RDS-EVENT-0091", f"rds:{INSTANCE}-2021-06-04-03-10"),
    ("snapshot_to_s3", "sns_subscription_notice"): NOTICE,
    ("snapshot_to_s3", "sns_subscription_notice_as_json"): Notice(text=OF_NO_SOURCE),
    ("snapshot_to_s3", "eventbridge_snapshot_created"): rds("RDS-EVENT-0042", NEW),
    ("snapshot_to_s3", "message_daily"): message("ExportSnapshot"),
    ("snapshot_to_s3", "message_backdated"): message("ExportSnapshot.backdated"),
    ("s3_to_s3_copier", "eventbridge_export_completed"): rds("RDS-EVENT-0161", EXPORTED),
    ("s3_to_s3_copier", "eventbridge_export_failed"): rds("RDS-EVENT-0159", EXPORT_FAILED),
    ("s3_to_s3_copier", "eventbridge_export_cancelled"): rds("RDS-EVENT-0160", EXPORT_CANCELLED),
    ("s3_to_s3_copier", "eventbridge_export_of_another_snapshot"): rds("RDS-EVENT-0161", "weekly-copy"),
    ("s3_to_s3_copier", "sns_subscription_notice"): NOTICE,
    ("s3_to_s3_copier", "message_daily"): message("CopyExport"),
    ("s3_to_s3_copier", "message_backdated"): message("CopyExport.backdated"),
    ("prod_to_preprod", "eventbridge_put"): uploaded(DUMP),
    ("prod_to_preprod", "eventbridge_copy"): uploaded(DUMP),
    ("prod_to_preprod", "eventbridge_multipart"): uploaded(DUMP),
    ("prod_to_preprod", "eventbridge_odd_key"): uploaded(ODD),
    ("prod_to_preprod", "notification_url_encoded_key"): uploaded(ODD),
    ("prod_to_preprod", "notification_test_event"): [],
}
BAD = [(path.parent.name, path.stem) for path in EVENTS.glob("*/bad_*.json")]
BATCHES = {("snapshot_to_s3", "batch_good_and_bad")}
KINDS = {"snapshot_to_s3": ExportSnapshot, "s3_to_s3_copier": CopyExport}


def read(function: str, body: str) -> object:
    if function == "prod_to_preprod":
        return to_objects(body, BUCKET)
    return inbox.read(body, KINDS[function], rds_events.event_in)


@pytest.mark.parametrize(("function", "case"), READ)
def test_event_is_read_as_what_its_name_says(function: str, case: str) -> None:
    [body] = bodies(function, case)
    assert read(function, body) == READ[function, case]


@pytest.mark.parametrize(("function", "case"), BAD)
def test_bad_event_is_refused_with_a_reason_that_says_what_to_do(function: str, case: str) -> None:
    [body] = bodies(function, case)
    with pytest.raises(UnreadableMessage, match="send it again"):
        read(function, body)


@pytest.mark.parametrize("version", [None, "null", "3sL4kqtJlcpXroDTDmJ"])
def test_the_loader_and_the_replicator_give_an_upload_the_same_correlation_id(version: str | None) -> None:
    replicated = UploadedObject(bucket=BUCKET, key=DUMP, version_id=version)
    loaded = Dump(BUCKET, DUMP, version, "etag", 1, datetime(2021, 6, 4, tzinfo=UTC), message("ExportSnapshot").run)
    assert replicated.correlation_id == loaded.correlation_id
    assert replicated.correlation_id.endswith("@3sL4kqtJlcpXroDTDmJ" if version not in (None, "null") else ".zip")


def test_every_file_has_an_expectation() -> None:
    files = {(path.parent.name, path.stem) for name in FUNCTIONS for path in (EVENTS / name).iterdir()}
    assert files == READ.keys() | set(BAD) | BATCHES


def test_every_record_has_the_fields_that_lambda_gives() -> None:
    fields = {"messageId", "receiptHandle", "body", "attributes", "messageAttributes", "md5OfBody", "eventSource"}
    for name in FUNCTIONS:
        for path in (EVENTS / name).iterdir():
            for record in json.loads(path.read_text())["Records"]:
                assert record.keys() == fields | {"eventSourceARN", "awsRegion"}, path


def test_each_message_model_has_a_file_and_each_file_its_model() -> None:
    files = {path: parse_message(path.read_text()) for path in (EVENTS / "messages").iterdir()}
    for path, parsed in files.items():
        assert path.name.split(".")[0] == parsed.kind
    models = {
        m.__name__
        for module in (core_messages, messages)
        for m in vars(module).values()
        if isinstance(m, type) and "kind" in getattr(m, "model_fields", {})
    }
    assert models == {parsed.kind for parsed in files.values()}


def test_each_model_of_what_aws_sends_is_read_from_some_file() -> None:
    expected = {"SnsEnvelope", "EventBridgeEvent", "RdsSnsMessage", "RdsEventDetail", "ObjectCreated", "S3Notification"}
    modules = (inbox, rds_events, replicator_inbox)
    models: dict[str, type[BaseModel]] = {
        name: getattr(module, name) for module in modules for name in expected if hasattr(module, name)
    }
    assert models.keys() == expected
    documents = [json.loads(body) for (function, case) in READ for body in bodies(function, case)]
    documents += [json.loads(d["Message"]) for d in documents if str(d.get("Message", "")).startswith("{")]
    documents += [d["detail"] for d in documents if "detail" in d]
    for name, model in models.items():
        assert any(_fits(model, document) for document in documents), name


def _fits(model: type[BaseModel], document: object) -> bool:
    try:
        model.model_validate(document)
    except ValueError:
        return False
    return True
