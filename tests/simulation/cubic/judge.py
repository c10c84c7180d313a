"""The rules that hold for Cubic's files: whenever something is deleted or committed, and once all is quiet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cubic.keys import DataFile, Description, parse
from ingestion.s3_uri import split_s3_uri
from tests.simulation.cubic.job import BAD, rows_of
from tests.simulation.cubic.system import System

DEATHS = 3
WAITS = timedelta(hours=24)


@dataclass(frozen=True)
class Upload:
    """One version of a file. `modified` is as S3 tells it."""

    key: str
    version: str
    body: bytes
    modified: datetime

    @property
    def order(self) -> tuple[datetime, str]:
        return self.modified, self.version


def text(snapshot: datetime) -> str:
    return f"{snapshot:%Y%m%dT%H%M%SZ}"


@dataclass
class Judge:
    """Violations are told to the world. `configured` are the prefixes that tables are configured for."""

    system: System
    configured: set[str]
    uploads: dict[str, Upload] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world = self.system.world
        self.system.s3.on_deleted = self._deleted  # type: ignore[assignment]
        self.system.glue.on_partition = self._partition

    # ── what is there ──

    def query(self, sql: str) -> list[dict[str, Any]]:
        connection = self.system.connect()
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def files(self) -> Iterator[tuple[DataFile, Upload]]:
        """The uploads that become loads, of configured tables."""
        for upload in self.uploads.values():
            file = parse(upload.key)
            if isinstance(file, DataFile) and file.table_prefix in self.configured:
                yield file, upload

    def snapshots(self, errored: set[str]) -> dict[str, datetime | None]:
        """Version → its snapshot, by S3's times and names alone, and by what was refused."""
        of: dict[str, datetime | None] = {}
        for prefix in self.configured:
            mine = [(f, u) for f, u in self.files() if f.table_prefix == prefix and f.is_ods]
            begun: list[datetime] = []
            for _, upload in sorted(
                ((f, u) for f, u in mine if f.begins_snapshot), key=lambda it: (*it[1].order, it[1].key)
            ):
                at = upload.modified
                while at in begun or (begun and at < begun[-1]):
                    at += timedelta(seconds=1)
                begun.append(at)
                of[upload.version] = at
            for key in {u.key for f, u in mine if not f.begins_snapshot}:
                taken: datetime | None = None
                for file, upload in sorted(((f, u) for f, u in mine if u.key == key), key=lambda it: it[1].order):
                    fit = [at for at in begun if at <= upload.modified][-1:]
                    later = [at for at in begun if taken and at > taken][:1]
                    chosen = fit if file.is_ct or taken is None or (fit and fit[0] > taken) else later
                    of[upload.version] = chosen[0] if chosen else None
                    if not file.is_ct and upload.version not in errored and chosen:
                        taken = chosen[0]
                    elif not file.is_ct and upload.version not in errored and not chosen and taken:
                        taken = datetime.max.replace(tzinfo=upload.modified.tzinfo)  # beyond all that have begun
        return of

    # ── at any moment ──

    def _deleted(self, bucket: str, key: str, version: str) -> None:
        s3, names = self.system.s3, self.system.names
        body = s3.versions[bucket, key, version].body
        if bucket == names.incoming:
            if isinstance(parse(key), Description):
                return
            if not self._copies(version, body):
                self.world.violate(f"{key} {version} is deleted, and neither archive nor error bucket has it")
            found = self.query(f"SELECT status FROM cubic_loads WHERE s3_version = '{version}'")
            if not found or found[0]["status"] not in {"archiving", "erroring", "archived", "errored"}:
                self.world.violate(f"{key} {version} is deleted while its load is {found}")
        elif bucket in {names.archive, names.error}:
            source = s3.versions[bucket, key, version].metadata["source-version"]
            if len(self._copies(source, body)) < 2:
                self.world.violate(f"the only copy of {source}, {key}, is deleted")
        elif bucket == names.raw:
            for (table, values), partition in self.system.glue.partitions.items():
                if f"s3://{bucket}/{key}".startswith(partition["StorageDescriptor"]["Location"] + "/"):
                    self.world.violate(f"{key} is deleted, and partition {values} of {table} names it")

    def _copies(self, version: str, body: bytes) -> list[str]:
        s3, names = self.system.s3, self.system.names
        return [
            key
            for (bucket, key, _), stored in s3.versions.items()
            if bucket in {names.archive, names.error}
            and stored.metadata.get("source-version") == version
            and stored.body == body
        ]

    def _partition(self, table: str, values: tuple[str, ...], before: Any, after: Any) -> None:
        if after is None:
            load = before["Parameters"]["load_id"]
            left = [
                p["Parameters"] for (t, v), p in self.system.glue.partitions.items() if t == table and v[-1] == values[-1]
            ]
            if not any(it["load_id"] == load or it["s3_modified"] >= before["Parameters"]["s3_modified"] for it in left):
                self.world.violate(f"partition {values} of {table} goes, and nothing is in its place")
            return
        files = self._files_of(after)
        upload = self.uploads[after["Parameters"]["s3_version"]]
        if len(files) != 2 or any(body != upload.body for body in files):
            self.world.violate(f"a reader of {table} {values} finds {files}, not {upload.version}")
        if after["Parameters"]["rows"] != str(rows_of(upload.body)):
            self.world.violate(f"partition {values} of {table} says {after['Parameters']['rows']} rows of {upload.body!r}")
        if before and self.uploads[before["Parameters"]["s3_version"]].order > upload.order:
            self.world.violate(f"in {table} {values} an older version takes the place of a newer one")

    def _files_of(self, partition: Any) -> list[bytes]:
        bucket, folder = split_s3_uri(partition["StorageDescriptor"]["Location"])
        return [self.system.s3.buckets[bucket][key].body for key in self.system.s3.keys(bucket, folder + "/")]

    # ── when all is quiet ──

    def quiet(self) -> None:
        """Everything is where it must be, and people have heard of each file that was refused."""
        for what in (*self._loads(), *self._lake(), *self._left()):
            self.world.violate(what)

    def _loads(self) -> Iterator[str]:
        rows = self.query(
            "SELECT l.*, o.snapshot FROM cubic_loads l LEFT JOIN cubic_load_ods_snapshots o ON o.load_id = l.id"
        )
        loads = {row["s3_version"]: row for row in rows}
        if len(loads) != len(rows):
            yield "a version is two loads"
        snapshots = self.snapshots({version for version, row in loads.items() if row["status"] == "errored"})
        for file, upload in self.files():
            load = loads.pop(upload.version, None)
            if load is None:
                yield f"{upload.key} {upload.version} is no load"
                continue
            if load["snapshot"] != snapshots.get(upload.version):
                yield f"{upload.key} {upload.version} belongs to {snapshots.get(upload.version)}, not {load['snapshot']}"
            yield from self._load(file, upload, load, snapshots.get(upload.version))
        if loads:
            yield f"loads of nothing: {loads}"

    def _load(self, file: DataFile, upload: Upload, load: dict[str, Any], snapshot: datetime | None) -> Iterator[str]:
        names = self.system.names
        bucket = {"archived": names.archive, "errored": names.error}.get(load["status"])
        if bucket is None:
            yield f"{upload.key} {upload.version} is {load['status']}"
            return
        kept = self.system.s3.buckets.get(bucket, {}).get(load["kept_key"])
        if kept is None or kept.body != upload.body or kept.version != load["kept_version"]:
            yield f"{upload.key} {upload.version} is not whole in {bucket} as {load['kept_key']}"
        folder = file.directory + (f"snapshot={text(snapshot)}/" if snapshot else "")
        # One that was refused stays as it was kept then, even if its snapshot has begun since.
        fitting = {folder + file.name, f"{folder}load={load['id']}/{file.name}"}
        stays = file.is_ods and snapshot is None
        if load["status"] == "archived" and load["kept_key"] not in fitting and not stays:
            yield f"{upload.key} {upload.version} is kept as {load['kept_key']}"
        bad = not upload.body or upload.body.startswith(BAD)
        if load["status"] == "archived":
            if bad:
                yield f"{upload.key} is archived, and it is bad"
            if file.is_ods and snapshot is None and not self._stays(upload):
                yield f"{upload.key} is archived, and no snapshot has begun"
            if load["rows"] != rows_of(upload.body):
                yield f"{upload.key} is said to have {load['rows']} rows"
            return
        excused = self.system.deaths.get(load["id"], 0) >= DEATHS or (file.is_ods and "no_snapshot" in load["reason"])
        if not bad and not excused:
            yield f"{upload.key} {upload.version} is good, and errored: {load['reason']}"
        if not any(upload.key in told["reason"] for told in self.system.told):
            yield f"nobody heard that {upload.key} was refused"

    def _stays(self, upload: Upload) -> bool:
        """An older version, found late, has its place, and no later snapshot has begun: docs/reliability.md says so."""
        return any(it.key == upload.key and it.order < upload.order for it in self.uploads.values())

    def _lake(self) -> Iterator[str]:
        rows = self.query("SELECT * FROM cubic_loads")
        status = {row["s3_version"]: row["status"] for row in rows}
        where = {row["s3_version"]: row["raw_snapshot"] for row in rows}
        snapshots = self.snapshots({version for version, it in status.items() if it == "errored"})
        expected: dict[tuple[str, tuple[str, ...]], Upload] = {}
        for file, upload in self.files():
            if status.get(upload.version) == "archived":
                snapshot = snapshots.get(upload.version) or where[upload.version]
                place = (file.glue_table, (*([text(snapshot)] if snapshot else []), file.name))
                expected[place] = max(expected.get(place, upload), upload, key=lambda it: it.order)
        there = {place: p["Parameters"]["s3_version"] for place, p in self.system.glue.partitions.items()}
        wanted = {place: upload.version for place, upload in expected.items()}
        if there != wanted:
            yield f"the lake has {sorted(there.items() - wanted.items())} for {sorted(wanted.items() - there.items())}"

    def _left(self) -> Iterator[str]:
        names, s3 = self.system.names, self.system.s3
        left = {key for key, _ in s3.all_versions(names.incoming)}
        for key in sorted(left):
            file = parse(key)
            if file is not None and file.table_prefix in self.configured:
                yield f"{key} is still in Incoming"
        copies = [key for key in s3.keys(names.springboard) if not key.endswith(".json")]
        if copies:
            yield f"copies are left in the springboard: {copies}"

    def tidy(self) -> None:
        """Some days later nothing is left that nothing names."""
        names, s3 = self.system.names, self.system.s3
        if left := s3.keys(names.springboard):
            self.world.violate(f"the springboard is not empty: {left}")
        named = {split_s3_uri(p["StorageDescriptor"]["Location"])[1] for p in self.system.glue.partitions.values()}
        if odd := [key for key in s3.keys(names.raw) if key.rsplit("/", 1)[0] not in named]:
            self.world.violate(f"the raw zone has what no partition names: {odd}")
