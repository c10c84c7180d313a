"""Checks a run that has ended: every row, every file, every bucket, against the files that were uploaded."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cubic import keys
from cubic.keys import DataFile, Description
from cubic.snapshots import text
from local.demo.cubic import current, lake, reading
from local.demo.cubic.reading import Bad, Rows
from local.demo.view import counted

if TYPE_CHECKING:
    from datetime import datetime

    from local.demo.cubic.state import Load, Metadata, Watch
    from local.demo.cubic.uploading import Upload
    from local.emulator.cloud import Cloud

CURRENT = current.SCRIPT

type Place = tuple[str, tuple[str, ...]]  # a Glue table and the values of a partition's keys


@dataclass
class TableReport:
    """A table as it stands in the end. `current` is null without a view of the current state."""

    name: str
    snapshots: list[str]
    loads: dict[str, int]
    rows: dict[str, int]
    current: int | None


@dataclass
class Outcome:
    """The content of the report, and all that is not as it should be. `notes` is what people were told."""

    tables: list[TableReport]
    loads: list[Load]
    problems: list[str]
    notes: list[str] = field(default_factory=list)


@dataclass
class _Check:
    """The files' own account: the rows of each partition, and why others are bad, by key and version."""

    rows: dict[Place, Rows]
    bad: dict[tuple[str, str], str]


def check(cloud: Cloud, watch: Watch, metadata: Metadata, uploads: list[Upload], records: list[str], job: str) -> Outcome:
    """`records` are those of Kafka: each is to be in the lake once, in whichever file."""
    prefixes = {table["s3_prefix"] for table in metadata.tables}
    files = [it for it in uploads if isinstance(it.file, DataFile) and it.file.table_prefix in prefixes]
    expected = _expected(files, uploads)
    problems = _left(watch, metadata) + _loads(cloud, metadata, files, expected)
    rows, differing = _lake(cloud, metadata, expected, records)
    problems += differing
    problems += [
        f"{counted(number, 'message')} could not be handled: look at {queue}-dlq"
        for queue, number in watch.dead_letters().items()
    ]
    keyed = [table["name"] for table in metadata.tables if table["key_columns"]]
    counts = current.counts(cloud, job, keyed)
    statuses = metadata.statuses()
    tables = [
        TableReport(
            name=(name := table["name"]),
            snapshots=metadata.snapshots.get(name, []),
            loads=dict(sorted(statuses[name].items())),
            rows={it: rows[it] for it in (name, name + keys.CHANGES) if it in rows},
            current=counts.get(name),
        )
        for table in metadata.tables
    ]
    shown = ("s3_key", "s3_version", "status", "rows", "reason", "kept_key")
    return Outcome(tables, [{name: load[name] for name in shown} for load in metadata.loads], problems)


def _expected(files: list[Upload], uploads: list[Upload]) -> _Check:
    """Reads the files. Of the versions of one that belong to one partition the last good one counts."""
    check = _Check({}, {})
    snapshots, descriptions = _snapshots(files), _descriptions(uploads, files)
    for upload in sorted(files, key=lambda it: (it.modified, it.version)):
        file, snapshot = upload.file, None
        assert isinstance(file, DataFile)
        try:
            rows = reading.read(upload.path, file.name, descriptions.get(upload))
            if file.is_ods:
                snapshot = snapshots.get(upload.version) or _latest(snapshots, file.table_prefix, upload.modified, files)
                if snapshot is None:
                    raise Bad("no snapshot of its table has begun before it")
        except Bad as error:
            check.bad[upload.key, upload.version] = str(error)
        else:
            check.rows[file.glue_table, (*([text(snapshot)] if snapshot else []), file.identifier)] = rows
    return check


def _snapshots(files: list[Upload]) -> dict[str, datetime]:
    """The snapshot that each first file of a full load begins, by its version: its time, or the next free second."""
    begun: dict[str, datetime] = {}
    last: dict[str, datetime] = {}
    for upload in sorted(files, key=lambda it: (it.modified, it.version)):
        file = upload.file
        if isinstance(file, DataFile) and file.begins_snapshot:
            before = last.get(file.table_prefix)
            at = max(upload.modified, before + timedelta(seconds=1)) if before else upload.modified
            begun[upload.version] = last[file.table_prefix] = at
    return begun


def _latest(snapshots: dict[str, datetime], prefix: str, at: datetime, files: list[Upload]) -> datetime | None:
    of_table = [
        snapshots[it.version]
        for it in files
        if it.version in snapshots and isinstance(it.file, DataFile) and it.file.table_prefix == prefix
    ]
    return max((it for it in of_table if it <= at), default=None)


def _descriptions(uploads: list[Upload], files: list[Upload]) -> dict[Upload, Any]:
    """The DFM of each version of a file: of those of its name the nearest in time. What is no JSON describes nothing."""
    found: dict[Upload, Any] = {}
    for upload in uploads:
        described = [it for it in files if isinstance(it.file, DataFile) and _describes(upload, it.file)]
        if described:
            try:
                document = json.loads(upload.path.read_text("utf-8-sig"))
            except ValueError:
                continue
            nearest = min(described, key=lambda it: abs((it.modified - upload.modified).total_seconds()))
            found[nearest] = document
    return found


def _describes(upload: Upload, file: DataFile) -> bool:
    return isinstance(upload.file, Description) and upload.file.stem == file.stem


