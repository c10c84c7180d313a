"""The metadata database and the queues of a run, as somebody sees them who waits for its end."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from cubic import keys
from cubic.keys import DataFile
from cubic.store import sweeping

if TYPE_CHECKING:
    from local.emulator.cloud import Cloud

type Load = dict[str, Any]

# The others get a message from their schedules again and again.
_QUEUES = ("register-load", "start-ingestion", "finish-ingestion", "move-load")
_COUNTS = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
_DONE = ("archived", "errored")


@dataclass(frozen=True)
class Metadata:
    """The content of the database: tables, snapshots by table, loads in the order in which they came."""

    tables: list[dict[str, Any]]
    snapshots: dict[str, list[str]]
    loads: list[Load]
    records: int  # of Kafka, that are in files
    batches: int  # that are open

    def statuses(self) -> dict[str, Counter[str]]:
        """How many loads have each status, by table."""
        counted: dict[str, Counter[str]] = defaultdict(Counter)
        for load in self.loads:
            counted[load["table"]][load["status"]] += 1
        return counted

    @property
    def paused(self) -> dict[str, str]:
        return {table["name"]: table["paused_because"] for table in self.tables if table["paused_because"]}


class Watch:
    """Looks at a running cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud, self.database = cloud, cloud.metadata()

    def metadata(self) -> Metadata:
        with self.database.transaction() as cursor:
            cursor.row_factory = dict_row
            tables = cursor.execute("SELECT * FROM cubic_tables ORDER BY name").fetchall()
            snapshots = cursor.execute(
                "SELECT name, to_char(snapshot AT TIME ZONE 'UTC', 'YYYYMMDD\"T\"HH24MISS\"Z\"') AS snapshot "
                "FROM cubic_table_ods_snapshots JOIN cubic_tables t ON t.id = table_id ORDER BY name, snapshot"
            ).fetchall()
            loads = cursor.execute(
                'SELECT l.*, t.name AS "table" FROM cubic_loads l JOIN cubic_tables t ON t.id = table_id ORDER BY l.id'
            ).fetchall()
            [counts] = cursor.execute(
                "SELECT (SELECT count(*) FROM cubic_batches WHERE ended_at IS NULL) AS batches, "
                "(SELECT coalesce(sum(records), 0)::int FROM cubic_kafka_files WHERE written_at IS NOT NULL) AS records"
            ).fetchall()
        of_table: dict[str, list[str]] = defaultdict(list)
        for row in snapshots:
            of_table[row["name"]].append(row["snapshot"])
        return Metadata(tables, of_table, loads, counts["records"], counts["batches"])

    def unregistered(self, metadata: Metadata) -> list[str]:
        """Files in Incoming that a table is configured for, and that are no loads yet."""
        prefixes = {table["s3_prefix"] for table in metadata.tables}
        known = {(load["s3_key"], load["s3_version"]) for load in metadata.loads}
        found = [(it["Key"], it["VersionId"]) for it in self.incoming()]
        files = [(keys.parse(key), version) for key, version in found]
        return [
            file.key
            for file, version in files
            if isinstance(file, DataFile) and file.table_prefix in prefixes and (file.key, version) not in known
        ]

    def incoming(self) -> list[dict[str, Any]]:
        """The versions of all objects that are in Incoming."""
        pages = self._cloud.s3.get_paginator("list_object_versions").paginate(Bucket=self._cloud.name_of("IncomingBucket"))
        return [version for page in pages for version in page.get("Versions", [])]

    def is_quiet(self, metadata: Metadata, records: int) -> bool:
        """Whether nothing is left to do: no load, batch, record or message. A paused table's loads wait for a person."""
        waiting = [
            load
            for load in metadata.loads
            if load["status"] not in _DONE and not (load["status"] == "ready" and load["table"] in metadata.paused)
        ]
        if waiting or metadata.batches or metadata.records < records or self.unregistered(metadata):
            return False
        undone = sweeping.undone(self.database, datetime.now(UTC))
        return not (undone.start or undone.finish or undone.move or any(self._messages(name) for name in _QUEUES))

    def dead_letters(self) -> dict[str, int]:
        """The queues of messages that could not be handled, with their number."""
        names = (*_QUEUES, "sweep-incoming", "write-kafka-files")
        return {name: number for name in names if (number := self._messages(f"{name}-dlq"))}

    def _messages(self, queue: str) -> int:
        """Visible, in flight and delayed ones."""
        sqs, url = self._cloud.aws.client("sqs"), self._cloud.queue_url(f"cubic-{queue}")
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=_COUNTS)["Attributes"]
        return sum(int(attributes[name]) for name in _COUNTS)
