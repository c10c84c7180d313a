"""The ways into S3, and the one upload of a source that is read. Nothing here writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from data_commons.errors import SourceRefused, SpecRefused
from data_commons.spec import Access
from ingestion.aws_errors import explained
from ingestion.errors import Terminal

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_s3 import S3Client

    from data_commons.spec import Source
    from dataset_loader.settings import Settings, Store

# botocore repeats requests; S3File repeats what breaks in the middle of an answer
_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 8}, connect_timeout=10, read_timeout=60, max_pool_connections=10
)


@dataclass(frozen=True, slots=True)
class Pinned:
    """One upload of a source, so that a file uploaded meanwhile under the same name changes nothing. `size` is in bytes."""

    bucket: str
    key: str
    version_id: str | None
    etag: str
    size: int
    modified_at: datetime

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def client(store: Store) -> S3Client:
    """Make a client of a store: with its keys where it has them, else with the task's role."""
    if (store.access_key is None) != (store.secret_key is None):
        raise Terminal(
            "One of the two keys of an S3 store is set, the other is not. Set both or, for the task's role, none."
        )
    if store.access_key is None or store.secret_key is None:
        return boto3.client("s3", endpoint_url=store.endpoint, config=_CONFIG)
    return boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        aws_access_key_id=store.access_key.get_secret_value(),
        aws_secret_access_key=store.secret_key.get_secret_value(),
        config=_CONFIG,
    )


def reader(source: Source, settings: Settings) -> S3Client:
    """Make the client that reads a source; an unsigned one sends no Authorization header.

    Raises SpecRefused where the spec would show our keys or role to another endpoint.
    """
    landing = settings.landing
    match source.access:
        case Access.UNSIGNED:
            return boto3.client("s3", endpoint_url=source.endpoint, config=_CONFIG.merge(Config(signature_version=UNSIGNED)))
        case Access.KEYS:
            if source.endpoint not in (None, landing.endpoint):
                raise SpecRefused(
                    f"The source's endpoint is {source.endpoint}, but the keys are those of S3_LANDING_ENDPOINT. Leave the "
                    'endpoint out, or read without keys: "access": "unsigned".'
                )
            if landing.access_key is None:
                raise Terminal("The spec asks for access by keys. Set S3_LANDING_ACCESS_KEY and S3_LANDING_SECRET_KEY.")
            return client(landing)
        case Access.ROLE:
            if source.endpoint is not None:
                raise SpecRefused(
                    f"The source's endpoint is {source.endpoint}, where the task's role is nobody. Leave the endpoint out, "
                    'or give "access": "keys" or "unsigned".'
                )
            return boto3.client("s3", config=_CONFIG)


def pin(s3: S3Client, source: Source) -> Pinned:
    """Find the upload that the spec names, or the latest one.

    Raises NotFound, AccessDenied, and SourceRefused where it is empty.
    """
    version = {} if source.version is None else {"VersionId": source.version}
    with explained(f"looking for the source {source.uri}"):
        head = s3.head_object(Bucket=source.bucket, Key=source.key, **version)  # type: ignore[arg-type]
    found = head.get("VersionId")
    pinned = Pinned(
        bucket=source.bucket,
        key=source.key,
        version_id=None if found == "null" else found,
        etag=head["ETag"],
        size=head["ContentLength"],
        modified_at=head["LastModified"],
    )
    if not pinned.size:
        raise SourceRefused(f"{pinned.uri} is empty, so the table stays as it is. Upload the file again.")
    return pinned