def _loads(cloud: Cloud, metadata: Metadata, files: list[Upload], expected: _Check) -> list[str]:
    """Each file is a load that has ended as it should, kept byte for byte in the bucket that it belongs to."""
    problems = []
    loads = {(load["s3_key"], load["s3_version"]): load for load in metadata.loads}
    for upload in files:
        load, why = loads.get((upload.key, upload.version)), expected.bad.get((upload.key, upload.version))
        if load is None:
            problems.append(f"{upload.key} was never registered")
        elif load["status"] == "ready" and load["table"] in metadata.paused:
            continue  # told for the whole table
        elif why and load["status"] != "errored":
            problems.append(f"{upload.key} is bad ({why}), and yet it is {load['status']}")
        elif not why and load["status"] != "archived":
            problems.append(f"{upload.key} is good, and yet it is {load['status']}: {load['reason'] or 'without a reason'}")
        elif why and not load["reason"]:
            problems.append(f"{upload.key} was refused without a reason")
        elif not _same(cloud, load, upload):
            problems.append(f"{upload.key} is not byte for byte in the bucket, as {load['kept_key']}")
    for name, statuses in (("ArchiveBucket", ("archived", "archiving")), ("ErrorBucket", ("errored", "erroring"))):
        kept = Counter(load["kept_key"] for load in metadata.loads if load["status"] in statuses)
        pages = cloud.s3.get_paginator("list_objects_v2").paginate(Bucket=cloud.name_of(name))
        there = Counter(found["Key"] for page in pages for found in page.get("Contents", []))
        problems += [f"{key} is in the bucket {cloud.name_of(name)}, and no load says so" for key in there - kept]
    return problems


def _same(cloud: Cloud, load: Load, upload: Upload) -> bool:
    bucket = cloud.name_of("ArchiveBucket" if load["status"] == "archived" else "ErrorBucket")
    try:
        body = cloud.s3.get_object(Bucket=bucket, Key=load["kept_key"])["Body"]
    except cloud.s3.exceptions.NoSuchKey:
        return False
    digest = hashlib.sha256()
    for chunk in body.iter_chunks(1 << 20):
        digest.update(chunk)
    with upload.path.open("rb") as file:
        return digest.digest() == hashlib.file_digest(file, "sha256").digest()


def _lake(cloud: Cloud, metadata: Metadata, expected: _Check, records: list[str]) -> tuple[dict[str, int], list[str]]:
    """The rows of each Glue table, and where they are others than those of the files."""
    rows: dict[str, int] = {}
    problems, wanted = [], dict(expected.rows)
    of_kafka: list[Rows] = []
    taken = {(keys.data_file(it["s3_key"]).glue_table, it["s3_key"].rpartition("/")[2]) for it in metadata.loads}
    for name, table in lake.tables(cloud).items():
        if table.get("TableType") == "VIRTUAL_VIEW":
            continue
        rows[name] = 0
        for partition in lake.partitions(cloud, name):
            where = f"{name}, {'/'.join(partition.values)}"
            try:
                found = lake.read(cloud, partition)
            except ValueError as error:
                problems.append(f"{where}: {error}")
                continue
            rows[name] += found.count
            should_be = wanted.pop((name, partition.values), None)
            if should_be is None and records and (name, partition.values[-1]) in taken:
                of_kafka.append(found)
            elif should_be is None:
                problems.append(f"{where} is in the lake, and no file that was uploaded has its rows")
            elif found != should_be:
                problems.append(f"{where} has {_said(found)}; its file has {_said(should_be)}")
            if missing := set(found.columns) - set(lake.columns(table)):
                problems.append(f"{name} has no column {', '.join(sorted(missing))}, which {where} has")
    problems += [f"{name}, {'/'.join(values)} is not in the lake" for name, values in wanted]
    sent = reading.rows_of([reading.RECORD], [[record] for record in records])
    arrived = sum(it.count for it in of_kafka), sum(it.hashes for it in of_kafka) & reading.BITS
    if arrived != (sent.count, sent.hashes):
        problems.append(f"{arrived[0]} records of Kafka are in the lake, {sent.count} were sent, or they are others")
    return rows, problems


def _said(rows: Rows) -> str:
    return f"{counted(rows.count, 'row')} of {', '.join(rows.columns)} ({rows.hashes:x})"


def _left(watch: Watch, metadata: Metadata) -> list[str]:
    """Why files are still in Incoming, which is to be empty: a sentence for each cause."""
    tables = {table["s3_prefix"]: table["name"] for table in metadata.tables}
    odd, of_prefix, of_paused, others = [], Counter[str](), Counter[str](), []
    for key in [version["Key"] for version in watch.incoming()]:
        file = keys.parse(key)
        if file is None:
            odd.append(f"{key} is left in Incoming: no file of Cubic has such a name")
        elif file.table_prefix not in tables:
            of_prefix[file.table_prefix] += 1
        elif isinstance(file, Description):
            odd.append(f"{key} is left in Incoming: it is no JSON object, or describes no file that has come")
        elif (name := tables[file.table_prefix]) in metadata.paused:
            of_paused[name] += 1
        else:
            others.append(f"{key} is left in Incoming")
    return [
        *odd,
        *(
            f"{counted(n, 'file')} of {prefix} left in Incoming: no table is configured for it"
            for prefix, n in of_prefix.items()
        ),
        *(
            f"{counted(n, 'file')} of {name} left in Incoming: it is paused, {metadata.paused[name]}"
            for name, n in of_paused.items()
        ),
        *others,
    ]
