"""The messages of Cubic's queues: doorbells, each of which may come twice, late or never. The database is the truth."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from ingestion.messages import Command, Frozen

# S3's limit of a key, and of a version id: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
Key = Annotated[str, Field(min_length=1, max_length=1024)]
TableName = Annotated[str, Field(pattern=r"^cubic__[a-z0-9_]+$", max_length=255)]


class Scheduled(Frozen):
    """A message that a schedule sends, always the same: it has no day. The repeated look is its retry."""

    version: Literal[1] = 1


class RegisterLoad(Command):
    """Register this version of an object of Incoming."""

    kind: Literal["RegisterLoad"] = "RegisterLoad"
    s3_key: Key
    s3_version: Key


class SweepIncoming(Scheduled):
    """Find what lost, doubled or late messages have left undone.

    The markers say where a sweep goes on that one invocation had no time to end.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
    """

    kind: Literal["SweepIncoming"] = "SweepIncoming"
    key_marker: Key | None = None
    version_marker: Key | None = None


class StartIngestion(Command):
    """Start a batch of this table, if there is one to start."""

    kind: Literal["StartIngestion"] = "StartIngestion"
    table: TableName


class FinishIngestion(Command):
    """Take in the result of this batch once its run has ended.

    `once`: a sweep's, which asks again by itself; put back, too, its messages would become more with each sweep.
    """

    kind: Literal["FinishIngestion"] = "FinishIngestion"
    batch: UUID
    once: bool = False


class MoveLoad(Command):
    """Bring the file of this load to the bucket, and under the snapshot, that it belongs to."""

    kind: Literal["MoveLoad"] = "MoveLoad"
    load: int


class FetchFeeds(Scheduled):
    """Fetch every active feed."""

    kind: Literal["FetchFeeds"] = "FetchFeeds"


class FetchFeed(Command):
    """Fetch one feed."""

    kind: Literal["FetchFeed"] = "FetchFeed"
    feed: str


class WriteKafkaFiles(Scheduled):
    """Look at every stream."""

    kind: Literal["WriteKafkaFiles"] = "WriteKafkaFiles"


class WriteTopic(Command):
    """Write the files that this topic's stream is due."""

    kind: Literal["WriteTopic"] = "WriteTopic"
    topic: str
