"""The function that a deployment calls: it migrates, and CloudFormation always hears how it went."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pydantic import ValidationError

from cubic import custom_resource
from cubic.functions import migrate_metadata
from cubic.store.database import Database
from local.emulator.certificates import write_certificates
from local.emulator.postgres_server import PostgresServer
from tests.cubic import NAME, PREFIX, settings_of
from tests.fakes import FakeContext


@dataclass
class CloudFormation:
    """What listens at the ResponseURL. `refuse`: how many answers it turns away first."""

    url: str = ""
    refuse: int = 0
    heard: list[dict[str, Any]] = field(default_factory=list)
    content_types: list[str | None] = field(default_factory=list)

    def event(self, kind: str, **fields: str) -> dict[str, Any]:
        return {
            "RequestType": kind,
            "ResponseURL": self.url,
            "StackId": "arn:aws:cloudformation:eu-west-2:123456789012:stack/cubic/1",
            "RequestId": "request-1",
            "ResourceType": "Custom::Metadata",
            "LogicalResourceId": "Metadata",
            "ResourceProperties": {"ServiceToken": "arn", "Version": "1"},
            **fields,
        }


@pytest.fixture
def cloudformation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFormation]:
    state = CloudFormation()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if state.refuse:
                state.refuse -= 1
                self.send_response(503)
            else:
                state.heard.append(json.loads(body))
                state.content_types.append(self.headers["Content-Type"])
                self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    write_certificates(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    server = HTTPServer(("127.0.0.1", 0), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    state.url = f"https://127.0.0.1:{server.server_port}/answer?signature=x"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def environment(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    migrate_metadata.metadata.cache_clear()
    with mock_aws():
        secret = json.dumps({"username": postgres.user, "password": postgres.password})
        arn = boto3.client("secretsmanager").create_secret(Name="cubic", SecretString=secret)["ARN"]
        settings = settings_of(postgres).model_copy(update={"db_secret_arn": arn})
        for name, value in settings.model_dump().items():
            monkeypatch.setenv(name.upper(), str(value))
        yield
    migrate_metadata.metadata.cache_clear()


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_a_deployment_migrates_and_hears_of_it(database: Database, cloudformation: CloudFormation, kind: str) -> None:
    cloudformation.refuse = 2
    assert migrate_metadata.handler(cloudformation.event(kind), FakeContext()) is None
    [answer] = cloudformation.heard
    assert answer == {
        "Status": "SUCCESS",
        "Reason": "Done",
        "PhysicalResourceId": "cubic-metadata",
        "StackId": "arn:aws:cloudformation:eu-west-2:123456789012:stack/cubic/1",
        "RequestId": "request-1",
        "LogicalResourceId": "Metadata",
    }
    assert cloudformation.content_types == [""]


def test_a_deletion_does_nothing_and_keeps_the_id_even_without_a_database(cloudformation: CloudFormation) -> None:
    migrate_metadata.handler(cloudformation.event("Delete", PhysicalResourceId="failed-earlier"), FakeContext())
    [answer] = cloudformation.heard
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "failed-earlier")


def test_whatever_fails_is_told(cloudformation: CloudFormation) -> None:
    migrate_metadata.metadata.cache_clear()
    migrate_metadata.handler(cloudformation.event("Create"), FakeContext())
    [answer] = cloudformation.heard
    assert answer["Status"] == "FAILED"
    assert "DB_HOST" in answer["Reason"]


def test_work_that_does_not_end_in_time_is_told_before_the_function_ends(cloudformation: CloudFormation) -> None:
    never = threading.Event()
    custom_resource.respond(
        cloudformation.event("Create"),
        lambda: never.wait(30),
        seconds_left=custom_resource.ANSWER_SECONDS + 0.1,
        physical_id="cubic-metadata",
    )
    never.set()
    [answer] = cloudformation.heard
    assert answer["Status"] == "FAILED"
    assert "Not done after" in answer["Reason"]


def test_an_answer_that_cannot_be_sent_is_an_error_so_that_lambda_tries_again(cloudformation: CloudFormation) -> None:
    cloudformation.refuse = 3
    with pytest.raises(OSError, match="503"):
        migrate_metadata.handler(cloudformation.event("Delete"), FakeContext())


def test_an_answer_goes_nowhere_but_over_https() -> None:
    event = CloudFormation(url="file:///etc/passwd").event("Delete")
    with pytest.raises(ValidationError, match="ResponseURL"):
        migrate_metadata.handler(event, FakeContext())


@pytest.mark.usefixtures("environment")
def test_a_person_migrates_with_an_empty_event_and_asks(database: Database) -> None:
    assert migrate_metadata.handler({}, FakeContext()) == {"applied": []}
    migrate_metadata.handler({"command": "put_table", "table": {"s3_prefix": PREFIX}}, FakeContext())
    answer = migrate_metadata.handler({"command": "list_tables"}, FakeContext())
    assert answer is not None
    assert [table["config"]["s3_prefix"] for table in answer["tables"]] == [PREFIX]
    assert migrate_metadata.handler({"command": "count_loads"}, FakeContext()) == {"loads": {}}
    migrate_metadata.handler({"command": "pause", "table": NAME, "because": "x"}, FakeContext())
