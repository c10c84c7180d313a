"""The job cubic__ingest_incoming on real Spark, S3 and catalog by moto: what a reader finds, and what the batch is told."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions

from cubic.current import Relation, current_sql
from cubic__ingest_incoming import ingest, main
from cubic_job import parquet
from cubic_job.batch import Load, Written
from cubic_job.committing import RawZone
from cubic_job.csv_rows import csv_rows
from cubic_job.lines import lines
from cubic_job.load import Places
from lake import job
from tests.integration.conftest import REGION

SPRINGBOARD, RAW, DATABASE = "springboard", "raw", "cubic_raw_zone"
ODS, DMAP, KAFKA = "cubic/ods_qlik/EDW.SAMPLE", "cubic/dmap/agg_sample", "cubic/kafka/sample"
TABLES = {
    ODS: "cubic__ods_qlik__edw_sample",
    f"{ODS}__ct": "cubic__ods_qlik__edw_sample__ct",
    DMAP: "cubic__dmap__agg_sample",
    KAFKA: "cubic__kafka__sample",
}
SNAPSHOT, DAY = "20220304T134556Z", "2022-03-04T13:45:56+00:00"
WILD = 'a\nb, "c" 🔥'


@dataclass
class Delivered:
    """One file of a batch."""

    key: str
    content: bytes
    load_id: int
    modified: str = DAY
    version: str = "v1"
    description: dict[str, Any] | None = None

    @property
    def folder(self) -> str:
        return self.key.rpartition("/")[0]

    @property
    def snapshot(self) -> str | None:
        return SNAPSHOT if self.key.startswith("cubic/ods_qlik/") else None


@dataclass
class Cubic:
    """Batches as start_ingestion leaves them, and what a reader sees afterwards."""

    spark: Any
    raw: str = RAW
    batches: list[str] = field(default_factory=list)
    runs: int = 0

    def __post_init__(self) -> None:
        # The session's workers of Python have the environment that it began with: nothing of this test's AWS and paths.
        keys = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")}
        self.spark.sparkContext.environment.update(keys | {"PYTHONPATH": os.pathsep.join(sys.path)})
        self.s3, self.glue = boto3.client("s3"), boto3.client("glue")
        for bucket in (SPRINGBOARD, self.raw):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.glue.create_database(DatabaseInput={"Name": DATABASE})
        self.zone = RawZone(self.glue, DATABASE, self.raw)

    def claim(self, *files: Delivered, rebuild: bool = False) -> str:
        """Writes the batch's document and copies; returns its id."""
        batch = f"batch-{len(self.batches)}"
        self.batches.append(batch)
        loads = []
        for file in files:
            key = f"_work/{batch}/{file.load_id}"
            self.s3.put_object(Bucket=SPRINGBOARD, Key=key, Body=file.content)
            loads.append({
                "load_id": file.load_id, "key": key, "s3_key": file.key, "s3_version": file.version,
                "s3_modified": file.modified, "s3_size": len(file.content), "snapshot": file.snapshot,
                "glue_table": TABLES[file.folder], "description": file.description,
            })  # fmt: skip
        document = {"batch": batch, "table": TABLES[files[0].folder], "loads": loads, "rebuild": rebuild}
        self.s3.put_object(Bucket=SPRINGBOARD, Key=f"_work/{batch}/batch.json", Body=json.dumps(document).encode())
        return batch

    def run(self, batch: str) -> dict[str, Any]:
        """A run of the job; returns the loads of the result that it left."""
        self.runs += 1
        places = Places(SPRINGBOARD, self.raw, f"jr_{self.runs}", REGION)
        ingest(self.spark.sparkContext, batch, places, self.zone)
        body = self.s3.get_object(Bucket=SPRINGBOARD, Key=f"_work/{batch}/result.json")["Body"].read()
        result: dict[str, Any] = json.loads(body)
        assert result["batch"] == batch
        return result["loads"]

    def ingest(self, *files: Delivered) -> dict[str, Any]:
        return self.run(self.claim(*files))

    def partitions(self, folder: str) -> dict[tuple[str, ...], Any]:
        found = self.glue.get_partitions(DatabaseName=DATABASE, TableName=TABLES[folder])["Partitions"]
        return {tuple(partition["Values"]): partition for partition in found}

    def rows(self, folder: str) -> list[tuple[str | None, ...]]:
        """All partitions as a reader of the catalog finds them: the table's columns, by name, and in order."""
        columns = self.columns(folder)
        rows: list[tuple[str | None, ...]] = []
        for partition in self.partitions(folder).values():
            bucket, _, prefix = partition["StorageDescriptor"]["Location"].removeprefix("s3://").partition("/")
            objects = self.s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/")["Contents"]
            for key in sorted(it["Key"] for it in objects):
                table = pq.read_table(io.BytesIO(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
                assert table.column_names == [it["Name"] for it in partition["StorageDescriptor"]["Columns"]]
                rows += [tuple(row.get(column) for column in columns) for row in table.to_pylist()]
        return rows

    def relation(self, folder: str, view: str) -> Relation:
        """The table as Spark itself reads it, a view with this name."""
        columns = self.columns(folder)
        schema = ", ".join(f"`{column}` string" for column in columns)
        frames = [
            self.spark.read.schema(schema).parquet(partition["StorageDescriptor"]["Location"])
            .withColumns({"snapshot": functions.lit(values[0]), "identifier": functions.lit(values[-1])})
            for values, partition in self.partitions(folder).items()
        ]  # fmt: skip
        reduce(lambda one, other: one.union(other), frames).createOrReplaceTempView(view)
        return Relation(view, columns)

    def columns(self, folder: str) -> list[str]:
        table = self.glue.get_table(DatabaseName=DATABASE, Name=TABLES[folder])["Table"]
        assert all(column["Type"] == "string" for column in table["StorageDescriptor"]["Columns"])
        return [column["Name"] for column in table["StorageDescriptor"]["Columns"]]


@pytest.fixture
def cubic(spark: Any, aws: str) -> Cubic:
    return Cubic(spark)


def test_case_1_a_first_load_becomes_a_table_with_one_partition(cubic: Cubic) -> None:
    """Case 1."""
    result = cubic.ingest(Delivered(f"{ODS}/LOAD001.csv.gz", gzip.compress(b"ID,Name\n1,one\n2,two\n"), 7))
    assert result == {"7": {"rows": 2}}
    assert cubic.columns(ODS) == ["id", "name"]
    assert cubic.rows(ODS) == [("1", "one"), ("2", "two")]
    [(values, partition)] = cubic.partitions(ODS).items()
    assert values == (SNAPSHOT, "LOAD001.csv.gz")
    location = f"s3://{RAW}/{ODS}/snapshot={SNAPSHOT}/identifier=LOAD001.csv.gz/run=jr_1"
    assert partition["StorageDescriptor"]["Location"] == location
    assert partition["Parameters"] == {"load_id": "7", "s3_modified": DAY, "s3_version": "v1", "rows": "2"}
    table = cubic.glue.get_table(DatabaseName=DATABASE, Name=TABLES[ODS])["Table"]
    assert [key["Name"] for key in table["PartitionKeys"]] == ["snapshot", "identifier"]


def test_case_2_changes_go_to_their_own_table_of_the_same_snapshot(cubic: Cubic) -> None:
    """Case 2: the header's columns are data like others, which the LOAD file lacks."""
    changes = b"header__change_seq,header__change_oper,ID,Name\n20220304,I,4,four\n20220305,U,2,zwei\n"
    result = cubic.ingest(
        Delivered(f"{ODS}/LOAD001.csv", b"ID,Name\n1,one\n2,two\n", 1),
        Delivered(f"{ODS}__ct/20220304-134556444.csv.gz", gzip.compress(changes), 2),
    )
    assert result == {"1": {"rows": 2}, "2": {"rows": 2}}
    assert cubic.columns(ODS) == ["id", "name"]
    assert cubic.columns(f"{ODS}__ct") == ["header__change_seq", "header__change_oper", "id", "name"]
    assert cubic.rows(f"{ODS}__ct") == [("20220304", "I", "4", "four"), ("20220305", "U", "2", "zwei")]
    assert cubic.partitions(f"{ODS}__ct").keys() == {(SNAPSHOT, "20220304-134556444.csv.gz")}
    loads, of_changes = cubic.relation(ODS, "loads"), cubic.relation(f"{ODS}__ct", "changes")
    found = cubic.spark.sql(current_sql(loads, of_changes, ["id"], SNAPSHOT, sparse=True, quote="`")).collect()
    assert sorted(map(tuple, found)) == [("1", "one"), ("2", "zwei"), ("4", "four")]


def test_case_9_one_damaged_file_harms_no_other(cubic: Cubic) -> None:
    """Case 9."""
    good = [Delivered(f"{ODS}/LOAD{i:03}.csv", f"id,name\n{i},é{i}\n".encode(), i) for i in range(1, 7)]
    bad = [
        Delivered(f"{ODS}/LOAD007.csv", b"id,name\n1,2\n3\n", 7),
        Delivered(f"{ODS}/LOAD008.csv", "id,name\n1,Zürich\n".encode("cp1252"), 8),
        Delivered(f"{ODS}/LOAD009.csv.gz", gzip.compress(b"id,name\n1,2\n")[:-5], 9),
        Delivered(f"{ODS}/LOAD010.csv", b'id,name\n1,"2\n3,4\n', 10),
    ]
    result = cubic.ingest(*bad, *good)
    assert {load: it.get("rows") or it["reason"]["code"] for load, it in result.items()} == {
        "1": 1, "2": 1, "3": 1, "4": 1, "5": 1, "6": 1,
        "7": "ragged_row", "8": "bad_encoding", "9": "cut_gzip", "10": "unclosed_quote",
    }  # fmt: skip
    assert result["7"]["reason"]["text"] == "line 3 of LOAD007.csv has 1 values, not 2: have it sent again"
    assert sorted(cubic.rows(ODS)) == [(str(i), f"é{i}") for i in range(1, 7)]


def test_case_10_wild_values_are_kept(cubic: Cubic) -> None:
    """Case 10."""
    result = cubic.ingest(
        Delivered(f"{ODS}/LOAD001.csv", 'ID,Name\n1,"a\nb, ""c"" 🔥"\n2,""\n3,'.encode(), 1),
        Delivered(f"{ODS}/LOAD002.csv", b"\xef\xbb\xbfID,Name\r\n4,x\r\n", 2),
        Delivered(f"{ODS}/LOAD003.csv", b"ID,Name\n", 3),
        Delivered(f"{ODS}/LOAD004.csv", b"ID,Name", 4),
    )
    assert result == {"1": {"rows": 3}, "2": {"rows": 1}, "3": {"rows": 0}, "4": {"rows": 0}}
    assert sorted(cubic.rows(ODS)) == [("1", WILD), ("2", ""), ("3", None), ("4", "x")]
    assert len(cubic.partitions(ODS)) == 4


def test_case_10_a_header_alone_replaces_what_was_there(cubic: Cubic) -> None:
    cubic.ingest(Delivered(f"{DMAP}/20220304.csv", b"id\n1\n2\n", 1))
    result = cubic.ingest(Delivered(f"{DMAP}/20220304.csv", b"id\n", 2, "2022-03-05T00:00:00+00:00", "v2"))
    assert result == {"2": {"rows": 0}}
    assert cubic.rows(DMAP) == []


def test_case_11_all_days_are_read_whatever_their_columns(cubic: Cubic) -> None:
    """Case 11: a column more on day 2, another order on day 3, one less on day 4."""
    contents = [b"id,name\n1,a\n", b"id,name,more\n2,b,x\n", b"more,name,id\ny,c,3\n", b"id\n4\n"]
    for day, content in enumerate(contents, 1):
        types = {"dataInfo": {"columns": [{"name": name, "type": f"{name}\ttype"} for name in ("ID", "Name", "more")]}}
        cubic.ingest(Delivered(f"{DMAP}/2022030{day}.csv", content, day, description=types if day == 2 else None))
    assert cubic.columns(DMAP) == ["id", "name", "more"]
    assert sorted(cubic.rows(DMAP)) == [("1", "a", None), ("2", "b", "x"), ("3", "c", "y"), ("4", None, None)]
    table = cubic.glue.get_table(DatabaseName=DATABASE, Name=TABLES[DMAP])["Table"]
    comments = [column.get("Comment") for column in table["StorageDescriptor"]["Columns"]]
    assert comments == [None, None, "more\\ttype"]


def test_case_12_an_older_version_never_replaces_a_newer(cubic: Cubic) -> None:
    """Case 12, and the older handled last."""
    older = Delivered(f"{DMAP}/20220304.csv", b"id,old\n1,x\n2,x\n", 1, "2022-03-04T01:00:00+00:00", "b")
    newer = Delivered(f"{DMAP}/20220304.csv", b"id\n1\n2\n3\n", 2, "2022-03-04T02:00:00+01:00", "c")
    assert cubic.ingest(newer) == {"2": {"rows": 3}}
    assert cubic.ingest(older) == {"1": {"rows": 2, "superseded": True}}
    assert [row[0] for row in cubic.rows(DMAP)] == ["1", "2", "3"]
    newest = Delivered(f"{DMAP}/20220304.csv", b"id\n9\n", 3, "2022-03-04T01:00:01+00:00", "a")
    assert cubic.ingest(newest) == {"3": {"rows": 1}}
    assert [row[0] for row in cubic.rows(DMAP)] == ["9"]


def test_a_batch_that_runs_again_has_the_same_result(cubic: Cubic) -> None:
    batch = cubic.claim(Delivered(f"{ODS}/LOAD001.csv", b"id\n1\n", 1), Delivered(f"{ODS}/LOAD002.csv", b"id\n1,2\n", 2))
    first = cubic.run(batch)
    before = cubic.partitions(ODS)
    assert cubic.run(batch) == first
    assert cubic.partitions(ODS) == before
    assert cubic.rows(ODS) == [("1",)]


def test_a_rebuild_is_written_anew_in_the_place_of_the_same_version(cubic: Cubic) -> None:
    file = Delivered(f"{DMAP}/20220304.csv", b"id\n1\n2\n", 1)
    cubic.ingest(file)
    [damaged] = cubic.s3.list_objects_v2(Bucket=RAW)["Contents"]
    cubic.s3.delete_object(Bucket=RAW, Key=damaged["Key"])
    assert cubic.run(cubic.claim(file, rebuild=True)) == {"1": {"rows": 2}}
    assert cubic.rows(DMAP) == [("1",), ("2",)]


def test_a_rebuild_never_takes_the_place_of_a_newer_version(cubic: Cubic) -> None:
    older = Delivered(f"{DMAP}/20220304.csv", b"id\n1\n2\n", 1)
    cubic.ingest(older)
    cubic.ingest(Delivered(f"{DMAP}/20220304.csv", b"id\n9\n", 2, "2022-03-05T00:00:00+00:00", "v2"))
    assert cubic.run(cubic.claim(older, rebuild=True)) == {"1": {"rows": 2, "superseded": True}}
    assert cubic.rows(DMAP) == [("9",)]


def test_the_job_is_started_with_its_batch_alone(cubic: Cubic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "log_to_stdout", lambda: None)
    batch = cubic.claim(Delivered(f"{DMAP}/20220304.csv", b"id\n1\n", 1))
    main(["--JOB_NAME", "j", "--JOB_RUN_ID", "jr_9", "--batch", batch, "--springboard", f"s3://{SPRINGBOARD}",
          "--raw", f"s3://{RAW}", "--raw_database", DATABASE])  # fmt: skip
    [partition] = cubic.partitions(DMAP).values()
    assert partition["StorageDescriptor"]["Location"] == f"s3://{RAW}/{DMAP}/identifier=20220304.csv/run=jr_9"


def test_a_load_that_cannot_be_read_now_is_left_out_of_the_result(cubic: Cubic) -> None:
    batch = cubic.claim(Delivered(f"{ODS}/LOAD001.csv", b"id\n1\n", 1), Delivered(f"{ODS}/LOAD002.csv", b"id\n2\n", 2))
    cubic.s3.delete_object(Bucket=SPRINGBOARD, Key=f"_work/{batch}/1")
    assert cubic.run(batch) == {"2": {"rows": 1}}
    cubic.s3.put_object(Bucket=SPRINGBOARD, Key=f"_work/{batch}/1", Body=b"id\n1")  # a byte is missing
    assert cubic.run(batch) == {"2": {"rows": 1}}


def test_records_of_kafka_have_their_fields_and_themselves(cubic: Cubic) -> None:
    first, second = '{"Id":1,"of":{"a":[1.50]}}', '{"Id":"🔥"}'
    result = cubic.ingest(
        Delivered(f"{KAFKA}/mhvXdrj4gyZtFHEoV5fZn6.json", f"{first}\n{second}\n".encode(), 1),
        Delivered(f"{KAFKA}/nhvXdrj4gyZtFHEoV5fZn6.json", b'{"Id":1}\n[]\n', 2),
    )
    assert result["1"] == {"rows": 2}
    assert result["2"]["reason"]["code"] == "not_json"
    assert cubic.columns(KAFKA) == ["id", "of", "record"]
    assert cubic.rows(KAFKA) == [("1", '{"a":[1.50]}', first), ("🔥", None, second)]
    assert cubic.partitions(KAFKA).keys() == {("mhvXdrj4gyZtFHEoV5fZn6.json",)}


def test_a_table_of_many_files_is_read_by_spark(cubic: Cubic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parquet as Spark itself has it, of more than one file where the load is large."""
    monkeypatch.setattr(parquet, "ROW_GROUP_BYTES", 10_000)
    monkeypatch.setattr(parquet, "FILE_BYTES", 5_000)
    values = [(str(i), f'{i}, "{i % 7}"\n' * (i % 5) or None) for i in range(10_000)]
    content = "id,v\n" + "".join(f'{i},"{v.replace(chr(34), chr(34) * 2)}"\n' if v else f"{i},\n" for i, v in values)
    rows = csv_rows(lines(io.BytesIO(content.encode()), "x.csv"), "x.csv", None)
    assert parquet.write(rows, cubic.s3, RAW, "many") == 10_000
    keys = [it["Key"] for it in cubic.s3.list_objects_v2(Bucket=RAW, Prefix="many/")["Contents"]]
    assert keys == [f"many/part-{part:05d}.parquet" for part in range(len(keys))]
    assert len(keys) > 3
    found = cubic.spark.read.parquet(f"s3://{RAW}/many")
    assert dict(found.dtypes) == {"id": "string", "v": "string"}
    assert sorted((row["id"], row["v"]) for row in found.collect()) == sorted(values)


class Rival:
    """Glue's catalog, where another run writes its version right after ours."""

    def __init__(self, glue: Any, theirs: dict[str, Any]) -> None:
        self._glue, self._theirs = glue, theirs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._glue, name)

    def create_partition(self, **partition: Any) -> None:
        self._glue.create_partition(**partition)
        if theirs := self._theirs:
            self._theirs = {}
            described = partition["PartitionInput"] | {"Parameters": theirs}
            rest = {name: partition[name] for name in ("DatabaseName", "TableName")}
            self._glue.update_partition(**rest, PartitionValueList=described["Values"], PartitionInput=described)


@pytest.mark.parametrize(("theirs", "newest"), [("2022-03-04T01:00:00+00:00", True), ("2022-03-04T03:00:00+00:00", False)])
def test_of_two_runs_at_once_the_newer_version_stays(cubic: Cubic, theirs: str, newest: bool) -> None:
    load = Load(
        1, "k", f"{DMAP}/20220304.csv", "v", datetime.fromisoformat("2022-03-04T02:00:00Z"), 1, None, TABLES[DMAP], None
    )
    rival = {"load_id": "2", "s3_modified": theirs, "s3_version": "w", "rows": "5"}
    glue: Any = Rival(cubic.glue, rival)
    assert RawZone(glue, DATABASE, RAW).commit(load, Written(("id",), 3, "s3://raw/x")) is newest
    assert cubic.partitions(DMAP)[("20220304.csv",)]["Parameters"]["rows"] == ("3" if newest else "5")
