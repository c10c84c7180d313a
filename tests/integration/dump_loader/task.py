"""The loader as ECS runs it: a process of its own, on a real server and moto's S3, SNS, SQS and RDS."""

from __future__ import annotations

import gzip
import io
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import boto3
from pydantic import SecretStr

from dump_loader.account import make
from dump_loader.settings import Credentials
from ingestion.messages import IngestionFailed
from liberator.messages import ExportSnapshot
from liberator.row_counts import RowCounts
from local.emulator import warm
from local.emulator.database_server import DatabaseServer
from local.emulator.warm import Process
from tests.messages import AnyMessage, parse_message

ROOT = Path(__file__).parents[3]
BUCKET = "liberator-data-storage"
INSTANCE = "liberator"
DATABASE = "liberator_under_test"
ACCOUNT = Credentials(username="liberator_loader", password=SecretStr("not-used-elsewhere"))
KEY = "parking/liberator_dump_210604.zip"
CHINOOK = ROOT / "tests" / "data" / "chinook_mysql.zip"


def credentials(account: Credentials) -> dict[str, str]:
    return {"username": account.username, "password": account.password.get_secret_value()}


def until(condition: Callable[[], object], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def peak_while_running(process: Process) -> float:
    """Megabytes, until the process has ended."""
    peak = 0.0
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended, which `poll` tells a moment later
            marks = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")]
            peak = max([peak, *(int(m) / 1024 for m in marks)])
        time.sleep(0.02)
    return peak


def zipped(sql: str | bytes, name: str = "liberator.sql", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = sql.encode() if isinstance(sql, str) else sql
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, gzip.compress(content) if name.endswith(".gz") else content)
    return file.getvalue()


def _content(file: IO[str]) -> str:
    with file:
        file.seek(0)
        return file.read()


@dataclass
class Outcome:
    """What a person or a machine can see of a run that has ended."""

    exit_code: int
    log: list[dict[str, Any]]
    stderr: str
    alerts: list[AnyMessage]
    snapshots: list[dict[str, Any]]

    @property
    def errors(self) -> list[str]:
        return [line["message"] for line in self.log if line["level"] == "ERROR"]

    @property
    def error(self) -> str:
        """The one error line; the alert says the same, the exit code isn't 0, and there is no snapshot."""
        assert self.exit_code == 1, self.log
        assert self.stderr == ""
        (error,) = self.errors
        (alert,) = [alert for alert in self.alerts if isinstance(alert, IngestionFailed)]
        assert alert.reason == error
        assert alert.stage == "dump_loader"
        assert "\n" not in error
        assert self.snapshots == []
        return error


@dataclass
class Loader:
    """One data bucket, one instance, one topic with a queue behind it, one database."""

    server: DatabaseServer
    topic: str
    queue: str
    environment: dict[str, str]
    s3: Any = field(default_factory=lambda: boto3.client("s3"))
    rds: Any = field(default_factory=lambda: boto3.client("rds"))
    outputs: dict[int, tuple[IO[str], IO[str]]] = field(default_factory=dict)

    def use(self, server: DatabaseServer) -> None:
        """From now on, as the account that is deployed; also for a server that was started again, as its port is another."""
        self.server = server
        with server.connect() as master:
            make(master, ACCOUNT, DATABASE)
        self.environment |= {
            "DB_HOST": server.host,
            "DB_PORT": str(server.port),
            "DB_CREDENTIALS": json.dumps(credentials(ACCOUNT)),
            "DB_CA_BUNDLE": str(server.ca_bundle),
        }

    def upload(self, content: bytes, key: str = KEY) -> str | None:
        return self.s3.put_object(Bucket=BUCKET, Key=key, Body=content).get("VersionId")

    def start(self, *, by_event: str | None = KEY, **environment: str) -> Process:
        wanted = {"DUMP_BUCKET": BUCKET, "DUMP_KEY": by_event, "DUMP_VERSION_ID": "", "EVENT_TIME": "2021-06-04T03:00:00Z"}
        stdout, stderr = (tempfile.TemporaryFile("w+") for _ in range(2))  # noqa: SIM115  `ended` closes them
        with Path(os.devnull).open() as nothing:
            process = warm.start(
                ["-m", "dump_loader"],
                env=self.environment | (wanted if by_event else {}) | environment,
                cwd=ROOT,
                stdin=nothing.fileno(),
                stdout=stdout.fileno(),
                stderr=stderr.fileno(),
            )
        self.outputs[process.pid] = stdout, stderr
        return process

    def ended(self, process: Process, *, timeout: float = 120) -> Outcome:
        exit_code = process.wait(timeout)
        stdout, stderr = map(_content, self.outputs.pop(process.pid))
        return Outcome(
            exit_code,
            [line for x in stdout.splitlines() if "_aws" not in (line := json.loads(x))],
            stderr,
            self.alerts(),
            self.snapshots(),
        )

    def run(self, *, by_event: str | None = KEY, **environment: str) -> Outcome:
        return self.ended(self.start(by_event=by_event, **environment))

    def load(self, content: bytes, **environment: str) -> Outcome:
        self.upload(content)
        return self.run(**environment)

    def alerts(self) -> list[AnyMessage]:
        sqs = boto3.client("sqs")
        received = sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in received:
            sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [parse_message(json.loads(m["Body"])["Message"]) for m in received]

    def announced(self) -> list[ExportSnapshot]:
        """What is on the queue of snapshot_to_s3."""
        received = boto3.client("sqs").receive_message(
            QueueUrl=self.environment["SNAPSHOT_QUEUE_URL"], MaxNumberOfMessages=10
        )
        return [ExportSnapshot.model_validate_json(m["Body"]) for m in received.get("Messages", [])]

    def snapshots(self) -> list[dict[str, Any]]:
        """Those that a loader took; moto adds an automated one."""
        described = self.rds.describe_db_snapshots(DBInstanceIdentifier=INSTANCE, SnapshotType="manual")["DBSnapshots"]
        return sorted(described, key=lambda s: s["SnapshotCreateTime"])

    def row_counts(self) -> list[RowCounts]:
        keys = [
            o["Key"] for o in self.s3.list_objects_v2(Bucket=BUCKET)["Contents"] if o["Key"].endswith(".row-counts.json")
        ]
        return [RowCounts.model_validate_json(self.s3.get_object(Bucket=BUCKET, Key=k)["Body"].read()) for k in keys]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.server.connect(DATABASE) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())
