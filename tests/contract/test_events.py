"""Each file under events/ is what its name says, and each model of a message has a file."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel

from dump_loader.dumps import Dump
from ingestion import inbox
from ingestion import messages as core_messages
from ingestion.errors import UnreadableMessage
from liberator import messages, rds_events
from liberator.messages import CopyExport, ExportSnapshot
from prod_to_preprod import inbox as replicator_inbox
from prod_to_preprod.inbox import UploadedObject, to_objects
from tests.events import BAD, BATCHES, BUCKET, DUMP, EVENTS, FUNCTIONS, READ, bodies, message
from tests.messages import parse_message

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
