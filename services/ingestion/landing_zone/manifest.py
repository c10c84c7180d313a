"""The manifest of a partition: what the landing zone has of it, and the write that makes it so."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from botocore.exceptions import ClientError
from pydantic import AwareDatetime, ValidationError, model_validator

from ingestion import partition
from ingestion.aws_errors import error_code, explained
from ingestion.errors import UnreadableObject
from ingestion.messages import Frozen, Run, problems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingestion.landing_zone.zone import LandingZone


class LandedObject(Frozen):
    """An object of the landing bucket; `size` in bytes."""

    key: str
    size: int


class LandedTable(Frozen):
    """One table of the day. `rows` is the source's own count, null where nobody counted; an empty table has no objects."""

    name: str
    rows: int | None
    objects: tuple[LandedObject, ...]


class Order(NamedTuple):
    """Of two attempts at a partition the greater wins, whichever comes first.

    That is the one of the later origin; of one origin, the one that was taken from it later.
    """

    origin_modified_at: AwareDatetime
    taken_at: AwareDatetime
    attempt: str


class Manifest(Frozen, ABC):
    """One partition of one source, which adds its own details. An attempt is the manifest that it would commit.

    `prefix` is that of all its objects, with a slash at its end. `stale` are keys of earlier manifests and attempts of the
    partition that this one does not name.
    """

    version: Literal[1] = 1
    prefix: str
    run: Run
    correlation_id: str
    tables: tuple[LandedTable, ...]
    stale: tuple[str, ...] = ()

    @property
    @abstractmethod
    def order(self) -> Order:
        """Its place among the attempts at its partition."""

    @property
    @abstractmethod
    def partition(self) -> str:
        """The partition's name, which no other of its prefix has."""

    @abstractmethod
    def may_own(self, key: str) -> bool:
        """Tell whether an object of this key can be one of the partition."""

    @model_validator(mode="after")
    def _of_one_partition(self) -> Self:
        """Refuses keys of other sources and partitions, since the objects that a manifest names may be deleted one day."""
        named = (*sorted(self.keys), *self.stale)
        if strange := [key for key in named if not (key.startswith(self.prefix) and self.may_own(key))]:
            raise ValueError(f"{len(strange)} keys are not of {self.prefix}, {self.partition}")
        return self

    @property
    def keys(self) -> set[str]:
        return {o.key for table in self.tables for o in table.objects}

    @property
    def named(self) -> set[str]:
        """The keys of all objects that stay while it is committed."""
        return self.keys

    @property
    def key(self) -> str:
        return key_of(self.prefix, self.partition)

    @property
    def attempt_key(self) -> str:
        return f"{attempts_prefix(self.prefix, self.partition)}{self.order.attempt}.json"

    def over(self, earlier: Self | None, overtaken: Iterable[Self]) -> Self:
        """Return it as it is committed over an earlier manifest and attempts that can no longer win.

        Keys that were stale before stay listed, in case the earlier run died before it had deleted their objects.
        """
        stale = earlier.keys.union(earlier.stale) if earlier else set()
        stale = stale.union(*(attempt.keys for attempt in overtaken)) - self.keys
        return self.model_copy(update={"stale": tuple(sorted(stale))})


class DayManifest(Manifest, ABC):
    """One day of one source: its partition is a date's."""

    @property
    def partition(self) -> str:
        return partition.name(self.run.import_date)

    def may_own(self, key: str) -> bool:
        return partition.day_of(key) == self.run.import_date


def key_of(prefix: str, name: str) -> str:
    """The key of a partition's manifest."""
    return f"_manifests/{prefix}{name}.json"


def attempts_prefix(prefix: str, name: str) -> str:
    """The prefix under which attempts at a partition are recorded while they are under way."""
    return f"_manifests/{prefix}attempts/{name}/"


@dataclass(frozen=True)
class Stored[M: Manifest]:
    """A manifest in the bucket, with the ETag that a compare-and-swap needs."""

    manifest: M
    etag: str

    def wins_over(self, other: M) -> bool:
        return self.manifest.order > other.order


def read[M: Manifest](key: str, zone: LandingZone[M]) -> Stored[M] | None:
    """The manifest, or attempt, of that key; None where there is none. Raises UnreadableObject."""
    with explained(f"reading s3://{zone.bucket}/{key}"):
        try:
            found = zone.s3.get_object(Bucket=zone.bucket, Key=key)
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise
        body = found["Body"].read()
    try:
        manifest = zone.manifest.model_validate_json(body)
    except ValidationError as error:
        problem = problems(error)
    else:
        if key in (manifest.key, manifest.attempt_key):
            return Stored(manifest, found["ETag"])
        problem = f"it says that it is of {manifest.prefix}, {manifest.partition}"
    raise UnreadableObject(
        f"s3://{zone.bucket}/{key} is not as this project writes it: {problem}. Restore the version before it, or delete it "
        "where there is none, then redrive the message."
    )


def write[M: Manifest](manifest: M, zone: LandingZone[M], *, over: Stored[M] | None) -> bool:
    """Writes the manifest over the one that was read, or as the first; False where another was written in between.

    A write that took effect although its answer was lost looks like a lost race: the caller reads again and finds its own.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    body = manifest.model_dump_json(indent=1).encode()
    with explained(f"writing manifest s3://{zone.bucket}/{manifest.key}"):
        try:
            if over is None:
                zone.s3.put_object(
                    Bucket=zone.bucket, Key=manifest.key, Body=body, ContentType="application/json", IfNoneMatch="*"
                )
            else:
                zone.s3.put_object(
                    Bucket=zone.bucket, Key=manifest.key, Body=body, ContentType="application/json", IfMatch=over.etag
                )
        except ClientError as error:
            # NoSuchKey: the manifest that was read has been deleted since.
            if error_code(error) in {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}:
                return False
            raise
    return True
