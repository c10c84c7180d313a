"""The current state, on real Spark and by the view in real Trino, against an interpreter that applies each change."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from random import Random
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cubic import current_view, snapshots
from cubic.current import Relation, current_sql, data_columns
from cubic.tables import TableConfig
from lake.catalog import Catalog, Source, described_partition
from local.emulator.trino_access import BUCKETS, GLUE, TrinoAccess

AT = datetime(2022, 3, 4, 13, 45, 56, tzinfo=UTC)
SNAPSHOT, OTHER = snapshots.text(AT), "20220101T000000Z"
LOADS = Relation("sample", ["history", "k1", "k2", "a", "b"])
CHANGES = Relation(
    "sample__ct",
    ["history", "header__change_oper", "header__change_seq", "header__timestamp", "k1", "k2", "b", "a", "added later"],
)
KEYS = ("history", "k1", "k2")
DATA = data_columns(LOADS, CHANGES)
HISTORIES = 60

type Row = dict[str, str | None]


def current(loads: list[Row], changes: list[Row], *, sparse: bool) -> list[Row]:
    """The rows that are left once each event of one snapshot has been applied, in their order."""
    state: dict[tuple[str | None, ...], Row] = {}
    order = ("header__change_seq", "header__timestamp", "identifier")
    rows: list[Row] = [
        *({"header__change_oper": "L"} | row for row in loads),
        *sorted(changes, key=lambda row: [row.get(name) or "" for name in order]),
    ]
    for row in rows:
        if row["snapshot"] != SNAPSHOT:
            continue
        key, image = tuple(row.get(name) for name in KEYS), {name: row.get(name) for name in DATA}
        match row["header__change_oper"]:
            case "D":
                state.pop(key, None)
            case "U" if sparse:
                if key in state:
                    state[key] |= {name: value for name, value in image.items() if value is not None}
            case "L" | "I" | "U":
                state[key] = image
    return list(state.values())


def histories(random: Random) -> tuple[list[Row], list[Row]]:
    """Loads and changes of many tables at once: the first key tells them apart, so that Spark is asked but once."""
    loads: list[Row] = []
    changes: list[Row] = []
    for history in map(str, range(HISTORIES)):
        keys = [("1", None), (None, None), (None, "1"), ("1", "1"), ("2", "")]
        for k1, k2 in random.sample(keys, random.randrange(len(keys))):
            loads.append(
                {"snapshot": random.choice([SNAPSHOT, SNAPSHOT, OTHER]), "identifier": f"LOAD{random.randrange(3)}.csv"}
                | {"history": history, "k1": k1, "k2": k2, "a": random.choice([None, "", "a"]), "b": "b"}
            )
        for at in range(random.randrange(12)):
            k1, k2 = random.choice(keys)
            changes.append(
                {"snapshot": random.choice([SNAPSHOT] * 5 + [OTHER]), "identifier": f"{at // 4}.csv.gz", "history": history}
                | {"header__change_oper": random.choice(["I", "U", "U", "U", "D", "B", "?", None])}
                | {"header__change_seq": f"{at // 3:035}" if at else None, "header__timestamp": f"{at:05}"}
                | {"k1": k1, "k2": k2, "a": random.choice([None, f"a{at}"]), "b": random.choice([None, f"b{at}"])}
                | {"added later": random.choice([None, f"c{at}"])}
            )
    random.shuffle(changes)
    return loads, changes


def asked(spark: Any, loads: list[Row], changes: list[Row] | None, *, sparse: bool) -> list[Row]:
    """The same of Spark."""
    relation = None if changes is None else CHANGES
    for of, rows in ((LOADS, loads), (CHANGES, changes or [])):
        names = [*of.columns, "snapshot", "identifier"]
        schema = ", ".join(f"`{name}` string" for name in names)
        frame = spark.createDataFrame([[row.get(name) for name in names] for row in rows], schema)
        frame.createOrReplaceTempView(of.name)
    found = spark.sql(current_sql(LOADS, relation, KEYS, SNAPSHOT, sparse=sparse, quote="`"))
    return [row.asDict() for row in found.collect()]


def in_order(rows: list[Row]) -> list[tuple[tuple[str, str | None], ...]]:
    return sorted((tuple(sorted(row.items())) for row in rows), key=repr)


@pytest.mark.parametrize("sparse", [True, False])
def test_the_current_state_is_that_of_the_changes_applied_one_by_one(spark: Any, sparse: bool) -> None:
    loads, changes = histories(Random(2022))  # noqa: S311
    expected = current(loads, changes, sparse=sparse)
    assert len(expected) > HISTORIES
    assert in_order(asked(spark, loads, changes, sparse=sparse)) == in_order(expected)


def catalogued(trino: TrinoAccess, database: str, table: str, of: Relation, rows: list[Row]) -> None:
    """A table of the raw zone with these rows, as the job makes one."""
    glue, s3, bucket = trino.client("glue"), trino.client("s3"), BUCKETS["DEV"]
    catalog, types = Catalog(glue, database, ("snapshot", "identifier")), dict.fromkeys(of.columns, "string")
    schema = pa.schema([(column, pa.string()) for column in of.columns])
    catalog.widen(table, types, f"s3://{bucket}/{database}/{table}", Source("cubic", table))
    by_partition = itemgetter("snapshot", "identifier")
    for values, some in groupby(sorted(rows, key=by_partition), by_partition):
        folder, file = f"{database}/{table}/snapshot={values[0]}/identifier={values[1]}", io.BytesIO()
        pq.write_table(pa.Table.from_pylist(list(some), schema), file)
        s3.put_object(Bucket=bucket, Key=f"{folder}/part-00000.parquet", Body=file.getvalue())
        catalog.create_partition(table, described_partition(values, types, f"s3://{bucket}/{folder}"))


@pytest.mark.parametrize("sparse", [True, False])
def test_trino_reads_the_view_of_the_catalog_and_finds_the_same(trino: TrinoAccess, sparse: bool) -> None:
    loads, changes = histories(Random(2022))  # noqa: S311
    database = f"cubic_{uuid4().hex[:8]}"
    trino.client("glue").create_database(DatabaseInput={"Name": database})
    table = TableConfig(s3_prefix="cubic/ods_qlik/sample/", key_columns=KEYS, sparse_updates=sparse)
    catalogued(trino, database, table.name, LOADS, loads)
    catalogued(trino, database, f"{table.name}__ct", CHANGES, changes)
    assert current_view.refresh(trino.client("glue"), database, table, AT)
    columns = [*KEYS, *(name for name in DATA if name not in KEYS)]
    found = trino.query(f'SELECT * FROM {GLUE}.{database}."{table.name}__current"')
    rows = [dict(zip(columns, row, strict=True)) for row in found]
    assert in_order(rows) == in_order(current(loads, changes, sparse=sparse))


def test_case_2_an_insert_and_a_sparse_update_give_the_changed_row_and_the_new_one(spark: Any) -> None:
    of_all: Row = {"snapshot": SNAPSHOT, "identifier": "x", "history": "h", "k2": None}
    loads: list[Row] = [of_all | {"k1": k, "a": f"a{k}", "b": f"b{k}"} for k in ("1", "2")]
    changes: list[Row] = [
        of_all | {"header__change_oper": "I", "header__change_seq": "1", "k1": "4", "a": "a4", "b": "b4"},
        of_all | {"header__change_oper": "U", "header__change_seq": "2", "k1": "2", "a": "changed"},
    ]
    found = sorted(asked(spark, loads, changes, sparse=True), key=lambda row: str(row["k1"]))
    assert [(row["k1"], row["a"], row["b"]) for row in found] == [
        ("1", "a1", "b1"),
        ("2", "changed", "b2"),
        ("4", "a4", "b4"),
    ]


def test_before_the_first_change_there_are_the_loads_alone(spark: Any) -> None:
    loads: list[Row] = [{"snapshot": SNAPSHOT, "identifier": "x", "history": "h", "k1": "1", "a": 'a "b"'}]
    [row] = asked(spark, loads, None, sparse=True)
    assert (row["k1"], row["a"], set(row)) == ("1", 'a "b"', set(data_columns(LOADS, None)))
