"""Takes a topic from its stream into files, each record once: a file after 10,000 records or an hour, whichever is first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from cubic.kafka.draft import FILE_AGE, next_file
from cubic.kafka.errors import RecordsLost
from cubic.kafka.file import write
from cubic.store import kafka
from ingestion import telemetry
from ingestion.aws_errors import error_code, explained
from ingestion.errors import NotFound

if TYPE_CHECKING:
    from datetime import timedelta

    from mypy_boto3_s3 import S3Client

    from cubic.kafka.file import Buckets, File, Tell
    from cubic.kafka.reading import Record, Stream
    from cubic.store.database import Database
    from cubic.store.kafka import Topic

logger = Logger(child=True)


def write_topic(
    name: str, stream: Stream, s3: S3Client, db: Database, buckets: Buckets, tell: Tell, age: timedelta = FILE_AGE
) -> None:
    """Writes every file of the topic that is due, or as many as the time allows; leaves at once if another run is at it.

    A file is recorded with its ranges; once that is committed it is written to S3; then it is finished and the checkpoints
    move, in one transaction. Wherever a run ends, the next one finds the file, reads the same ranges, and writes the same
    bytes to the same key. If the object has left Incoming meanwhile, it is a load, and is not written again; and even if it
    were, one name is one partition of the lake. People may be told twice, never not at all.
    """
    _write_due(name, stream, s3, db, buckets, tell, age)
    if since := kafka.filed_until(db, name):  # measured by a run that leaves, too: somebody may hold the lock for ever
        telemetry.seconds("KafkaOldestRecordAge", (stream.clock.now() - since).total_seconds())


def _write_due(name: str, stream: Stream, s3: S3Client, db: Database, buckets: Buckets, tell: Tell, age: timedelta) -> None:
    draft: tuple[File, list[Record]] | None = None
    while draft or not stream.time_is_short:  # what is read there is time to write
        with kafka.locked(db, name) as topic:
            if topic is None:
                logger.info("Another run reads this topic", extra={"topic": name})
                return
            if found := topic.unwritten():
                file, is_load = found
                if not is_load:
                    records = draft[1] if draft and draft[0] == file else _read_again(file, topic, stream)
                    if len(records) < file.records:
                        if stream.time_is_short:
                            return
                        _tell_of_loss(file, len(records), s3, buckets, tell)
                    write(file, records, s3, buckets, tell)
                topic.finish(file, stream.clock.now())
                draft = None
                logger.info("File written", extra={"topic": name, "key": file.key, "records": file.records})
            else:
                draft = next_file(topic, stream, tell, age)
                if draft is None:
                    return
                topic.record(draft[0], stream.clock.now())


def _read_again(file: File, topic: Topic, stream: Stream) -> list[Record]:
    """The records of a file that an earlier run recorded: its ranges begin after the checkpoints, which haven't moved."""
    retention = stream.describe().retention
    shards = {shard.id: shard for shard in topic.shards()}
    records: list[Record] = []
    for wanted in file.ranges:
        try:
            for page in stream.pages(shards[wanted.shard], retention):
                records += (record for record in page.records if record.sequence <= wanted.last)
                if page.records and page.records[-1].sequence >= wanted.last:
                    break
        except NotFound:  # all of the shard has expired
            continue
    return records


def _tell_of_loss(file: File, left: int, s3: S3Client, buckets: Buckets, tell: Tell) -> None:
    """Tells people that records expired after they were counted, unless the file was put when they were still there."""
    with explained(f"looking for s3://{buckets.incoming}/{file.key}"):
        try:
            s3.head_object(Bucket=buckets.incoming, Key=file.key)
        except ClientError as error:
            if error_code(error) != "404":
                raise
            lost = RecordsLost(
                f"Of the {file.records} records of s3://{buckets.incoming}/{file.key}, {file.records - left} expired before "
                f"they were written; the file gets the other {left}. Find out what kept write_kafka_files from writing it, "
                "and ask for what is missing to be sent again."
            )
            tell(lost)
