"""A function's part of a CloudFormation custom resource: it always answers, or the stack would wait for an hour.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

from __future__ import annotations

import json
import ssl
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any, Literal

from aws_lambda_powertools import Logger
from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from collections.abc import Callable

logger = Logger(child=True)

ANSWER_SECONDS = 20.0  # kept back of the function's time; its timeout has to be longer
_ATTEMPTS = 3
_REASON_LIMIT = 1_000  # an answer has at most 4,096 bytes


class CustomResourceRequest(BaseModel):
    """The fields that are used."""

    RequestType: Literal["Create", "Update", "Delete"]
    ResponseURL: Annotated[str, Field(pattern=r"^https://")]
    StackId: str
    RequestId: str
    LogicalResourceId: str
    PhysicalResourceId: str | None = None


def respond(event: dict[str, Any], work: Callable[[], object], *, seconds_left: float, physical_id: str) -> None:
    """Do the work on creation and update, nothing on deletion, and answer CloudFormation with how it went.

    Raises where the answer cannot be sent: Lambda then calls the function again. So the work has to be safe to repeat.
    """
    request = CustomResourceRequest.model_validate(event)
    reason = None if request.RequestType == "Delete" else _reason_of_failure(work, seconds_left - ANSWER_SECONDS)
    _send(
        request.ResponseURL,
        {
            "Status": "FAILED" if reason else "SUCCESS",
            "Reason": (reason or "Done")[:_REASON_LIMIT],
            # Always the same: a new id would have CloudFormation delete the old resource.
            "PhysicalResourceId": request.PhysicalResourceId or physical_id,
            "StackId": request.StackId,
            "RequestId": request.RequestId,
            "LogicalResourceId": request.LogicalResourceId,
        },
    )


def _reason_of_failure(work: Callable[[], object], seconds: float) -> str | None:
    """Do the work in a thread that may be left behind; None where it went well."""
    executor = ThreadPoolExecutor(1)
    try:
        executor.submit(work).result(max(seconds, 0))
    except TimeoutError:
        return f"Not done after {seconds:.0f} seconds. Read the function's log, then deploy again."
    except Exception as error:  # whatever it is, CloudFormation has to hear of it
        logger.exception("The custom resource failed")
        return f"{type(error).__name__}: {error}"
    finally:
        executor.shutdown(wait=False)
    return None


def _send(url: str, answer: dict[str, str]) -> None:
    logger.info("Answering CloudFormation", extra={"answer": answer})
    # The URL is signed for a request without a content type.
    request = urllib.request.Request(url, json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT")  # noqa: S310
    tls, seconds = ssl.create_default_context(), ANSWER_SECONDS / (_ATTEMPTS + 1)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            urllib.request.urlopen(request, timeout=seconds, context=tls).close()  # noqa: S310  https alone
        except OSError:
            if attempt == _ATTEMPTS:
                raise
        else:
            return
