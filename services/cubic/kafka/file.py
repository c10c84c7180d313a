"""A file of JSON lines: which records it has, and how it is written."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from botocore.exceptions import ClientError
from pydantic_core import from_json

from cubic.kafka.errors import RecordsRefused
from ingestion import telemetry
from ingestion.aws_errors import error_code, explained

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_s3 import S3Client

    from cubic.kafka.reading import Record
    from ingestion.errors import Terminal

type Tell = Callable[[Terminal], None]

# The alphabet of https://pypi.org/project/shortuuid/: 57 characters that nobody mistakes, 22 of which hold 128 bits.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
UUID_LENGTH = 22


@dataclass(frozen=True)
class Range:
    """The records of a shard that are in a file. `ended`: with them, all of a closed shard is in files."""

    shard: str
    first: int
    last: int
    ended: bool


@dataclass(frozen=True)
class File:
    """A file before it is written. Its records are those of the ranges, in this order: the same each time they are read."""

    id: str
    topic: str
    ranges: tuple[Range, ...]
    records: int

    @property
    def key(self) -> str:
        return f"cubic/kafka/{self.topic}/{self.id}.json"

    @property
    def refused_key(self) -> str:
        """Its name is another than the file's, which has its own place in the error bucket should it ever come there."""
        return f"cubic/kafka/{self.topic}/{self.id}.refused.json"


@dataclass(frozen=True)
class Buckets:
    """The names of the two buckets that a file goes to."""

    incoming: str
    error: str


def new_id() -> str:
    """A random UUID as 22 characters."""
    number, characters = uuid4().int, ""
    for _ in range(UUID_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        characters = ALPHABET[digit] + characters
    return characters


def write(file: File, records: Sequence[Record], s3: S3Client, buckets: Buckets, tell: Tell) -> None:
    """Puts the JSON objects among the records into Incoming as they are, and any others into the error bucket.

    Safe to repeat: of one file there are always the same bytes, and an object that is there is left as it is. People are
    told before the file is in Incoming, so that one that is there needs nothing more.
    """
    lines = [_line(record.data) for record in records]
    refused = [record for record, line in zip(records, lines, strict=True) if line is None]
    if refused:
        _put(s3, buckets.error, file.refused_key, [_kept(record) for record in refused])
        wrong = RecordsRefused(
            f"{len(refused)} of {len(records)} records of the topic {file.topic} are not JSON objects in UTF-8, the first: "
            f"{refused[0].sequence} of {refused[0].shard}. They are in s3://{buckets.error}/{file.refused_key}, their bytes "
            "in base64, and not in the lake. Find out who sent them, and send corrected ones to the topic."
        )
        tell(wrong)
    accepted = [line for line in lines if line is not None]
    if accepted:
        _put(s3, buckets.incoming, file.key, accepted)
    telemetry.count("KafkaRecordsWritten", len(accepted))
    telemetry.count("KafkaRecordsRefused", len(refused))


def _line(data: bytes) -> bytes | None:
    """The record as one line, verbatim unless it has line breaks, which in JSON stand between tokens only; null if refused.

    Records that the Kinesis Producer Library has aggregated are no JSON, so they are refused, and people are told.
    https://docs.aws.amazon.com/streams/latest/dev/kinesis-kpl-concepts.html#kinesis-kpl-concepts-aggretation
    """
    try:
        is_object = isinstance(from_json(data, allow_inf_nan=False), dict)
    except ValueError:
        return None
    return data.replace(b"\r", b" ").replace(b"\n", b" ") if is_object else None


def _kept(record: Record) -> bytes:
    fields = {
        "shard": record.shard,
        "sequence_number": str(record.sequence),
        "arrived": record.arrived.isoformat(),
        "partition_key": record.partition_key,
        "data": b64encode(record.data).decode(),
    }
    return json.dumps(fields).encode()


def _put(s3: S3Client, bucket: str, key: str, lines: list[bytes]) -> None:
    with explained(f"writing s3://{bucket}/{key}"):
        try:
            s3.put_object(Bucket=bucket, Key=key, Body=b"\n".join([*lines, b""]), IfNoneMatch="*")
        except ClientError as error:
            if error_code(error) != "PreconditionFailed":  # it is there: an earlier run put it
                raise
