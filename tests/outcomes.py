"""The outcome of each file under events/ in the cloud of `make cloud`, whoever runs the function."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.emulator.cloud import PRE_PRODUCTION_BUCKET
from local.emulator.prepared import ODD_KEY, PreparedCloud
from local.emulator.story import Entry
from tests.events import EVENTS

FUNCTIONS = {
    "snapshot_to_s3": "SnapshotToS3Function",
    "s3_to_s3_copier": "S3ToS3CopierFunction",
    "prod_to_preprod": "ProdToPreprodFunction",
    "cubic_register_load": "RegisterLoadFunction",
    "cubic_sweep_incoming": "SweepIncomingFunction",
    "cubic_start_ingestion": "StartIngestionFunction",
    "cubic_finish_ingestion": "FinishIngestionFunction",
    "cubic_move_load": "MoveLoadFunction",
    "cubic_fetch_dmap": "FetchDmapFunction",
    "cubic_write_kafka_files": "WriteKafkaFilesFunction",
    "cubic_migrate_metadata": "MigrateMetadataFunction",
}
QUEUES = {function: function.replace("_", "-") for function in FUNCTIONS} | {"snapshot_to_s3": "rds-snapshot-to-s3"}
BUCKETS = ("IncomingBucket", "ArchiveBucket", "ErrorBucket", "SpringboardBucket")


@dataclass(frozen=True)
class Outcome:
    """`sent` are queues that got a message of ours or a dead letter, `told` the events published, `copied` a key.

    `filled` are Cubic's buckets that have something new, `runs` how often its job was started.
    """

    sent: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    copied: str | None = None
    filled: tuple[str, ...] = ()
    runs: int = 0
    answer: dict[str, Any] = field(default_factory=lambda: {"batchItemFailures": []})


COPY = Outcome(sent=("s3-to-s3-copier",))
WAIT = Outcome(sent=("rds-snapshot-to-s3",))
NOTHING = Outcome()
LANDED = Outcome(told=("LandingZoneUpdated",))
DUMP = Outcome(copied="parking/liberator_dump_210604.zip")
START, MOVE = Outcome(sent=("cubic-start-ingestion",)), Outcome(sent=("cubic-move-load",))
SWEPT = ("start-ingestion", "finish-ingestion", "move-load", "register-load", "register-load", "register-load")
COUNTED = {
    "cubic__dmap__agg_sample": {"ready_for_archiving": 1},
    "cubic__kafka__sample": {"ingesting": 1},
    "cubic__ods_qlik__edw_sample": {"ready": 1},
}

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
    ("cubic_register_load", "eventbridge_put"): START,
    ("cubic_register_load", "eventbridge_multipart"): START,
    ("cubic_register_load", "eventbridge_odd_name"): START,
    ("cubic_register_load", "message"): START,
    ("cubic_sweep_incoming", "scheduled"): Outcome(sent=tuple(f"cubic-{queue}" for queue in SWEPT)),
    ("cubic_sweep_incoming", "message_going_on"): Outcome(sent=("cubic-register-load",)),  # the file after the marker's
    ("cubic_start_ingestion", "message"): Outcome(sent=("cubic-finish-ingestion",), filled=("SpringboardBucket",), runs=1),
    ("cubic_finish_ingestion", "eventbridge_succeeded"): MOVE,
    ("cubic_finish_ingestion", "eventbridge_failed"): MOVE,  # the run's result counts, however it ended
    ("cubic_finish_ingestion", "message"): MOVE,
    ("cubic_move_load", "message"): Outcome(filled=("ArchiveBucket",)),
    ("cubic_fetch_dmap", "scheduled"): Outcome(sent=("cubic-fetch-dmap",)),
    ("cubic_write_kafka_files", "message_scheduled"): Outcome(sent=("cubic-write-kafka-files",)),
    # S3 tells of the file
    ("cubic_write_kafka_files", "message_topic"): Outcome(sent=("cubic-register-load",), filled=("IncomingBucket",)),
    ("cubic_migrate_metadata", "migrate"): Outcome(answer={"applied": []}),
    ("cubic_migrate_metadata", "count_loads"): Outcome(answer={"loads": COUNTED}),
}
OUTCOMES |= {
    (function, case): Outcome(sent=(f"{QUEUES[function]}-dlq",), told=("IngestionFailed",))
    for function, case in [
        *((path.parent.name, path.stem) for path in EVENTS.glob("*/bad_*.json") if path.parent.name in FUNCTIONS),
        ("cubic_fetch_dmap", "message_feed"),  # the API's address is this machine's, and not asked
        ("s3_to_s3_copier", "eventbridge_export_failed"),
        ("s3_to_s3_copier", "eventbridge_export_cancelled"),
    ]
}


def of_every_file() -> Any:
    """Parametrises a test with `function`, `case` and `outcome`."""
    return pytest.mark.parametrize(("function", "case", "outcome"), [(*key, outcome) for key, outcome in OUTCOMES.items()])


def bring_about(cloud: PreparedCloud, function: str, case: str, invoke: Callable[[str, Path], dict[str, Any]]) -> Outcome:
    """The function's answer, and what came of it."""
    if function.startswith("cubic_"):
        cloud.prepare_cubic()
    before, runs = _objects(cloud), _runs(cloud)
    for found in cloud.s3.list_objects_v2(Bucket=PRE_PRODUCTION_BUCKET).get("Contents", []):
        cloud.s3.delete_object(Bucket=PRE_PRODUCTION_BUCKET, Key=found["Key"])
    sent, told = len(cloud.story.messages()), len(cloud.told)
    answer = invoke(FUNCTIONS[function], EVENTS / function / f"{case}.json")
    copied = [o["Key"] for o in cloud.s3.list_objects_v2(Bucket=PRE_PRODUCTION_BUCKET).get("Contents", [])]
    return Outcome(
        # RDS's own events arrive when they like
        sent=tuple(
            str(e.queue)
            for e in cloud.story.messages()[sent:]
            if str(e.queue).endswith("-dlq") or e.stage in {"ExportSnapshot", "CopyExport"} or _is_of_cubic(e)
        ),
        told=tuple(str(event["kind"]) for event in cloud.told[told:]),
        copied=copied[0] if copied else None,
        filled=tuple(bucket for bucket, objects in _objects(cloud).items() if objects - before[bucket]),
        runs=_runs(cloud) - runs,
        answer=answer,
    )


def _is_of_cubic(entry: Entry) -> bool:
    """Glue's own events arrive when they like, too."""
    return str(entry.queue).startswith("cubic-") and entry.stage != "Glue Job State Change"


def _objects(cloud: PreparedCloud) -> dict[str, set[str]]:
    """The keys that are in Cubic's buckets."""
    listed = {bucket: cloud.s3.list_objects_v2(Bucket=cloud.name_of(bucket)).get("Contents", []) for bucket in BUCKETS}
    return {bucket: {found["Key"] for found in objects} for bucket, objects in listed.items()}


def _runs(cloud: PreparedCloud) -> int:
    return len(cloud.aws.client("glue").get_job_runs(JobName=cloud.name_of("IngestJob"))["JobRuns"])


def event_of(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))
