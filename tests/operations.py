"""The commands as a person runs them, in this process: what they print, and what they reach."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3

from cubic.functions import migrate_metadata
from ingestion.clock import Clock, SystemClock
from operations.command import main
from tests.cubic import settings_of
from tests.fakes import FakeContext

if TYPE_CHECKING:
    from local.emulator.postgres_server import PostgresServer

STACK = "dataplatform-stg"


def environment_of(server: PostgresServer) -> dict[str, str]:
    """The variables of a function that reaches the server, with its password in a secret of this AWS."""
    secret = json.dumps({"username": server.user, "password": server.password})
    arn = boto3.client("secretsmanager").create_secret(Name="cubic", SecretString=secret)["ARN"]
    settings = settings_of(server).model_copy(update={"db_secret_arn": arn})
    return {name.upper(): str(value) for name, value in settings.model_dump().items()}


class Lambda:
    """AWS Lambda with the function beside the database; its environment is this process's."""

    def invoke(self, *, FunctionName: str, Payload: bytes) -> Any:  # noqa: N803
        assert FunctionName == f"{STACK}-cubic-migrate-metadata"
        try:
            answer = json.dumps(migrate_metadata.handler(json.loads(Payload), FakeContext()))
            assert len(answer) < 6 * 1024**2
        except Exception as error:  # noqa: BLE001  as Lambda does
            told = json.dumps({"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": []})
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": io.BytesIO(told.encode())}
        return {"StatusCode": 200, "Payload": io.BytesIO(answer.encode())}


@dataclass
class Glue:
    """Glue, where something happens before a run is looked at: it ends as soon as it is."""

    when_looked_at: Callable[[], object]

    def __getattr__(self, name: str) -> Any:
        return getattr(boto3.client("glue"), name)

    def get_job_run(self, **of: Any) -> Any:
        self.when_looked_at()
        return boto3.client("glue").get_job_run(**of)


@dataclass
class Terminal:
    """A person's, who has set PREFIX."""

    variables: dict[str, str] = field(default_factory=lambda: {"PREFIX": STACK})
    clients: dict[str, Any] = field(default_factory=lambda: {"lambda": Lambda()})
    clock: Clock = field(default_factory=SystemClock)

    def run(self, *words: str) -> tuple[int, str, str]:
        """The exit code, and what is printed where."""
        out, err = io.StringIO(), io.StringIO()
        session: Any = self
        code = main(words, self.variables, session, self.clock, out, err)
        return code, out.getvalue(), err.getvalue()

    def client(self, service: Any, **options: Any) -> Any:
        """boto3's session's."""
        return self.clients.get(service) or boto3.client(service, **options)
