"""One run: files go in, everything works until nothing is left to do, and what became of each file is looked at."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cubic import keys
from cubic.keys import DataFile
from cubic.tables import TableConfig
from ingestion.errors import IngestionError
from local.demo.cubic import checking, sample, uploading
from local.demo.cubic.state import Metadata, Watch
from local.emulator import spark
from local.emulator.cloud import Cloud
from local.emulator.database_server import DatabaseServerError
from local.emulator.functions import InvocationFailed

if TYPE_CHECKING:
    from local.demo.cubic.checking import Outcome
    from local.demo.cubic.options import Options
    from local.demo.cubic.uploading import Upload
    from local.demo.cubic.view import View

# 15 minutes are 15 seconds: what a sweep rings for takes as long here as in AWS, and must not be rung for all the time.
SCALE = 1 / 60
SETTLES, WAITS = 5, 10  # seconds that stand for six hours and for a day; a sweep gives up, and comes after all is registered
PARAMETERS = {
    "CubicSettleHours": f"{SETTLES / 3600:.6f}",
    "CubicSnapshotWaitHours": f"{WAITS / 3600:.6f}",
    "CubicKafkaFileMinutes": "0.05",
    # All that wait, lest a batch wait for its lease to end, which has no scaled clock. Spark takes one after the other.
    "CubicConcurrentBatches": "50",
    "CubicDmapHosts": "",
    "PollDelaySeconds": "120",  # 2 seconds: nothing is over before every message has been looked at
}
LOOK_SECONDS, STUCK_SECONDS = 0.4, 900
SWEEP = {"Records": [{"messageId": "1", "receiptHandle": "1", "body": '{"kind": "SweepIncoming", "version": 1}'}]}


def run(options: Options, view: View) -> Outcome:
    """Raises DatabaseServerError where this machine lacks something, with what to do about it."""
    if problem := spark.java_problem():
        raise DatabaseServerError(problem)
    topic = "" if options.incoming else sample.TOPIC
    view.stage("starting AWS and PostgreSQL")
    with Cloud(
        cubic=True,
        liberator=False,
        glue=True,
        time_scale=SCALE,
        parameters=PARAMETERS | {"CubicKafkaTopics": topic},
    ) as cloud:
        threading.Thread(target=_warm_up, args=(cloud,), daemon=True).start()
        view.say(f"{cloud.postgres}, Spark. 15 minutes of waiting take {900 * SCALE:.0f} s here, six hours {SETTLES} s.")
        return _Run(cloud, options, view).carry_out()


def _warm_up(cloud: Cloud) -> None:
    """Spark starts while files are uploaded."""
    assert cloud.glue_jobs is not None
    cloud.glue_jobs.in_session(_job(cloud), checking.CURRENT, [])


def _job(cloud: Cloud) -> str:
    return str(cloud.template.resources["IngestJob"].properties["Name"])


class _Run:
    def __init__(self, cloud: Cloud, options: Options, view: View) -> None:
        self.cloud, self.options, self.view = cloud, options, view
        self.watch = Watch(cloud)
        self.records: list[str] = []
        self.notes: list[str] = []

    def carry_out(self) -> Outcome:
        folders = [self.options.incoming] if self.options.incoming else sample.write(self.cloud.directory)
        deliveries = [uploading.in_order(folder) for folder in folders]
        tables = self._tables([key for files in deliveries for _, key, _ in files])
        # Claimed once all are there, so that batches are few; meanwhile they are registered.
        self._configure(tables, is_active=False)
        uploads = self._upload(deliveries)
        self._await(lambda metadata: not self.watch.unregistered(metadata))
        self._configure(tables, is_active=True)
        self.cloud.start_schedules()
        self.view.stage("ingesting")
        metadata = self._await(lambda metadata: self.watch.is_quiet(metadata, len(self.records)))
        time.sleep(max(0.0, self._last_upload + SETTLES - time.time()))
        # As a schedule would do in a moment: snapshots settle, and views show what they should.
        self.cloud.functions["SweepIncomingFunction"].invoke(SWEEP)
        metadata = self._await(lambda metadata: self.watch.is_quiet(metadata, len(self.records)))
        self.view.stage("reading every row back")
        assert self.cloud.glue_jobs is not None
        outcome = checking.check(self.cloud, self.watch, metadata, uploads, self.records, _job(self.cloud))
        outcome.notes = [*self.notes, *(str(told["reason"]) for told in self.cloud.events("IngestionFailed"))]
        return outcome

    def _tables(self, found: list[str]) -> list[TableConfig]:
        """Those that the user lists, or the sample's; else one without keys for each prefix that has files."""
        if self.options.tables:
            return list(self.options.tables.tables)
        if not self.options.incoming:
            return list(sample.TABLES.tables)
        files = [keys.parse(key) for key in found]
        prefixes = sorted({file.table_prefix for file in files if isinstance(file, DataFile)})
        return [TableConfig.model_construct(s3_prefix=prefix) for prefix in prefixes]

    def _configure(self, tables: list[TableConfig], *, is_active: bool) -> None:
        """By requests, as a person does. A prefix that cannot be a table stays unconfigured, and is told."""
        for table in tables:
            document = table.model_dump(mode="json") | {"is_active": is_active}
            request = {"command": "put_table", "table": document}
            try:
                self.cloud.functions["MigrateMetadataFunction"].invoke(request)
            except InvocationFailed as error:
                if not is_active:
                    self.notes.append(f"{table.s3_prefix}: {str(error).strip().splitlines()[-1]}")

    def _upload(self, deliveries: list[list[tuple[Path, str, int]]]) -> list[Upload]:
        total, done = sum(map(len, deliveries)), 0

        def tell() -> None:
            nonlocal done
            done += 1
            self.view.stage(f"uploading: {done} of {total}")

        uploads: list[Upload] = []
        for number, files in enumerate(deliveries):
            if number:  # the next day: its versions are later in S3's seconds too
                time.sleep(1.01)
            uploads += uploading.upload(self.cloud.s3, self.cloud.name_of("IncomingBucket"), files, tell)
        if not self.options.incoming:
            self._put_records()
        self._last_upload = time.time()
        return uploads

    def _put_records(self) -> None:
        self.records = [json.dumps(record, ensure_ascii=False) for record in sample.RECORDS]
        [stream] = self.cloud.template.of_type("AWS::Kinesis::Stream")
        entries = [{"Data": text.encode(), "PartitionKey": str(n)} for n, text in enumerate(self.records)]
        self.cloud.aws.client("kinesis").put_records(StreamName=stream.properties["Name"], Records=entries)

    def _await(self, done: Any) -> Metadata:
        """Looks until it is so. Raises DatabaseServerError where nothing changes any more."""
        seen, since = "", time.monotonic()
        while True:
            try:
                metadata = self.watch.metadata()
                if done(metadata):
                    return metadata
                now = f"{metadata.statuses()} {metadata.batches}"
                self.view.show(metadata)
            except IngestionError as error:
                now = str(error)
            if now != seen:
                seen, since = now, time.monotonic()
            if time.monotonic() - since > STUCK_SECONDS:
                raise DatabaseServerError(f"Nothing has changed for {STUCK_SECONDS} s, and it is not done: {seen}.")
            time.sleep(LOOK_SECONDS)
