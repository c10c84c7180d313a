"""One run: a source and its spec are uploaded, twice, and the table is read through Trino; all else comes by events."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from data_commons import sql
from data_commons.catalog import Tables
from data_commons.connection import Server, Trino
from data_commons.sql import Name
from local.demo.trino import second
from local.demo.trino.comparing import compare
from local.demo.trino.outcome import Outcome
from local.demo.trino.reader import Reader, fingerprint
from local.demo.trino.source import SourceFile
from local.emulator.cloud import PREFIX, Cloud

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data_commons.catalog import Shown
    from data_commons.spec import DatasetSpec
    from local.demo.cubic.view import View
    from local.demo.trino.options import Options
    from local.demo.trino.reader import Seen
    from local.emulator.story import Entry

BUCKET = f"{PREFIX}-data-commons-source"
STUCK_SECONDS = 3600  # until somebody is told of a version: a large source takes long
SEEN_SECONDS = 60
FETCHED = 10_000
_OF_A_TEXT = 40  # characters that are looked for: comments are cut to what Glue keeps
_STAGES = {"Task started": "the loader starts", "PublishTable": "staged, to be published", "TablePublished": "published"}


class Refused(Exception):
    """The loader or the publisher has given up; the message is its own reason."""


def run(options: Options, view: View, outcome: Outcome) -> None:
    """Fill the outcome. Raises TrinoServerError where this machine lacks something, and Refused."""
    began = time.monotonic()
    view.stage("starting AWS and Trino")
    with (
        Cloud(data_commons=True, liberator=False, parameters={"TrinoGlueSchemas": options.spec.schema_name}) as cloud,
        ExitStack() as stack,
    ):
        outcome.seconds["start"] = _since(began)
        view.say(f"{cloud.trino}, its tables in the Glue Data Catalog of the local AWS.")
        _Run(cloud, options.spec, view, outcome, stack).carry_out(SourceFile(options.source, options.spec.reading))
    outcome.seconds["total"] = _since(began)


class _Run:
    def __init__(self, cloud: Cloud, spec: DatasetSpec, view: View, outcome: Outcome, stack: ExitStack) -> None:
        assert cloud.trino is not None
        self.cloud, self.spec, self.view, self.outcome = cloud, spec, view, outcome
        self.access = cloud.trino.access
        self.catalog = spec.catalog.trino_name
        self.name = Name(self.catalog, spec.schema_name, spec.table)
        at = Server(self.access.host, self.access.port, self.access.user, (self.catalog,), self.access.ca_bundle)
        trino = Trino(at, self.access.token)
        stack.callback(trino.close)
        self.tables = Tables(trino.query, self.catalog)
        self._of = ""
        cloud.story.listen_to(self._listen)

    def carry_out(self, source: SourceFile) -> None:
        first = self._ingest(source, "the source")
        shown = self._look(source, first)
        question = fingerprint(self.name, [it.name for it in shown.columns])
        before = self._ask(question)
        copy = second.write(source, self.cloud.directory / source.path.name)
        with Reader(self.access, question) as reader:
            if not reader.sees(before, SEEN_SECONDS):
                self.outcome.problems.append("The reader did not see the first version")
            self._ingest(copy, second.MADE)
            after = self._ask(question)
            if not reader.sees(after, SEEN_SECONDS):
                self.outcome.problems.append(f"The reader did not see the second version within {SEEN_SECONDS} s")
        self._judge(reader, before, after)

    def _ingest(self, source: SourceFile, of: str) -> str:
        """Upload, wait until it is published, and compare all values; return the uuid."""
        self._of, began = of, time.monotonic()
        told = len(self.cloud.told)
        number = len(self.outcome.versions) + 1
        self.view.stage(f"version {number}, {of}: uploading")
        self._upload(source)
        event = self._published(told)
        self.outcome.seconds[f"version_{number}"] = _since(began)
        began = time.monotonic()
        types = [it.type for it in self._shown().columns]
        with self.access.connect() as connection:
            compared = compare(source, self.spec, types, self._rows(connection), self._tell_rows)
        self.outcome.seconds[f"reading_back_{number}"] = _since(began)
        if event["rows"] != compared.rows:
            compared.problems.append(f"TablePublished says {event['rows']:,} rows, Trino has {compared.rows:,}")
        self.outcome.problems += [f"{of[0].upper()}{of[1:]}: {problem}" for problem in compared.problems]
        location = self._shown().location or ""
        self.outcome.versions.append(
            {"uuid": event["uuid"], "of": of, "rows": compared.rows, "location": location, "reads": 0}
        )
        return str(event["uuid"])

    def _upload(self, source: SourceFile) -> None:
        """S3's times have seconds, and the later upload wins: so the second one is in a later second."""
        s3, key = self.cloud.s3, self.spec.source.key
        if self.outcome.versions:
            last = s3.head_object(Bucket=BUCKET, Key=key)["LastModified"]
            time.sleep(max(0.0, (last - datetime.now(UTC)).total_seconds() + 1.01))
        s3.upload_file(str(source.path), BUCKET, key)
        document = self.spec.model_dump_json(indent=2).encode()
        s3.put_object(Bucket=BUCKET, Key=f"specs/{self.spec.schema_name}/{self.spec.table}.json", Body=document)

    def _published(self, told: int) -> dict[str, Any]:
        """The event, as readers of the topic get it. Raises Refused as soon as people are told of something else."""
        if not self.cloud.story.wait_for(lambda _: len(self.cloud.told) > told, STUCK_SECONDS):
            raise Refused(f"Nobody was told anything for {STUCK_SECONDS} s; the last was: {self.cloud.story.entries[-1]}")
        event = self.cloud.told[told]
        if event["kind"] != "TablePublished":
            raise Refused(str(event.get("reason") or event.get("text")))
        return event

    def _shown(self) -> Shown:
        """The table, or the one behind the view, with the view's comments."""
        shown = self.tables.shown(self.name)
        if shown is None:
            raise Refused(f"{self.name} is published, and Trino has no such table")
        return shown

    def _look(self, source: SourceFile, uuid: str) -> Shown:
        """Ask Trino for the table's columns and statement, and compare them with the spec."""
        shown, outcome = self._shown(), self.outcome
        [[outcome.created]] = self.tables.query(sql.show_create(self.name, view=shown.view))
        outcome.uuid, outcome.comment = uuid, shown.comment
        outcome.rows, outcome.location = (outcome.versions[0][key] for key in ("rows", "location"))
        for source_name, column in zip(source.names(), shown.columns, strict=True):
            about = self.spec.columns.get(source_name)
            outcome.columns.append(
                {"source": source_name, "name": column.name, "type": column.type, "comment": column.comment}
            )
            wanted = [about.description, about.dimension] if about else []
            wanted += [repr(source_name)] if source_name != column.name else []
            missing = [it for it in wanted if it and " ".join(it.split())[:_OF_A_TEXT] not in (column.comment or "")]
            outcome.problems += [f"The comment of {column.name} has not {it!r}" for it in missing]
        bucket = self.cloud.name_of("DevBucket" if self.spec.catalog == "dev" else "ProdBucket")
        folder = f"s3a://{bucket}/trino/{self.spec.schema_name}/{self.spec.table}/{uuid}"
        if not shown.view and (shown.location != folder or f"external_location = '{folder}'" not in outcome.created):
            outcome.problems.append(f"The table is at {shown.location}, not at {folder}")
        for text in (self.spec.metadata.title, self.spec.metadata.description):
            if text and text[:_OF_A_TEXT] not in (shown.comment or ""):
                outcome.problems.append(f"The comment of the table has not {text!r}")
        return shown

    def _ask(self, question: str) -> Seen:
        return tuple(self.access.query(question)[0])

    def _rows(self, connection: Any) -> Iterator[Any]:
        cursor = connection.cursor()
        cursor.execute(f"select * from {self.name}")
        while rows := cursor.fetchmany(FETCHED):
            yield from rows

    def _judge(self, reader: Reader, before: Seen, after: Seen) -> None:
        """Each read is one of the two versions, and none is of the first after one of the second."""
        outcome = self.outcome
        for version, seen in zip(outcome.versions, (before, after), strict=True):
            version["reads"] = reader.seen.count(seen)
        strange = [seen for seen in reader.seen if seen not in (before, after)]
        outcome.problems += [f"The reader saw {seen[0]:,} rows that are no version's" for seen in strange[:1]]
        if before != after and after in reader.seen and before in reader.seen[reader.seen.index(after) :]:
            outcome.problems.append("The reader saw the first version again after the second")
        if reader.missing:
            outcome.problems.append(f"The reader found no table {reader.missing} times")
        outcome.problems += [f"A read failed: {fault}" for fault in reader.faults[:1]]
        uuids = [version["uuid"] for version in outcome.versions if version["reads"]]
        outcome.reader = {"reads": reader.reads, "versions_seen": uuids, "table_not_found": reader.missing}

    def _listen(self, entry: Entry) -> None:
        if stage := _STAGES.get(entry.stage):
            self.view.stage(f"version {len(self.outcome.versions) + 1}, {self._of}: {stage}")

    def _tell_rows(self, number: int) -> None:
        self.view.stage(f"version {len(self.outcome.versions) + 1}, {self._of}: {number:,} rows compared")


def _since(began: float) -> float:
    return round(time.monotonic() - began, 2)
