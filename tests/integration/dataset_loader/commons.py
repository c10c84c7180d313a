"""A source, the buckets of the data commons and the publisher's queue on moto's server, and the task run on them."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import dataclass, field
from typing import Any

import boto3
import pyarrow as pa
from aws_lambda_powertools import Logger
from pyarrow import parquet

from data_commons.manifest import TableManifest
from data_commons.messages import PublishTable
from dataset_loader.__main__ import STAGE, main

SOURCES, BUCKET, PROD = "osc-landing", "osc-dev", "osc-prod"


@dataclass
class Outcome:
    """The visible outcome of a run that has ended."""

    exit_code: int
    log: list[logging.LogRecord]

    @property
    def error(self) -> str:
        assert self.exit_code == 1, self.log
        (error,) = [record for record in self.log if record.levelname == "ERROR"]
        assert error.exc_info is None, error.exc_info
        return error.getMessage()


class Log(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@dataclass
class Commons:
    queue: str
    s3: Any = field(default_factory=lambda: boto3.client("s3"))

    def upload(self, content: bytes, key: str = "data/plants.csv", bucket: str = SOURCES) -> str:
        return self.s3.put_object(Bucket=bucket, Key=key, Body=content).get("VersionId")

    def spec(self, source_key: str = "data/plants.csv", **changes: Any) -> str:
        source = {"bucket": SOURCES, "key": source_key} | changes.pop("source", {})
        document = {"schema": "pudl", "table": "plants", "source": source} | changes
        self.s3.put_object(Bucket=SOURCES, Key="specs/plants.json", Body=json.dumps(document).encode())
        return f"s3://{SOURCES}/specs/plants.json"

    def run(self, *arguments: str) -> Outcome:
        log = Log()
        Logger(service=STAGE)  # its own handler has to be the first
        logging.getLogger(STAGE).addHandler(log)
        try:
            return Outcome(main(arguments), log.records)
        finally:
            logging.getLogger(STAGE).removeHandler(log)

    def load(self, content: bytes, key: str = "data/plants.csv", **changes: Any) -> Outcome:
        self.upload(content, key)
        return self.run("--spec", self.spec(key, **changes))

    def table(self, content: bytes, key: str = "data/plants.csv", **changes: Any) -> pa.Table:
        """Load a source, and return what is written of it."""
        outcome = self.load(content, key, **changes)
        assert outcome.exit_code == 0, outcome.log
        return self.read(self.attempts()[-1])

    def values(self, content: bytes, key: str = "data/plants.csv", **changes: Any) -> dict[str, list[Any]]:
        return self.table(content, key, **changes).to_pydict()

    def read(self, attempt: TableManifest) -> pa.Table:
        (key,) = attempt.keys
        return parquet.read_table(io.BytesIO(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()))

    def keys(self, bucket: str = BUCKET) -> list[str]:
        return [found["Key"] for found in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def parquets(self) -> list[str]:
        return [key for key in self.keys() if key.endswith(".parquet")]

    def uploads(self) -> list[Any]:
        return self.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])

    def attempts(self) -> list[TableManifest]:
        """The attempts on record, the latest last."""
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix="_manifests/").get("Contents", [])
        read = (self.s3.get_object(Bucket=BUCKET, Key=it["Key"])["Body"].read() for it in found)
        return sorted(map(TableManifest.model_validate_json, read), key=lambda it: it.staged_at)

    def announced(self) -> list[PublishTable]:
        """Take what is on the publisher's queue."""
        sqs = boto3.client("sqs")
        received = sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in received:
            sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [PublishTable.model_validate_json(message["Body"]) for message in received]
