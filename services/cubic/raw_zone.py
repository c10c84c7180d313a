"""The partitions of Cubic's tables in the raw zone, as the functions see them: the Glue job makes them.

<directory of the file>/snapshot=<S>/identifier=<file name>/run=<run>/part-….parquet
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from cubic import keys, snapshots
from cubic.errors import PartitionLost
from ingestion.aws_errors import error_code, explained
from ingestion.errors import Transient
from ingestion.landing_zone.copying import Original, copy_all, sizes
from ingestion.s3_uri import split_s3_uri

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

    from cubic.keys import DataFile
    from cubic.loads import Load
    from ingestion.consumer import SecondsLeft
    from ingestion.landing_zone.zone import Bucket

logger = Logger(child=True)

_ATTEMPTS = 10

# As Hive: https://github.com/apache/hive/blob/rel/release-3.1.3/common/src/java/org/apache/hadoop/hive/common/FileUtils.java
_ESCAPED = frozenset("\"#%'*/:=?\\{[]^\x7f") | {chr(code) for code in range(1, 32)}


@dataclass(frozen=True)
class RawZone:
    """The bucket, and the database of the catalog."""

    bucket: Bucket
    glue: GlueClient
    database: str

    def has_table(self, table: str) -> bool:
        with explained(f"looking for table {self.database}.{table}"):
            try:
                self.glue.get_table(DatabaseName=self.database, Name=table)
            except ClientError as error:
                if error_code(error) == "EntityNotFoundException":
                    return False
                raise
        return True

    def partition(self, table: str, values: list[str]) -> Any:
        """As Glue has it; None where there is none."""
        return find_partition(self.glue, self.database, table, values)

    def put_partition(self, table: str, made: Any) -> None:
        """Puts a partition in the place of an older version's; one of a newer version stays.

        Glue updates a partition unconditionally. So what is there is read again afterwards, as the job does, until it is
        this one or a newer one. Safe to repeat. Raises Transient where others write it all the time.
        """
        values = made["Values"]
        for _ in range(_ATTEMPTS):
            there = self.partition(table, values)
            if there is not None and (_is_same(there, made) or _order(there) > _order(made)):
                return
            with explained(f"writing partition {values} of {self.database}.{table}"):
                self._write_partition(table, made, is_there=there is not None)
        raise Transient(
            f"Partition {values} of {self.database}.{table} is written by others all the time. It is tried again."
        )

    def _write_partition(self, table: str, made: Any, *, is_there: bool) -> None:
        """Creates or updates it, unless it came or went meanwhile."""
        place: Any = {"DatabaseName": self.database, "TableName": table}
        try:
            if is_there:
                self.glue.update_partition(**place, PartitionValueList=made["Values"], PartitionInput=made)
            else:
                self.glue.create_partition(**place, PartitionInput=made)
        except ClientError as error:
            if error_code(error) != ("EntityNotFoundException" if is_there else "AlreadyExistsException"):
                raise

    def delete_partition(self, table: str, values: list[str]) -> None:
        with explained(f"deleting partition {values} of {self.database}.{table}"):
            try:
                self.glue.delete_partition(DatabaseName=self.database, TableName=table, PartitionValues=values)
            except ClientError as error:
                if error_code(error) != "EntityNotFoundException":
                    raise


def find_partition(glue: GlueClient, database: str, table: str, values: list[str]) -> Any:
    """As Glue has it; None where there is none."""
    with explained(f"looking for partition {values} of {database}.{table}"):
        try:
            return glue.get_partition(DatabaseName=database, TableName=table, PartitionValues=values)["Partition"]
        except ClientError as error:
            if error_code(error) == "EntityNotFoundException":
                return None
            raise


def committed_rows(glue: GlueClient, database: str, load: Load) -> int | None:
    """The rows of the load's own partition; None where no run has committed it, or a newer version is in its place."""
    file = keys.data_file(load.s3_key)
    snapshot = snapshots.text(load.snapshot) if load.snapshot else None
    there = find_partition(glue, database, file.glue_table, values(file, snapshot))
    return int(there["Parameters"]["rows"]) if there and _load_id(there) == load.load_id else None


def values(file: DataFile, snapshot: str | None) -> list[str]:
    """The values of the partition keys: `snapshot`, if any, and `identifier`."""
    return [*([snapshot] if snapshot else []), file.identifier]


def folder(file: DataFile, snapshot: str | None) -> str:
    """The key prefix under which each run that ingests the file has a folder, escaped as the job does."""
    partition = ({"snapshot": snapshot} if snapshot else {}) | {"identifier": file.identifier}
    return file.directory + "".join(f"{key}={_escaped(value)}/" for key, value in partition.items())


def refile(
    zone: RawZone,
    file: DataFile,
    load_id: int,
    modified: datetime,
    before: datetime,
    after: datetime,
    seconds_left: SecondsLeft,
) -> None:
    """Moves the partition of a load from one snapshot to another: its files are copied, then it is named, then unnamed.

    A reader sees it in one of them, or for a moment in both. A partition of a newer version stays where it is. Safe to
    repeat. The files under the old snapshot are left to the sweep, for readers that have begun. Raises PartitionLost where
    there is no partition of this load or of a newer version under either.
    """
    table = file.glue_table
    old, new = (values(file, snapshots.text(at)) for at in (before, after))
    there = zone.partition(table, old)
    if there is None or _load_id(there) != load_id:
        newest = max((_order(found)[0] for found in (there, zone.partition(table, new)) if found), default=None)
        if newest is None or newest < modified:
            raise PartitionLost(
                f"Load {load_id} ({file.key}) belongs to snapshot {new[0]} now, and {zone.database}.{table} has no "
                f"partition of it, nor under {old[0]}. Put the file from the archive into Incoming again."
            )
        return
    location = str(there["StorageDescriptor"]["Location"]).replace(f"/snapshot={old[0]}/", f"/snapshot={new[0]}/")
    _copy(zone, there["StorageDescriptor"]["Location"], location, seconds_left)
    made = {
        "Values": new,
        "StorageDescriptor": there["StorageDescriptor"] | {"Location": location},
        "Parameters": there["Parameters"],
    }
    zone.put_partition(table, made)
    again = zone.partition(table, old)
    if again is not None and _load_id(again) == load_id:
        zone.delete_partition(table, old)
    logger.info("Moved to another snapshot", extra={"load": load_id, "before": old[0], "after": new[0]})


def _copy(zone: RawZone, source: str, target: str, seconds_left: SecondsLeft) -> None:
    (bucket, before), (_, after) = (split_s3_uri(uri.rstrip("/") + "/") for uri in (source, target))
    plan = {
        after + key.removeprefix(before): Original(bucket, key, size) for key, size in sizes([before], zone.bucket).items()
    }
    if differing := copy_all(plan, zone.bucket, seconds_left):
        raise Transient(f"Copies in s3://{zone.bucket.bucket} differ from their sources: {differing[0]}. It is tried again.")


def _escaped(value: str) -> str:
    return "".join(f"%{ord(c):02X}" if c in _ESCAPED else c for c in value)


def _load_id(partition: Any) -> int | None:
    text = partition.get("Parameters", {}).get("load_id", "")
    return int(text) if text.isdecimal() else None


def _is_same(there: Any, made: Any) -> bool:
    places = {partition["StorageDescriptor"]["Location"] for partition in (there, made)}
    return len(places) == 1 and _load_id(there) == _load_id(made)


def _order(partition: Any) -> tuple[datetime, str]:
    of = partition["Parameters"]
    return datetime.fromisoformat(of["s3_modified"]), of.get("s3_version", "")
