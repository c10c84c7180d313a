"""The questions that a request to this machine's AWS would put to IAM: who, which action, on which resource.

Stands in for IAM's view of the API calls that the system makes; nothing is allowed or denied here. The access key is the
name of the role that a process works in (functions.py, ecs.py). How it differs: KMS, X-Ray and Logs are not called here.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from local.emulator.aws import ACCOUNT, REGION

_SNAPSHOT, _INSTANCE = (f"arn:aws:rds:{REGION}:{ACCOUNT}:{kind}:" for kind in ("snapshot", "db"))


@dataclass(frozen=True)
class Call:
    """One action on one resource; `resource` is an ARN, or `*` where the action has none."""

    role: str
    action: str
    resource: str


def calls_of(request: Any, resource: str) -> Iterator[Call]:
    """Everything that IAM is asked about one of moto's requests; `resource` is what moto takes S3's ARN to be."""
    credential = re.search(r"Credential=([^/]+)/", request.headers.get("Authorization", ""))
    role = credential[1] if credential else ""
    action, parameter = request._get_action(), request._get_param  # noqa: SLF001  in whatever protocol the service speaks
    match request.service_name:
        case "s3":
            asked = _s3(request, action, resource)
        case "sqs":
            # A batch is asked about as its messages are.
            # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
            action = action.removesuffix("Batch")
            asked = [(action, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{parameter('QueueUrl', '').rsplit('/', 1)[-1]}")]
        case "sns":
            asked = [(action, parameter("TopicArn") or "*")]
        case "glue":
            asked = [(action, f"arn:aws:glue:{REGION}:{ACCOUNT}:workflow/{parameter('Name')}")]
        case "rds":
            asked = _rds(parameter, action)
        case _:
            asked = [(action, "*")]
    for name, arn in asked:
        yield Call(role, f"{request.service_name}:{name}", arn)


def _s3(request: Any, action: str, resource: str) -> list[tuple[str, str]]:
    """The objects of a bulk deletion one by one, the source of a copy, an ACL, and a version are asked about, too."""
    if "delete" in request.querystring:
        keys = re.findall(r"<Key>(.*?)</Key>", request.raw_body.decode())
        return [("DeleteObject", f"{resource}/{key}") for key in keys]
    asked = [(_version_of(action, request.querystring), resource)]
    if "x-amz-acl" in request.headers:
        asked.append(("PutObjectAcl", resource))
    if source := request.headers.get("x-amz-copy-source"):
        path, _, query = source.partition("?")
        asked.append((_version_of("GetObject", parse_qs(query)), f"arn:aws:s3:::{unquote(path).lstrip('/')}"))
    return asked


def _version_of(action: str, query: dict[str, Any]) -> str:
    return "GetObjectVersion" if action == "GetObject" and "versionId" in query else action


def _rds(parameter: Callable[[str], Any], action: str) -> list[tuple[str, str]]:
    """Tags that something is made with are asked about, too."""
    snapshot, instance = parameter("DBSnapshotIdentifier"), parameter("DBInstanceIdentifier")
    resources = [parameter("SourceArn")] if action == "StartExportTask" else []
    resources += [_SNAPSHOT + snapshot] if snapshot else []
    resources += [_INSTANCE + instance] if instance else []
    asked = [(action, arn) for arn in resources or ["*"]]
    if action == "CreateDBSnapshot" and parameter("Tags"):
        asked.append(("AddTagsToResource", _SNAPSHOT + snapshot))
    return asked
