"""The folder of a batch: the copies of its files, the document that the Glue job works by, and its result.

_work/<batch>/<load id>  batch.json  result.json
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from cubic import keys, snapshots
from cubic.loads import Ingested, Reason, ReasonCode, Refused
from ingestion.aws_errors import error_code, explained
from ingestion.messages import problems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_s3 import S3Client

    from cubic.keys import DataFile
    from cubic.loads import Batch, Load
    from cubic.store.moving import Move

logger = Logger(child=True)

ROOT = "_work/"


class BatchLoad(BaseModel):
    """A load: its copy, and all that the job has to know of it."""

    load_id: int
    key: str
    s3_key: str
    s3_version: str
    s3_modified: AwareDatetime
    s3_size: int
    snapshot: str | None
    glue_table: str
    description: dict[str, Any] | None


class BatchDocument(BaseModel):
    """`batch.json`. It is written once all copies are there, before a run is started.

    `rebuild`: the job writes anew what an earlier run has committed.
    """

    batch: UUID
    table: str
    loads: tuple[BatchLoad, ...]
    rebuild: bool = False


class JobReason(BaseModel):
    code: str
    text: str


class JobOutcome(BaseModel):
    """Either `rows` or `reason`."""

    rows: int | None = Field(None, ge=0)
    reason: JobReason | None = None


class BatchResult(BaseModel):
    """`result.json`, by load id. The job writes it last."""

    batch: UUID
    loads: dict[int, JobOutcome]


def folder(batch: UUID) -> str:
    return f"{ROOT}{batch}/"


def document_key(batch: UUID) -> str:
    return f"{folder(batch)}batch.json"


def copy_key(batch: UUID, load_id: int) -> str:
    return f"{folder(batch)}{load_id}"


def document(batch: Batch, loads: Iterable[Load]) -> BatchDocument:
    """The document of some loads of a batch."""
    return BatchDocument(
        batch=batch.id,
        table=batch.table,
        loads=tuple(
            BatchLoad(
                load_id=load.load_id,
                key=copy_key(batch.id, load.load_id),
                s3_key=load.s3_key,
                s3_version=load.s3_version,
                s3_modified=load.s3_modified,
                s3_size=load.s3_size,
                snapshot=snapshots.text(load.snapshot) if load.snapshot else None,
                glue_table=keys.data_file(load.s3_key).glue_table,
                description=load.description,
            )
            for load in loads
        ),
    )


def write_document(s3: S3Client, bucket: str, made: BatchDocument) -> None:
    """Safe to repeat: the same document again."""
    key = document_key(made.batch)
    with explained(f"writing s3://{bucket}/{key}"):
        s3.put_object(Bucket=bucket, Key=key, Body=made.model_dump_json().encode(), ContentType="application/json")


def write_note(s3: S3Client, bucket: str, move: Move, file: DataFile) -> None:
    """Leaves a document of a load alone, under the snapshot that its partition is to leave, as if a batch had ended.

    Thus the sweep looks at that folder again, some days later. Safe to repeat: the same document again.
    """
    before = snapshots.text(move.raw_snapshot) if move.raw_snapshot else None
    batch = uuid5(NAMESPACE_URL, f"{move.load}/{before}")
    load = BatchLoad(
        load_id=move.load,
        key=copy_key(batch, move.load),
        s3_key=move.source.key,
        s3_version=move.source.version,
        s3_modified=move.s3_modified,
        s3_size=move.s3_size,
        snapshot=before,
        glue_table=file.glue_table,
        description=None,
    )
    write_document(s3, bucket, BatchDocument(batch=batch, table=move.table, loads=(load,)))


def read_document(s3: S3Client, bucket: str, batch: UUID) -> BatchDocument | None:
    return _read(BatchDocument, s3, bucket, batch, document_key(batch))


def read_result(s3: S3Client, bucket: str, batch: UUID) -> dict[int, Ingested | Refused] | None:
    """The outcome of each load that the result tells of; None where there is no result, or none to be believed."""
    found = _read(BatchResult, s3, bucket, batch, f"{folder(batch)}result.json")
    if found is None:
        return None
    outcomes: dict[int, Ingested | Refused] = {}
    for load_id, told in found.loads.items():
        if told.reason is not None:
            code = ReasonCode(told.reason.code) if told.reason.code in set(ReasonCode) else ReasonCode.OTHER
            outcomes[load_id] = Refused(Reason(code, told.reason.text))
        elif told.rows is not None:
            outcomes[load_id] = Ingested(told.rows)
    return outcomes


def _read[M: (BatchDocument, BatchResult)](model: type[M], s3: S3Client, bucket: str, batch: UUID, key: str) -> M | None:
    with explained(f"reading s3://{bucket}/{key}"):
        try:
            body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise
    try:
        found = model.model_validate_json(body)
    except ValidationError as error:
        logger.error("Not read", extra={"key": key, "problems": problems(error)})
        return None
    return found if found.batch == batch else None
