"""The metadata database, asked by the function that is beside it in the VPC, or directly where it can be reached."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from cubic import administration
from ingestion.aws_errors import error_code
from ingestion.errors import Terminal

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

    from cubic.store.database import Database
    from ingestion.clock import Clock

# A request of cubic/administration.py, without its envelope; each is safe to repeat.
type Ask = Callable[[dict[str, Any]], dict[str, Any]]

# Their messages say all; of other errors it is the function's log that does.
_SAID = {"BadConfiguration", "UnknownTable", "DatabaseUnavailable"}


class FunctionFailed(Terminal):
    """The function could not do what it was asked."""


def by_function(client: LambdaClient, name: str) -> Ask:
    """Raises FunctionFailed."""

    def ask(request: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = client.invoke(FunctionName=name, Payload=json.dumps(request).encode())
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            raise FunctionFailed(
                f"There is no function {name} here. Correct the prefix, region or account; the stack must have Cubic."
            ) from error
        payload: dict[str, Any] = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            kind, message = payload.get("errorType", "an error"), payload.get("errorMessage", "")
            raise FunctionFailed(message if kind in _SAID else f"{name} ended with {kind}: {message}. Read its log.")
        return payload

    return ask


def directly(db: Database, clock: Clock) -> Ask:
    return lambda request: administration.answer(db, request, clock.now())
