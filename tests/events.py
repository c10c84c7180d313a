"""The files under events/, and what each body of them is."""

import json
from pathlib import Path

from ingestion.inbox import Notice
from liberator.rds_events import RdsEvent
from prod_to_preprod.inbox import UploadedObject
from tests.messages import AnyMessage, parse_message

EVENTS = Path(__file__).parents[1] / "events"
FUNCTIONS = ("snapshot_to_s3", "s3_to_s3_copier", "prod_to_preprod")
# The states that `make cloud` brings about. Of the first day there is a complete export too.
SNAPSHOT = "sql-to-parquet-2021-06-04-101530"
NEW, CREATING, DELETED = (f"sql-to-parquet-2021-06-{day}-101530" for day in ("05", "06", "03"))
EXPORTED = "sql-to-parquet-2021-05-31-101530"
EXPORT_FAILED, EXPORT_CANCELLED = (f"sql-to-parquet-2021-06-{day}-101530" for day in ("01", "02"))
INSTANCE = "dataplatform-stg-liberator-to-rds-snapshot"
BUCKET = "dataplatform-stg-liberator-data-storage"


def bodies(function: str, case: str) -> list[str]:
    return [record["body"] for record in json.loads((EVENTS / function / f"{case}.json").read_text())["Records"]]


def rds(event_id: str, source: str = SNAPSHOT, source_type: str = "SNAPSHOT") -> RdsEvent:
    return RdsEvent(event_id=event_id, source_type=source_type, source_identifier=source)


def message(name: str) -> AnyMessage:
    return parse_message((EVENTS / "messages" / f"{name}.json").read_text())


def uploaded(key: str) -> list[UploadedObject]:
    return [UploadedObject(bucket=BUCKET, key=key, version_id="3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY")]


DUMP, ODD = "parking/liberator_dump_210604.zip", "parking/liberator_dump_210604 (final)+ä.zip"
NOTICE = Notice(text="You have successfully subscribed your Amazon RDS events to this topic.")
# As an event of no source, which some have seen; AWS's documentation does not show a subscription's first message.
OF_NO_SOURCE = json.loads(bodies("snapshot_to_s3", "sns_subscription_notice_as_json")[0])["Message"]

READ = {
    ("snapshot_to_s3", "sns_snapshot_creating"): rds("RDS-EVENT-0040", CREATING),
    ("snapshot_to_s3", "sns_snapshot_created"): rds("RDS-EVENT-0042", NEW),
    ("snapshot_to_s3", "sns_raw_snapshot_created"): rds("RDS-EVENT-0042", NEW),
    ("snapshot_to_s3", "sns_snapshot_deleted"): rds("RDS-EVENT-0041", DELETED),
    ("snapshot_to_s3", "sns_instance_backed_up"): rds("RDS-EVENT-0002", INSTANCE, "DB_INSTANCE"),
    ("snapshot_to_s3", "sns_automated_snapshot_created"): rds("RDS-EVENT-0091", f"rds:{INSTANCE}-2021-06-04-03-10"),
    ("snapshot_to_s3", "sns_subscription_notice"): NOTICE,
    ("snapshot_to_s3", "sns_subscription_notice_as_json"): Notice(text=OF_NO_SOURCE),
    ("snapshot_to_s3", "eventbridge_snapshot_created"): rds("RDS-EVENT-0042", NEW),
    ("snapshot_to_s3", "message_daily"): message("ExportSnapshot"),
    ("snapshot_to_s3", "message_backdated"): message("ExportSnapshot.backdated"),
    ("s3_to_s3_copier", "eventbridge_export_completed"): rds("RDS-EVENT-0161", EXPORTED),
    ("s3_to_s3_copier", "eventbridge_export_failed"): rds("RDS-EVENT-0159", EXPORT_FAILED),
    ("s3_to_s3_copier", "eventbridge_export_cancelled"): rds("RDS-EVENT-0160", EXPORT_CANCELLED),
    ("s3_to_s3_copier", "eventbridge_export_of_another_snapshot"): rds("RDS-EVENT-0161", "weekly-copy"),
    ("s3_to_s3_copier", "sns_subscription_notice"): NOTICE,
    ("s3_to_s3_copier", "message_daily"): message("CopyExport"),
    ("s3_to_s3_copier", "message_backdated"): message("CopyExport.backdated"),
    ("prod_to_preprod", "eventbridge_put"): uploaded(DUMP),
    ("prod_to_preprod", "eventbridge_copy"): uploaded(DUMP),
    ("prod_to_preprod", "eventbridge_multipart"): uploaded(DUMP),
    ("prod_to_preprod", "eventbridge_odd_key"): uploaded(ODD),
    ("prod_to_preprod", "notification_url_encoded_key"): uploaded(ODD),
    ("prod_to_preprod", "notification_test_event"): [],
}
BAD = [(path.parent.name, path.stem) for name in FUNCTIONS for path in (EVENTS / name).glob("bad_*.json")]
BATCHES = {("snapshot_to_s3", "batch_good_and_bad")}
