"""Cubic's five functions of files on moto's AWS and a real PostgreSQL, with a Glue job of a few lines.

Messages go round until nothing is left; what is delayed comes at once, and what fails comes again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from io import StringIO
from typing import TYPE_CHECKING, Any

import boto3
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

from cubic import keys
from cubic.functions import finish_ingestion, move_load, register_load, start_ingestion, sweep_incoming
from cubic.messages import SweepIncoming
from cubic.store import configuration
from cubic.tables import TableConfig
from cubic.work import BatchDocument, BatchLoad
from ingestion.s3_uri import split_s3_uri
from tests import cubic
from tests.fakes import FakeClock, client_error

if TYPE_CHECKING:
    from cubic.store.database import Cursor, Database
    from ingestion.consumer import Consumer
    from ingestion.messages import Command

ACCOUNT, REGION = "123456789012", "eu-west-2"
INCOMING, ARCHIVE, ERROR, SPRINGBOARD, RAW = "incoming", "archive", "error", "springboard", "raw-zone"
DATABASE, JOB = "raw_zone", "cubic__ingest_incoming"
FUNCTIONS: dict[str, Any] = {
    "register": register_load,
    "sweep": sweep_incoming,
    "start": start_ingestion,
    "finish": finish_ingestion,
    "move": move_load,
}
LOAD1 = f"{cubic.PREFIX}LOAD001.csv.gz"
CT = f"{cubic.CHANGES}20220304-134556444.csv.gz"
ROUNDS = 50


class Killed(BaseException):
    """The function's process has ended. Nothing in it can notice."""


@dataclass
class Faults:
    """Ends the process at the call of that number, before or after its effect."""

    at: int = -1
    after: bool = False
    calls: list[str] = field(default_factory=list)

    def begins(self, call: str) -> None:
        self.calls.append(call)
        if not self.after and len(self.calls) - 1 == self.at:
            raise Killed(call)

    def ends(self) -> None:
        if self.after and len(self.calls) - 1 == self.at:
            raise Killed(self.calls[-1])


@dataclass
class FaultyDatabase:
    """The database, each transaction of which is a call."""

    database: Database
    faults: Faults

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        self.faults.begins("sql")
        with self.database.transaction() as cursor:
            yield cursor
        self.faults.ends()


def job_by_lines(load: BatchLoad, body: bytes) -> tuple[int, str | None]:
    """Rows, and the code of a reason to refuse the file."""
    text = body.decode()
    return len(text.splitlines()) - 1, "ragged_row" if "ragged" in text else None


