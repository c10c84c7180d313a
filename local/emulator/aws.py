"""AWS's APIs on this machine: moto's server in this process, on a free port of 127.0.0.1.

Stands in for S3, SQS, SNS, Glue and RDS. How it differs from AWS, apart from what moto's own documentation says:
- SQS delays run on a scaled clock, so that 15 minutes pass in a second or two; visibility timeouts do not (a function's
  work takes as long as it takes), but a failed batch becomes visible again after its scaled timeout (see pollers.py);
- S3's `Object Created` events have the shape that AWS documents (moto's differ in `etag` and `reason`);
- `UploadPartCopy`, `CopyObject` and the rest have no size limits;
- what is downloaded is not compared with its checksum.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from unittest.mock import patch
from uuid import uuid4

import boto3
import moto.s3.notifications
import moto.sqs.models
from botocore.config import Config
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.responses import ActionResult
from moto.moto_api._internal.models import moto_api_backend
from moto.server import ThreadedMotoServer
from moto.sqs.exceptions import InvalidParameterValue
from moto.sqs.responses import SQSResponse

from local.emulator.glue_catalog import data_catalog

ACCOUNT, REGION = "123456789012", "eu-west-2"

_USUAL = Config(max_pool_connections=50, retries={"total_max_attempts": 3}, response_checksum_validation="when_required")

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
_REASONS = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
}


def environment(endpoint: str) -> dict[str, str]:
    """The variables by which a process talks to the AWS at this endpoint, with any SDK."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        # moto tells the checksum of a part for that of an object which was uploaded by parts.
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }


@dataclass
class LocalAws:
    """Context manager. `on_sent(queue, body, delay)` hears of each message, `on_event` of each EventBridge event,
    `on_request(request, resource)` of each API request, in moto's terms (see iam.py)."""

    time_scale: float
    on_sent: Callable[[str, str, int], None] = lambda *_: None
    on_event: Callable[[dict[str, Any]], None] = lambda _: None
    on_request: Callable[[Any, str], None] = lambda *_: None
    endpoint: str = ""
    _open: ExitStack = field(default_factory=ExitStack)
    _clients: dict[str, Any] = field(default_factory=dict)
    _making: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        moto_api_backend.reset()  # what an earlier run in this process left
        with ExitStack() as stack:
            self._patch_sqs(stack)
            stack.enter_context(data_catalog())
            # Every request passes where moto would ask IAM.
            stack.enter_context(patch.object(ActionAuthenticatorMixin, "_authenticate_and_authorize_action", self._asked()))
            stack.enter_context(patch.object(moto.s3.notifications, "_send_event_bridge_message", self._object_event))
            server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
            server.start()
            stack.callback(server.stop)
            self.endpoint = "http://{}:{}".format(*server.get_host_and_port())
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def also_on(self, address: str) -> str:
        """Listens on another address of this machine too; the endpoint there."""
        server = ThreadedMotoServer(address, 0, verbose=False)
        server.start()
        self._open.callback(server.stop)
        return "http://{}:{}".format(*server.get_host_and_port())

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.endpoint)

    def client(self, service: str, config: Config | None = None) -> Any:
        """A boto3 client for this AWS; `Any`, since stubs give each service a type of its own.

        Without a configuration of its own it is made once: that takes a quarter of a second, and it serves all threads.
        https://boto3.amazonaws.com/v1/documentation/api/latest/guide/clients.html#multithreading-or-multiprocessing-with-clients
        """
        if config:
            return self._made(service, config)
        with self._making:
            if service not in self._clients:
                self._clients[service] = self._made(service, _USUAL)
        return self._clients[service]

    def _made(self, service: str, config: Config) -> Any:
        return boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION).client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            config=config,
        )

    def _patch_sqs(self, stack: ExitStack) -> None:
        delay, send = moto.sqs.models.Message.delay, moto.sqs.models.SQSBackend.send_message

        def scaled_delay(message: Any, delay_seconds: int) -> None:
            delay(message, 0)
            message.delayed_until += delay_seconds * 1000 * self.time_scale

        def told_send(backend: Any, queue_name: str, message_body: str, *args: Any, **options: Any) -> Any:
            # Told first, so that the story has a message before what comes of it.
            self.on_sent(queue_name, message_body, int(options.get("delay_seconds") or 0))
            return send(backend, queue_name, message_body, *args, **options)

        stack.enter_context(patch.object(SQSResponse, "start_message_move_task", _move_messages, create=True))
        stack.enter_context(patch.object(moto.sqs.models.Message, "delay", scaled_delay))
        stack.enter_context(patch.object(moto.sqs.models.SQSBackend, "send_message", told_send))

    def _asked(self) -> Callable[..., None]:
        def asked(request: Any, _iam_request: type, resource: str = "*") -> None:
            self.on_request(request, resource)

        return asked

    def _object_event(self, account_id: str, bucket: Any, event_name: str, key: Any) -> None:
        """Called by moto for a bucket whose notifications go to EventBridge."""
        name = str(getattr(event_name, "value", event_name))
        if name not in _REASONS:
            return
        detail = {
            "version": "0",
            "bucket": {"name": bucket.name},
            "object": {
                "key": key.name,
                "size": key.size,
                "etag": key.etag.strip('"'),
                "version-id": key.version_id,
                "sequencer": f"{datetime.now(UTC).timestamp():.6f}".replace(".", ""),
            },
            "request-id": "LOCAL",
            "requester": account_id,
            "source-ip-address": "127.0.0.1",
            "reason": _REASONS[name],
        }
        self.on_event(event_of("aws.s3", "Object Created", detail, [bucket.arn]))


def _move_messages(response: Any) -> ActionResult:
    """StartMessageMoveTask, which moto lacks. AWS moves at its own pace; this is done when it answers.

    Without a destination AWS looks for the queue that a message came from: only its own redrive policy records one.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
    """
    source, destination = (response._get_param(name) for name in ("SourceArn", "DestinationArn"))  # noqa: SLF001
    if not destination:
        raise InvalidParameterValue("DestinationArn: these messages have no original source queue.")
    backend = response.sqs_backend
    queue = backend.get_queue(source.rsplit(":", 1)[-1])
    for message in list(queue._messages):  # noqa: SLF001
        backend.send_message(destination.rsplit(":", 1)[-1], message.body, message_attributes=message.message_attributes)
        queue._messages.remove(message)  # noqa: SLF001
    return ActionResult({"TaskHandle": str(uuid4())})


def event_of(source: str, detail_type: str, detail: dict[str, Any], resources: list[str]) -> dict[str, Any]:
    """An EventBridge event. https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html"""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": REGION,
        "resources": resources,
        "detail": detail,
    }
