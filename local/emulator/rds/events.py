"""Events of RDS snapshots, and the two forms in which AWS delivers them: through SNS and through EventBridge."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
MESSAGES = {
    "RDS-EVENT-0040": ("creation", "Creating manual snapshot"),
    "RDS-EVENT-0041": ("deletion", "Deleted user snapshot"),
    "RDS-EVENT-0042": ("creation", "Manual snapshot created"),
    "RDS-EVENT-0090": ("creation", "Creating automated snapshot"),
    "RDS-EVENT-0091": ("creation", "Automated snapshot created"),
    "RDS-EVENT-0159": ("notification", "The DB snapshot export task failed"),
    "RDS-EVENT-0160": ("notification", "The DB snapshot export task was canceled"),
    "RDS-EVENT-0161": ("notification", "The DB snapshot export task completed"),
}
DETAIL_TYPE = "RDS DB Snapshot Event"
_USER_GUIDE = "http://docs.amazonwebservices.com/AmazonRDS/latest/UserGuide/USER_Events.html"


@dataclass(frozen=True)
class RdsEvent:
    """One event; also that of an export task carries the snapshot's identifier and ARN, never the task's."""

    event_id: str
    category: str
    source_identifier: str
    source_arn: str
    message: str
    time: datetime
    tags: tuple[tuple[str, str], ...] = ()
    source_type: str = "SNAPSHOT"

    @property
    def region(self) -> str:
        return self.source_arn.split(":")[3]

    @property
    def account(self) -> str:
        return self.source_arn.split(":")[4]


def event_of(event_id: str, identifier: str, arn: str, time: datetime, tags: list[dict[str, str]]) -> RdsEvent:
    category, message = MESSAGES[event_id]
    return RdsEvent(event_id, category, identifier, arn, message, time, tuple((t["Key"], t["Value"]) for t in tags))


def sns_message(event: RdsEvent) -> str:
    """The `Message` that an RDS event subscription publishes on its topic."""
    return json.dumps(
        {
            "Event Source": "db-snapshot",
            "Event Time": f"{event.time:%Y-%m-%d %H:%M:%S}.{event.time.microsecond // 1000:03d}",
            "Identifier Link": f"https://console.aws.amazon.com/rds/home?region={event.region}#snapshot:id={event.source_identifier}",
            "Source ID": event.source_identifier,
            "Source ARN": event.source_arn,
            "Event ID": f"{_USER_GUIDE}#{event.event_id}",
            "Event Message": event.message,
            "Tags": dict(event.tags),
        }
    )


def sns_attributes(event: RdsEvent) -> dict[str, MessageAttributeValueTypeDef]:
    """The `MessageAttributes` that go with `sns_message`."""
    return {
        "EventID": {"DataType": "String", "StringValue": event.event_id},
        "Resource": {"DataType": "String", "StringValue": event.source_arn},
    }


def eventbridge_event(event: RdsEvent) -> dict[str, Any]:
    """The whole event as an EventBridge target gets it."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": DETAIL_TYPE,
        "source": "aws.rds",
        "account": event.account,
        "time": f"{event.time:%Y-%m-%dT%H:%M:%SZ}",
        "region": event.region,
        "resources": [event.source_arn],
        "detail": _detail(event),
    }


def _detail(event: RdsEvent) -> dict[str, Any]:
    return {
        "EventCategories": [event.category],
        "SourceType": event.source_type,
        "SourceArn": event.source_arn,
        "Date": f"{event.time:%Y-%m-%dT%H:%M:%S}.{event.time.microsecond // 1000:03d}Z",
        "Message": event.message,
        "SourceIdentifier": event.source_identifier,
        "EventID": event.event_id,
        "Tags": dict(event.tags),
    }