class Cubic:
    """The source and its functions. `now` goes on with whatever a test writes later."""

    def __init__(self, db: Database) -> None:
        self.db, self.clock, self.faults = db, FakeClock(cubic.START), Faults()
        self.s3, self.sqs, self.glue, sns = _clients(os.environ["AWS_ENDPOINT_URL"])
        for bucket in (INCOMING, ARCHIVE, ERROR, SPRINGBOARD, RAW):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        for bucket in (INCOMING, ARCHIVE, ERROR):
            self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        self.glue.create_database(DatabaseInput={"Name": DATABASE})
        command = {"Name": "glueetl", "ScriptLocation": f"s3://assets/{JOB}.py"}
        self.glue.create_job(Name=JOB, Role="r", Command=command)  # type: ignore[arg-type]
        self.queues = {
            name: self.sqs.create_queue(QueueName=f"cubic-{name}")["QueueUrl"] for name in (*FUNCTIONS, "dlq", "people")
        }
        self.topic = sns.create_topic(Name="ingestion-alerts")["TopicArn"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:cubic-people"
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
        self.session: Any = _session(os.environ["AWS_ENDPOINT_URL"])
        self.session.world = self
        self.consumers = {name: self._consumer(name, module) for name, module in FUNCTIONS.items()}
        self.job: Callable[[BatchLoad, bytes], tuple[int, str | None]] = job_by_lines
        self.ran: set[str] = set()
        self.dies = self.dies_late = 0  # how many runs die before anything, and how many when all but the result is written
        self.errors: list[BaseException] = []
        self.refused: dict[str, Exception] = {}
        self.once: dict[str, Callable[[], object]] = {}
        self.states: str | None = None

    def configure(self, prefix: str = cubic.PREFIX, *keys: str) -> None:
        configuration.put_table(self.db, TableConfig(s3_prefix=prefix, key_columns=keys))

    # ── the source ──

    def upload(self, key: str, body: bytes = b"id,name\r\n1,a\r\n2,b\r\n", seconds: float = 0, *, event: bool = True) -> str:
        """A file that is written that many seconds after START; its version."""
        version = self.s3.put_object(Bucket=INCOMING, Key=key, Body=body)["VersionId"]
        self.clock.time = max(self.clock.time, cubic.after(seconds))
        for stored in s3_backends[ACCOUNT]["aws"].buckets[INCOMING].keys.getlist(key):
            if stored.version_id == version:
                stored.last_modified = cubic.after(seconds).replace(tzinfo=None)
        if event:
            self.event(key, version)
        return str(version)

    def event(self, key: str, version: str) -> None:
        """As EventBridge delivers it."""
        detail = {"bucket": {"name": INCOMING}, "object": {"key": key, "version-id": version, "sequencer": "0"}}
        body = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail, "time": "2030-01-01T00:00:00Z"}
        self.send("register", json.dumps(body))

    def send(self, name: str, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.queues[name], MessageBody=body)

    def sweep(self) -> None:
        self.send("sweep", SweepIncoming().model_dump_json())

    # ── the functions ──

    def settle(self) -> None:
        """Handles messages until there are none, and runs the job meanwhile."""
        for _ in range(ROUNDS):
            if not sum(self.round(name) for name in FUNCTIONS):
                return
        raise AssertionError(f"Still busy after {ROUNDS} rounds: {self.errors}")

    def round(self, name: str) -> bool:
        """Hands all messages of its queue to a function; false where there are none. What it starts has run then."""
        handled = [self.handle(name, message) for message in self.messages(name)]
        if name == "start":
            self.run_job()
        return bool(handled)

    def handle(self, name: str, message: Any, seconds_left: float = 900) -> bool:
        """One message. It stays on its queue where the function fails."""
        try:
            self.consumers[name].take(message["Body"], lambda: seconds_left)
        except (Exception, Killed) as error:  # noqa: BLE001  as Lambda does
            self.errors.append(error)
            self.sqs.change_message_visibility(
                QueueUrl=self.queues[name], ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
            return False
        self.sqs.delete_message(QueueUrl=self.queues[name], ReceiptHandle=message["ReceiptHandle"])
        return True

    def take(self, name: str, message: Command) -> None:
        """A message straight to its function. Raises as that does."""
        self.consumers[name].take(message.model_dump_json(), lambda: 900)

    def messages(self, name: str) -> list[Any]:
        for message in sqs_backends[ACCOUNT][REGION].queues[f"cubic-{name}"]._messages:  # noqa: SLF001
            message.delayed_until = 0
        return self.sqs.receive_message(QueueUrl=self.queues[name], MaxNumberOfMessages=10).get("Messages", [])  # type: ignore[return-value]

    def told(self) -> list[dict[str, Any]]:
        """The alerts since this was last asked."""
        found: list[dict[str, Any]] = []
        while batch := self.messages("people"):
            found += [json.loads(message["Body"]) for message in batch]
            for message in batch:
                self.sqs.delete_message(QueueUrl=self.queues["people"], ReceiptHandle=message["ReceiptHandle"])
        return found

    @contextmanager
    def killed_at(self, call: int, *, after: bool) -> Iterator[Faults]:
        """The functions' next calls; the one of that number ends the process."""
        self.faults = Faults(call, after)
        try:
            yield self.faults
        finally:
            self.faults = Faults()

    @contextmanager
    def refusing(self, operation: str, error: Exception) -> Iterator[None]:
        """The functions' calls of this operation fail."""
        self.refused[operation] = error
        try:
            yield
        finally:
            del self.refused[operation]

    @contextmanager
    def meanwhile(self, operation: str, do: Callable[[], object]) -> Iterator[None]:
        """Done once, when the functions call the operation."""
        self.once[operation] = do
        yield
        assert not self.once

    @contextmanager
    def run_state(self, state: str) -> Iterator[None]:
        """The state that runs are in, for the functions: moto's succeed as soon as they are looked at."""
        self.states = state
        try:
            yield
        finally:
            self.states = None

    # ── the job ──

    def run_job(self) -> None:
        """Runs each run that was started and has not run."""
        runs = [run for run in self.glue.get_job_runs(JobName=JOB)["JobRuns"] if run["Arguments"]["--batch"] not in self.ran]
        for run in runs:
            self.ran.add(run["Arguments"]["--batch"])
            if self.dies:
                self.dies -= 1
                continue
            key = f"_work/{run['Arguments']['--batch']}/"
            document = BatchDocument.model_validate_json(self.object(SPRINGBOARD, key + "batch.json"))
            loads = {load.load_id: self._ingest(load, run["Id"]) for load in document.loads}
            if self.dies_late:
                self.dies_late -= 1
                continue
            body = json.dumps({"batch": str(document.batch), "loads": loads})
            self.s3.put_object(Bucket=SPRINGBOARD, Key=key + "result.json", Body=body.encode())

    def _ingest(self, load: BatchLoad, run: str) -> dict[str, Any]:
        body = self.object(SPRINGBOARD, load.key)
        rows, code = self.job(load, body)
        if code:
            return {"reason": {"code": code, "text": f"{load.s3_key} is ragged in line 2. Have it written again."}}
        file = keys.data_file(load.s3_key)
        header, *_ = StringIO(body.decode()).readline().split()
        columns = [{"Name": name, "Type": "string"} for name in header.split(",")]
        names = ["snapshot", "identifier"] if load.snapshot else ["identifier"]
        values = [load.snapshot, file.identifier] if load.snapshot else [file.identifier]
        folder = file.directory + "".join(f"{k}={v}/" for k, v in zip(names, values, strict=True)) + f"run={run}/"
        self.s3.put_object(Bucket=RAW, Key=f"{folder}part-0.parquet", Body=body)
        storage = {"Columns": columns, "Location": f"s3://{RAW}/{folder}"}
        marks = {"load_id": str(load.load_id), "s3_modified": load.s3_modified.isoformat(), "s3_version": load.s3_version}
        partition: Any = {"Values": values, "StorageDescriptor": storage, "Parameters": marks | {"rows": str(rows)}}
        at: Any = {"DatabaseName": DATABASE}
        try:
            partition_keys = [{"Name": name, "Type": "string"} for name in names]
            table: Any = {"Name": load.glue_table, "PartitionKeys": partition_keys, "StorageDescriptor": storage}
            self.glue.create_table(**at, TableInput=table)
        except self.glue.exceptions.AlreadyExistsException:
            pass
        at |= {"TableName": load.glue_table}
        try:
            self.glue.create_partition(**at, PartitionInput=partition)
        except self.glue.exceptions.AlreadyExistsException:
            there = self.glue.get_partition(**at, PartitionValues=values)["Partition"]["Parameters"]
            if (there["s3_modified"], there["s3_version"]) > (marks["s3_modified"], marks["s3_version"]):
                return {"rows": rows, "superseded": True}
            self.glue.update_partition(**at, PartitionValueList=values, PartitionInput=partition)
        return {"rows": rows}

    # ── the end ──

    def object(self, bucket: str, key: str) -> bytes:
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """All versions', not only the latest ones'."""
        if bucket in (SPRINGBOARD, RAW):
            return [it["Key"] for it in self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
        return sorted(it["Key"] for it in self.s3.list_object_versions(Bucket=bucket, Prefix=prefix).get("Versions", []))

    def loads(self) -> list[tuple[str, str]]:
        """Key and status of each, in order of their times."""
        with self.db.transaction() as cursor:
            cursor.execute("SELECT s3_key, status FROM cubic_loads ORDER BY s3_modified, s3_key, s3_version")
            return [(row["s3_key"].rsplit("/", 1)[1], str(row["status"])) for row in cursor]

    def raw(self, table: str) -> dict[tuple[str, ...], bytes]:
        """The rows of each partition, as a reader of the catalog finds them."""
        try:
            found = self.glue.get_partitions(DatabaseName=DATABASE, TableName=table)["Partitions"]
        except self.glue.exceptions.EntityNotFoundException:
            return {}
        rows = {}
        for partition in found:
            bucket, folder = split_s3_uri(partition["StorageDescriptor"]["Location"])
            rows[tuple(partition["Values"])] = b"".join(self.object(bucket, key) for key in self.keys(bucket, folder))
        return rows

    def end(self) -> Any:
        """All that is to be the same whatever happened on the way, but for names that are given by chance."""
        tables = sorted(it["Name"] for it in self.glue.get_tables(DatabaseName=DATABASE)["TableList"])
        archived = {bucket: self.keys(bucket) for bucket in (INCOMING, ARCHIVE, ERROR)}
        return self.loads(), archived, {table: self.raw(table) for table in tables if not table.endswith(keys.CURRENT)}

    # ── wiring ──

    def begins(self, event_name: str, params: dict[str, Any], **_: Any) -> None:
        call = event_name.removeprefix("before-call.")
        operation = call.rsplit(".", 1)[1]
        if error := self.refused.get(operation):
            raise error
        if do := self.once.pop(operation, None):
            do()
        if operation in {"CopyObject", "CompleteMultipartUpload"} and "If-None-Match" in params["headers"]:
            self._hold_condition(**params["context"]["input_params"])
        self.faults.begins(call)

    def _hold_condition(self, *, Bucket: str, Key: str, **_: Any) -> None:  # noqa: N803
        """moto ignores the conditions of a copy."""
        if self.s3.list_objects_v2(Bucket=Bucket, Prefix=Key).get("Contents"):
            raise client_error("PreconditionFailed", "CopyObject")

    def ends(self, event_name: str, parsed: dict[str, Any], **_: Any) -> None:
        if self.states and event_name.endswith("glue.GetJobRun"):
            parsed["JobRun"]["JobRunState"] = self.states
        self.faults.ends()

    def _consumer(self, name: str, module: Any) -> Consumer[Any]:
        variables = {
            "QUEUE_URL": self.queues[name], "DEAD_LETTER_QUEUE_URL": self.queues["dlq"], "ALERTS_TOPIC_ARN": self.topic,
            "POLL_DELAY_SECONDS": 7, "MAX_WAIT_HOURS": 12, "INCOMING_BUCKET": INCOMING, "ARCHIVE_BUCKET": ARCHIVE,
            "ERROR_BUCKET": ERROR, "SPRINGBOARD_BUCKET": SPRINGBOARD, "RAW_BUCKET": RAW, "RAW_DATABASE": DATABASE,
            "INGEST_JOB": JOB, "DB_HOST": "unused", "DB_PORT": 1, "DB_NAME": "unused", "DB_SECRET_ARN": "unused",
            "DB_CA_BUNDLE": "unused", "SNAPSHOT_WAIT_HOURS": 24, "SETTLE_HOURS": 6,
        }  # fmt: skip
        variables |= {f"{name.upper()}_QUEUE_URL": url for name, url in self.queues.items()}
        database = FaultyDatabase(self.db, self.faults)
        consumer: Consumer[Any] = module.make_consumer(
            module.Settings.model_validate(variables), self.session, self.clock, _Current(self, database)
        )
        return consumer


class _Session:
    """boto3's, with one client for each service, whose calls the world of the moment hears of."""

    def __init__(self) -> None:
        self.world: Cubic | None = None
        self.real = boto3.Session()
        self.real.events.register("before-call", lambda **of: self.world and self.world.begins(**of))
        self.real.events.register("after-call", lambda **of: self.world and self.world.ends(**of))
        self.client = cache(lambda service, **_: self.real.client(service))


# Making a client takes longer than most tests.
@cache
def _session(endpoint: str) -> _Session:
    return _Session()


@cache
def _clients(endpoint: str) -> tuple[Any, ...]:
    return tuple(boto3.client(service) for service in ("s3", "sqs", "glue", "sns"))  # type: ignore[call-overload]


@dataclass
class _Current:
    """The database with the faults of the moment."""

    world: Cubic
    of: FaultyDatabase

    def transaction(self) -> Any:
        self.of.faults = self.world.faults
        return self.of.transaction()


def texts(*seconds: float) -> list[str]:
    """Snapshots, so many seconds after START."""
    return [f"{cubic.after(at):%Y%m%dT%H%M%SZ}" for at in seconds]
