"""The outcome of each file under events/ in the cloud of `make cloud`, whoever runs the function."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.emulator.cloud import PRE_PRODUCTION_BUCKET
from local.emulator.prepared import ODD_KEY, PreparedCloud
from tests.events import BAD, EVENTS

FUNCTIONS = {
    "snapshot_to_s3": "SnapshotToS3Function",
    "s3_to_s3_copier": "S3ToS3CopierFunction",
    "prod_to_preprod": "ProdToPreprodFunction",
}
QUEUES = {
    "snapshot_to_s3": "rds-snapshot-to-s3",
    "s3_to_s3_copier": "s3-to-s3-copier",
    "prod_to_preprod": "prod-to-preprod",
}


@dataclass(frozen=True)
class Outcome:
    """`sent` are queues that got a message of ours or a dead letter, `told` the events published, `copied` a key."""

    sent: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    copied: str | None = None


COPY = Outcome(sent=("s3-to-s3-copier",))
WAIT = Outcome(sent=("rds-snapshot-to-s3",))
NOTHING = Outcome()
LANDED = Outcome(told=("LandingZoneUpdated",))
DUMP = Outcome(copied="parking/liberator_dump_210604.zip")

OUTCOMES = {
    ("snapshot_to_s3", "message_daily"): COPY,
    ("snapshot_to_s3", "message_backdated"): COPY,
    ("snapshot_to_s3", "sns_snapshot_created"): COPY,
    ("snapshot_to_s3", "sns_raw_snapshot_created"): COPY,
    ("snapshot_to_s3", "eventbridge_snapshot_created"): COPY,
    ("snapshot_to_s3", "sns_snapshot_creating"): WAIT,
    ("snapshot_to_s3", "sns_instance_backed_up"): WAIT,  # its latest snapshot is the one being created
    ("snapshot_to_s3", "sns_snapshot_deleted"): NOTHING,
    ("snapshot_to_s3", "sns_automated_snapshot_created"): NOTHING,
    ("snapshot_to_s3", "sns_subscription_notice"): NOTHING,
    ("snapshot_to_s3", "sns_subscription_notice_as_json"): NOTHING,
    ("snapshot_to_s3", "batch_good_and_bad"): Outcome(
        sent=("s3-to-s3-copier", "rds-snapshot-to-s3-dlq", "s3-to-s3-copier"), told=("IngestionFailed",)
    ),
    ("s3_to_s3_copier", "message_daily"): LANDED,
    ("s3_to_s3_copier", "message_backdated"): LANDED,
    ("s3_to_s3_copier", "eventbridge_export_completed"): LANDED,
    ("s3_to_s3_copier", "eventbridge_export_of_another_snapshot"): NOTHING,
    ("s3_to_s3_copier", "sns_subscription_notice"): NOTHING,
    ("prod_to_preprod", "eventbridge_put"): DUMP,
    ("prod_to_preprod", "eventbridge_copy"): DUMP,
    ("prod_to_preprod", "eventbridge_multipart"): DUMP,
    ("prod_to_preprod", "eventbridge_odd_key"): Outcome(copied=ODD_KEY),
    ("prod_to_preprod", "notification_url_encoded_key"): Outcome(copied=ODD_KEY),
    ("prod_to_preprod", "notification_test_event"): NOTHING,
}
OUTCOMES |= {
    (function, case): Outcome(sent=(f"{QUEUES[function]}-dlq",), told=("IngestionFailed",))
    for function, case in [
        *BAD,
        ("s3_to_s3_copier", "eventbridge_export_failed"),
        ("s3_to_s3_copier", "eventbridge_export_cancelled"),
    ]
}


def of_every_file() -> Any:
    """Parametrises a test with `function`, `case` and `outcome`."""
    return pytest.mark.parametrize(("function", "case", "outcome"), [(*key, outcome) for key, outcome in OUTCOMES.items()])


def bring_about(
    cloud: PreparedCloud, function: str, case: str, invoke: Callable[[str, Path], dict[str, Any]]
) -> tuple[dict[str, Any], Outcome]:
    """The function's answer, and what came of it."""
    for found in cloud.s3.list_objects_v2(Bucket=PRE_PRODUCTION_BUCKET).get("Contents", []):
        cloud.s3.delete_object(Bucket=PRE_PRODUCTION_BUCKET, Key=found["Key"])
    sent, told = len(cloud.story.messages()), len(cloud.told)
    answer = invoke(FUNCTIONS[function], EVENTS / function / f"{case}.json")
    copied = [o["Key"] for o in cloud.s3.list_objects_v2(Bucket=PRE_PRODUCTION_BUCKET).get("Contents", [])]
    return answer, Outcome(
        # RDS's own events arrive when they like
        sent=tuple(
            str(e.queue)
            for e in cloud.story.messages()[sent:]
            if str(e.queue).endswith("-dlq") or e.stage in {"ExportSnapshot", "CopyExport"}
        ),
        told=tuple(str(event["kind"]) for event in cloud.told[told:]),
        copied=copied[0] if copied else None,
    )


def event_of(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))
