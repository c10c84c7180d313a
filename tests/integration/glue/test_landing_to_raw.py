"""The job landing_to_raw on real Spark: what a reader of the raw zone finds, by folder and by catalog."""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

from lake import job
from lake.files import Files
from lake.job import JobFailed
from lake.zone import Zone
from landing_to_raw import to_raw
from tests.integration.glue.conftest import DAY, Lake, Table

YESTERDAY, LONG_AGO, LATER = dt.date(2021, 6, 3), dt.date(2019, 2, 28), dt.date(2021, 6, 8)


def ids(*values: int) -> Table:
    return Table(pa.table({"id": pa.array(values, pa.int32())}))


def test_a_day_becomes_a_partition_that_folder_and_catalog_agree_on(lake: Lake) -> None:
    made = lake.carry({"zone": ids(1, 2), "street": ids(7)})
    assert made == {"liberator_zone": 2, "liberator_street": 1}
    assert lake.rows("liberator_zone") == [{"id": 1}, {"id": 2}]
    partition = lake.glue.get_partition(
        DatabaseName="raw", TableName="liberator_zone", PartitionValues=["2021", "06", "04", "20210604"]
    )["Partition"]
    assert partition["StorageDescriptor"]["Location"] == lake.partition("liberator_zone")
    assert lake.catalog("liberator_zone") == {"id": "bigint"}


def test_only_what_the_manifest_names_is_read(lake: Lake) -> None:
    lake.land({"zone": ids(8, 9)})  # an earlier export of the day: its files are still there
    lake.carry({"zone": ids(1)})
    assert lake.rows("liberator_zone") == [{"id": 1}]


def test_a_small_table_of_many_files_ends_in_one(lake: Lake) -> None:
    lake.carry({"zone": Table(pa.table({"id": range(100)}), objects=10)})
    assert len(lake.files(lake.partition("liberator_zone"))) == 1
    assert len(lake.rows("liberator_zone")) == 100


def test_a_large_table_ends_in_files_of_the_wanted_size(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landing_to_raw.FILE_BYTES", 20_000)  # in the small: what is 256 MiB, and Spark's splits with it
    splits = {"spark.sql.files.maxPartitionBytes": "5000", "spark.sql.files.openCostInBytes": "0"}
    before = {key: lake.spark.conf.get(key) for key in splits}
    for key, value in splits.items():
        lake.spark.conf.set(key, value)
    lake.carry({"pcn": Table(pa.table({"id": range(40_000)}), objects=12)})
    for key, value in before.items():
        lake.spark.conf.set(key, value)
    sizes = [len(file) for file in lake.files(lake.partition("liberator_pcn")).values()]
    assert len(sizes) == 6
    assert max(sizes) < 2 * min(sizes)


def test_nothing_but_the_data_is_left_in_the_zone(lake: Lake) -> None:
    lake.carry({"zone": ids(1)})
    assert all(name.endswith(".parquet") for name in lake.everything()), lake.everything().keys()
    assert not any("_staging" in name for name in lake.everything())


@pytest.mark.parametrize("other", [YESTERDAY, LONG_AGO, LATER])
def test_a_backdated_day_touches_no_other_day(lake: Lake, other: dt.date) -> None:
    """Older than, within five days of, and later than what is there."""
    lake.carry({"zone": ids(1, 2)})
    before = lake.everything()
    lake.carry({"zone": ids(9)}, other)
    assert lake.everything() | before == lake.everything()
    assert lake.rows("liberator_zone", other) == [{"id": 9}]
    assert lake.days("liberator_zone") == sorted(f"{day:%Y%m%d}" for day in (DAY, other))


def test_the_same_day_again_changes_nothing_for_a_reader(lake: Lake) -> None:
    for _ in range(2):
        lake.carry({"zone": ids(1, 2)})
        assert lake.rows("liberator_zone") == [{"id": 1}, {"id": 2}]
        assert lake.days("liberator_zone") == ["20210604"]


def test_a_reader_of_the_catalog_sees_a_whole_day_or_none(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.carry({"zone": ids(1, 2)})
    seen: list[tuple[str, list[str], list[str]]] = []

    def watched(name: str) -> None:
        does = getattr(Files, name)

        def told(files: Files, *uris: str) -> None:
            if "liberator_zone/import_year" in uris[-1]:
                seen.append((name, lake.days("liberator_zone"), [str(row["id"]) for row in rows_there(lake)]))
            does(files, *uris)

        monkeypatch.setattr(Files, name, told)

    watched("delete")
    watched("move")
    lake.carry({"zone": ids(3)})
    assert seen == [("delete", [], ["1", "2"]), ("move", [], [])]
    assert lake.days("liberator_zone") == ["20210604"]


def rows_there(lake: Lake) -> list[dict[str, Any]]:
    return lake.rows("liberator_zone") if lake.files(lake.partition("liberator_zone")) else []


def test_two_runs_that_write_one_day_at_once_do_not_mix_it(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    move = Files.move

    def beside_another(files: Files, source: str, destination: str) -> None:
        move(files, source, destination)
        # where a folder lands that is moved to where one is already
        lake.put(f"{lake.partition('liberator_zone')}/liberator_zone/part-of-another-run.parquet", b"")

    monkeypatch.setattr(Files, "move", beside_another)
    with pytest.raises(JobFailed, match="another run writes the same day"):
        lake.carry({"zone": ids(1)})
    assert lake.days("liberator_zone") == [], "what is mixed is not published"


def test_a_changed_dump_of_the_day_replaces_rows_and_tables(lake: Lake) -> None:
    lake.carry({"zone": ids(1, 2), "street": ids(7)}, YESTERDAY)
    lake.carry({"zone": ids(1, 2), "street": ids(7)})
    lake.carry({"zone": ids(2, 3)})
    assert lake.rows("liberator_zone") == [{"id": 2}, {"id": 3}]
    assert not lake.files(lake.partition("liberator_street"))
    assert lake.days("liberator_street") == ["20210603"], "gone from this day, still there on the other"


def test_files_of_a_vanished_table_go_even_if_an_earlier_run_died_over_it(lake: Lake) -> None:
    lake.carry({"zone": ids(1), "street": ids(7)})
    lake.zone("raw").catalog.drop_partition("liberator_street", DAY)
    lake.carry({"zone": ids(1)})
    assert not lake.files(lake.partition("liberator_street"))


def test_tables_that_the_filter_leaves_out_are_left_alone(lake: Lake) -> None:
    lake.carry({"fpn": ids(1), "zone": ids(1)})
    lake.carry({"zone": ids(2)}, wanted=r"^liberator_(?!fpn).*")
    assert lake.rows("liberator_fpn") == [{"id": 1}]
    assert lake.carry({"fpn": ids(5), "zone": ids(2)}, wanted=r"^liberator_(?!fpn).*") == {"liberator_zone": 1}
    assert lake.rows("liberator_fpn") == [{"id": 1}]


def test_types_are_made_plain(lake: Lake) -> None:
    noon = dt.datetime(2021, 6, 4, 12, 0, 0, 123456, tzinfo=dt.UTC)
    row: dict[str, tuple[pa.DataType, str, Any, str, Any]] = {
        # column: Parquet type, MySQL type, value, Glue's type, what a reader finds
        "tiny": (pa.int32(), "tinyint", -5, "bigint", -5),
        "unsigned": (pa.decimal128(20, 0), "bigint", Decimal(2**64 - 1), "decimal(20,0)", Decimal(2**64 - 1)),
        "money": (pa.decimal128(10, 2), "decimal", Decimal("-12.34"), "decimal(10,2)", Decimal("-12.34")),
        "huge": (pa.decimal128(38, 10), "decimal", Decimal("1e27"), "decimal(38,10)", Decimal("1e27")),
        "ratio": (pa.float64(), "double", 0.1, "double", 0.1),
        "code": (pa.binary(), "char", "Zoë".encode(), "string", "Zoë"),
        "hash": (pa.binary(), "binary", b"\x00\xff", "binary", b"\x00\xff"),
        "flags": (pa.binary(), "bit", b"\x01\x02", "bigint", 258),
        "bit64": (pa.binary(), "bit", b"\xff" * 8, "bigint", -1),
        "day": (pa.string(), "date", "2021-02-28", "date", dt.date(2021, 2, 28)),
        "old": (pa.string(), "date", "1001-01-01", "date", dt.date(1001, 1, 1)),
        "text": (pa.string(), "varchar", "2021-02-28", "string", "2021-02-28"),
        "time": (pa.string(), "time", "-838:59:59", "string", "-838:59:59"),
        "at": (pa.timestamp("us", "UTC"), "datetime", noon, "timestamp", noon),
    }
    rows = pa.table({name: pa.array([value, None], kind) for name, (kind, _, value, _, _) in row.items()})
    lake.carry({"t": Table(rows, types={name: original for name, (_, original, _, _, _) in row.items()})})
    assert lake.catalog("liberator_t") == {name: kind for name, (*_, kind, _) in row.items()}
    found, nulls = sorted(lake.rows("liberator_t"), key=lambda r: r["tiny"] is None)
    assert found | {"at": noon} == {name: value for name, (*_, value) in row.items()}
    assert found["at"].replace(tzinfo=dt.UTC) == noon
    assert set(nulls.values()) == {None}


def test_zero_dates_become_null_and_are_counted(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    days = ["0000-00-00", "2021-00-10", "2021-06-00", "0000-01-01", "2021-02-31", "2021-06-04", None]
    caplog.set_level("INFO", logger="lake")
    lake.carry({"t": Table(pa.table({"served_on": pa.array(days)}), types={"served_on": "date"})})
    assert [row["served_on"] for row in lake.rows("liberator_t") if row["served_on"]] == [DAY]
    assert len(lake.rows("liberator_t")) == len(days)
    assert '"zero_dates_made_null": {"served_on": 5}' in caplog.text


def test_names_fit_athena(lake: Lake) -> None:
    names = ["Total £", "import_date", "order", "ÉTÉ", "a.b", "tick`s"]
    lake.carry({"Odd-Table": Table(pa.table({name: [i] for i, name in enumerate(names)}))})
    expected = ["total__", "import_date_2", "order", "_t_", "a_b", "tick_s"]
    assert list(lake.catalog("liberator_odd_table")) == expected
    assert lake.rows("liberator_odd_table") == [dict(zip(expected, range(6), strict=True))]


def test_the_catalog_has_the_dumps_own_names(lake: Lake) -> None:
    originals = {"odd_1f": "odd.col name", "line_2c": "two\nlines £"}
    yesterday = Table(pa.table({"Id": [1], "odd_1f": [2], "a$b": [3]}), original="empty one", originals=originals)
    lake.carry({"empty_one_3d": yesterday}, YESTERDAY)
    today = Table(pa.table({"Id": [1], "odd_1f": [2], "a$b": [3], "line_2c": [4]}), originals=originals)
    lake.carry({"empty_one_3d": today})
    name = "liberator_empty_one_3d"
    expected = {"odd_1f": "odd.col name", "a_b": "a$b", "line_2c": "two\\nlines £"}
    assert lake.comments(name) == {column: f"In the dump: {original}" for column, original in expected.items()}
    assert lake.glue.get_table(DatabaseName="raw", Name=name)["Table"]["Parameters"]["source_table"] == "empty one"
    assert lake.rows(name) == [{"id": 1, "odd_1f": 2, "a_b": 3, "line_2c": 4}]


def test_columns_whose_names_would_be_the_same_are_refused(lake: Lake) -> None:
    with pytest.raises(JobFailed, match=r"\['a-b', 'a.b'\] would have the same name here: \['a_b'\]"):
        lake.carry({"t": Table(pa.table({"a-b": [1], "a.b": [2]}))})


def test_an_empty_table_has_its_day_and_its_columns(lake: Lake) -> None:
    empty = Table(
        pa.table(
            {"id": pa.array([], pa.int32()), "paid": pa.array([], pa.decimal128(8, 2)), "day": pa.array([], pa.string())}
        ),
        types={"id": "int", "paid": "decimal", "day": "date"},
        exported={"id": "int32", "paid": "int32 (decimal(8,2))", "day": "binary (UTF8)"},
    )
    assert lake.carry({"t": empty}) == {"liberator_t": 0}
    assert lake.catalog("liberator_t") == {"id": "bigint", "paid": "decimal(8,2)", "day": "date"}
    assert lake.days("liberator_t") == ["20210604"]
    assert lake.rows("liberator_t") == []


def test_a_table_that_became_empty_is_empty(lake: Lake) -> None:
    lake.carry({"t": ids(1, 2)})
    lake.carry({"t": Table(pa.table({"id": pa.array([], pa.int32())}), exported={"id": "int32"})})
    assert lake.rows("liberator_t") == []


def test_a_name_with_spark_s_wildcards_is_read_as_it_is(lake: Lake) -> None:
    lake.carry({"a[1]": ids(1), "a1": ids(2)})
    assert lake.rows("liberator_a_1_") == [{"id": 1}]


def test_times_are_utc_whatever_the_session_was(lake: Lake) -> None:
    lake.spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    job.configured(lake.spark)
    noon = dt.datetime(2021, 6, 4, 12, tzinfo=dt.UTC)
    lake.carry({"t": Table(pa.table({"zoned": pa.array([noon], pa.timestamp("us", "UTC")),
                                     "naive": pa.array([noon.replace(tzinfo=None)], pa.timestamp("us"))}))})  # fmt: skip
    assert lake.rows("liberator_t") == [{"zoned": noon, "naive": noon}]


def test_the_tables_of_another_database_are_left_alone(lake: Lake) -> None:
    lake.carry({"zone": ids(1)})
    lake.carry({"zone": ids(2)}, database="permits")
    assert (lake.rows("liberator_zone"), lake.rows("permits_zone")) == ([{"id": 1}], [{"id": 2}])


def test_what_another_run_has_staged_is_neither_taken_nor_touched(lake: Lake) -> None:
    other = "s3://raw/parking/_staging/wr_of_another_run/liberator_zone/part-0.parquet"
    lake.put(other, b"theirs")
    lake.carry({"zone": ids(1)})
    assert lake.everything()[other] == b"theirs"
    assert lake.rows("liberator_zone") == [{"id": 1}]


def test_a_table_that_another_run_widens_at_the_same_time_gets_both_columns(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.carry({"t": Table(pa.table({"a": [1]}))}, YESTERDAY)
    update, asked = lake.glue.update_table, []

    def beaten(**request: Any) -> Any:
        asked.append(request["VersionId"])
        if len(asked) == 1:
            theirs = {**request["TableInput"]}
            theirs["StorageDescriptor"] = theirs["StorageDescriptor"] | {
                "Columns": [{"Name": "a", "Type": "bigint"}, {"Name": "theirs", "Type": "string"}]
            }
            update(DatabaseName="raw", TableInput=theirs)
            raise ClientError({"Error": {"Code": "ConcurrentModificationException"}}, "UpdateTable")
        return update(**request)

    monkeypatch.setattr(lake.glue, "update_table", beaten)
    lake.carry({"t": Table(pa.table({"a": [1], "b": [2]}))})
    assert lake.catalog("liberator_t") == {"a": "bigint", "theirs": "string", "b": "bigint"}
    assert len(asked) == 2


# ── drift: what one day has and another has not ──


def days_of(lake: Lake, first: pa.Table, second: pa.Table) -> list[dict[str, Any]]:
    lake.carry({"t": Table(first)}, YESTERDAY)
    lake.carry({"t": Table(second)})
    return lake.all_days("liberator_t")


def test_a_new_column_is_null_on_earlier_days(lake: Lake) -> None:
    found = days_of(lake, pa.table({"id": [1]}), pa.table({"id": [2], "note": ["x"]}))
    assert [(row["id"], row["note"], row["import_date"]) for row in found] == [(1, None, "20210603"), (2, "x", "20210604")]


def test_a_dropped_column_stays_readable(lake: Lake) -> None:
    found = days_of(lake, pa.table({"id": [1], "note": ["x"]}), pa.table({"id": [2]}))
    assert [(row["id"], row["note"]) for row in found] == [(1, "x"), (2, None)]


@pytest.mark.parametrize(
    ("narrow", "wide", "value", "glue"),
    [
        (pa.int32(), pa.int64(), 3, "bigint"),
        (pa.decimal128(7, 2), pa.decimal128(12, 2), Decimal("3.50"), "decimal(12,2)"),
        (pa.decimal128(10, 2), pa.decimal128(30, 2), Decimal("3.50"), "decimal(30,2)"),
        (pa.float32(), pa.float64(), 0.5, "double"),
    ],
)
@pytest.mark.parametrize("order", ["wider", "narrower"])
def test_a_widened_type_is_readable_on_all_days(
    lake: Lake, narrow: pa.DataType, wide: pa.DataType, value: Any, glue: str, order: str
) -> None:
    tables = [pa.table({"x": pa.array([value], kind)}) for kind in (narrow, wide)]
    found = days_of(lake, *(tables if order == "wider" else reversed(tables)))
    assert [row["x"] for row in found] == [value, value]
    assert lake.catalog("liberator_t") == {"x": glue}


def test_all_days_can_be_read_by_spark_without_the_catalog(lake: Lake) -> None:
    days_of(lake, pa.table({"a": pa.array([1], pa.int32())}), pa.table({"a": pa.array([2], pa.int64()), "b": ["x"]}))
    found = lake.spark.read.option("mergeSchema", "true").parquet("s3://raw/parking/liberator_t")
    assert sorted((row.a, row.b, row.import_month) for row in found.collect()) == [(1, None, 6), (2, "x", 6)]


def test_an_incompatible_type_is_reported_and_not_written(lake: Lake) -> None:
    lake.carry({"t": Table(pa.table({"x": ["text"]})), "zone": ids(1)}, YESTERDAY)
    with pytest.raises(JobFailed, match=r"^1 tables .* the other 1 are: liberator_t: .*x was string and is bigint"):
        lake.carry({"t": Table(pa.table({"x": [1]})), "zone": ids(2)})
    assert lake.days("liberator_t") == ["20210603"]
    assert not lake.files(lake.partition("liberator_t"))
    assert lake.rows("liberator_zone") == [{"id": 2}], "the other table is written"


def test_a_decimal_of_another_scale_is_reported(lake: Lake) -> None:
    lake.carry({"t": Table(pa.table({"x": pa.array([Decimal("1.5")], pa.decimal128(10, 1))}))}, YESTERDAY)
    with pytest.raises(JobFailed, match=r"x was decimal\(10,1\) and is decimal\(10,2\)"):
        lake.carry({"t": Table(pa.table({"x": pa.array([Decimal("1.5")], pa.decimal128(10, 2))}))})


def test_what_people_wrote_into_the_catalog_survives_a_new_column(lake: Lake) -> None:
    lake.carry({"t": Table(pa.table({"id": [1]}))}, YESTERDAY)
    table = lake.glue.get_table(DatabaseName="raw", Name="liberator_t")["Table"]
    table["StorageDescriptor"]["Columns"][0]["Comment"] = "the supplier's number"
    kept = {key: table[key] for key in ("Name", "TableType", "PartitionKeys", "StorageDescriptor", "Parameters")}
    lake.glue.update_table(DatabaseName="raw", TableInput=kept | {"Description": "one row for each"})
    lake.carry({"t": Table(pa.table({"id": [1], "note": ["x"]}))})
    table = lake.glue.get_table(DatabaseName="raw", Name="liberator_t")["Table"]
    assert table["Description"] == "one row for each"
    assert [column.get("Comment") for column in table["StorageDescriptor"]["Columns"]] == ["the supplier's number", None]


def test_the_catalog_says_what_athena_needs(lake: Lake) -> None:
    lake.carry({"t": Table(pa.table({"id": [1], "note": ["x"]}))}, YESTERDAY)
    lake.carry({"t": Table(pa.table({"id": [1]}))})
    table = lake.glue.get_table(DatabaseName="raw", Name="liberator_t")["Table"]
    assert table["TableType"] == "EXTERNAL_TABLE"
    assert table["PartitionKeys"] == [
        {"Name": name, "Type": "string"} for name in ("import_year", "import_month", "import_day", "import_date")
    ]
    found = lake.glue.get_partitions(DatabaseName="raw", TableName="liberator_t")["Partitions"]
    columns = {p["Values"][-1]: [c["Name"] for c in p["StorageDescriptor"]["Columns"]] for p in found}
    assert columns == {"20210603": ["id", "note"], "20210604": ["id"]}
    for storage in (table["StorageDescriptor"], *(p["StorageDescriptor"] for p in found)):
        assert storage["SerdeInfo"]["SerializationLibrary"].endswith("parquet.serde.ParquetHiveSerDe")
        assert storage["InputFormat"].endswith("parquet.MapredParquetInputFormat")
    assert table["StorageDescriptor"]["Location"] == "s3://raw/parking/liberator_t"


# ── what fails ──


def test_rows_that_are_missing_stop_the_whole_day(lake: Lake) -> None:
    lake.carry({"zone": ids(1), "street": ids(7)})
    before = lake.everything()
    short = Table(pa.table({"id": [2]}), counted=3)
    with pytest.raises(JobFailed, match="liberator_zone: CountMismatch: 3 rows were loaded into zone, 1 are"):
        lake.carry({"zone": short, "street": ids(8)})
    assert lake.everything() == before


def test_rows_that_are_too_many_stop_it_too(lake: Lake) -> None:
    with pytest.raises(JobFailed, match="1 rows were loaded into zone, 2 are"):
        lake.carry({"zone": Table(pa.table({"id": [1, 2]}), counted=1)})
    assert lake.everything() == {}


def test_without_a_count_of_the_loader_the_landed_rows_count(lake: Lake) -> None:
    assert lake.carry({"zone": Table(pa.table({"id": [1, 2]}), counted=None)}) == {"liberator_zone": 2}


def test_a_table_that_fails_does_not_stop_the_others(lake: Lake) -> None:
    lake.carry({"a": ids(1), "b": ids(1), "c": ids(1)})
    uri = lake.land({"a": ids(2), "b": ids(2), "c": ids(2)})
    [broken] = [name for name in lake.everything("landing") if "liberator.b" in name and name.endswith("-2.gz.parquet")]
    lake.put(broken, b"PAR1 this is no Parquet PAR1")
    with pytest.raises(JobFailed, match=r"1 tables are not as they should be, the other 2 are: liberator_b: "):
        run_again(lake, uri)
    assert [lake.rows(f"liberator_{name}") for name in "abc"] == [[{"id": 2}], [{"id": 1}], [{"id": 2}]]
    assert not any("_staging" in name for name in lake.everything())


def run_again(lake: Lake, uri: str) -> Any:
    run = job.Run(f"wr_{lake.runs}", DAY, uri, f"task-{lake.runs}")
    return to_raw(run, "s3://landing", re.compile(".*"), lake.zone("raw"))


def test_the_run_of_another_day_than_the_manifest_s_is_refused(lake: Lake) -> None:
    with pytest.raises(JobFailed, match=r"is of 2021-06-04, the run of 2021-06-03"):
        lake.carry({"zone": ids(1)}, run_day=YESTERDAY)
    assert lake.everything() == {}


def test_tables_whose_names_would_be_the_same_are_refused_and_no_other(lake: Lake) -> None:
    with pytest.raises(JobFailed, match=r"liberator_a_b: .*\['a-b', 'a_b'\] would have the same name"):
        lake.carry({"a-b": ids(1), "a_b": ids(2), "zone": ids(3)})
    assert lake.rows("liberator_zone") == [{"id": 3}]


def test_two_databases_do_not_share_a_table(lake: Lake) -> None:
    lake.carry({"b_c": ids(1)}, database="a")
    with pytest.raises(JobFailed, match="a_b_c is of a already, and can't be of a_b too"):
        lake.carry({"c": ids(2)}, database="a_b")
    assert lake.rows("a_b_c") == [{"id": 1}]


def test_a_manifest_that_says_nothing_of_types_is_not_guessed_at(lake: Lake) -> None:
    uri = lake.land({"t": Table(pa.table({"served_on": ["2021-06-04"]}))})
    document = json.loads(lake.everything("landing")[uri])
    del document["tables"][0]["columns"]
    lake.put(uri, json.dumps(document).encode())
    with pytest.raises(JobFailed, match=r"says nothing of the types of columns \['served_on'\]"):
        run_again(lake, uri)


def test_an_empty_table_of_unknown_types_is_not_guessed_at(lake: Lake) -> None:
    with pytest.raises(JobFailed, match="id is of no type, which no RDS export has"):
        lake.carry({"t": Table(pa.table({"id": pa.array([], pa.int32())}))})


def test_a_day_that_is_landed_anew_meanwhile_is_not_replaced_by_its_earlier_export(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.carry({"zone": ids(1)})
    stage, later = Zone.stage, []

    def slowly(zone: Zone, *staged: Any) -> Any:
        if not later:
            later.append(lake.land({"zone": ids(3)}))
        return stage(zone, *staged)

    monkeypatch.setattr(Zone, "stage", slowly)
    with pytest.raises(JobFailed, match="another export of the day was landed meanwhile"):
        lake.carry({"zone": ids(2)})
    assert lake.rows("liberator_zone") == [{"id": 1}]


@pytest.mark.parametrize("text", [None, "{", '{"database": "liberator"}'])
def test_a_manifest_that_is_none_is_told(lake: Lake, text: str | None) -> None:
    uri = lake.land({"zone": ids(1)})
    if text is None:
        lake.s3.delete_object(Bucket="landing", Key=uri.removeprefix("s3://landing/"))
    else:
        lake.put(uri, text.encode())
    with pytest.raises(JobFailed, match=r"import_date=20210604.json is no manifest"):
        run_again(lake, uri)


def test_a_workflow_that_was_started_without_its_properties_is_told() -> None:
    with pytest.raises(JobFailed, match="import_date"):
        job.run_of("wr_1", {"manifest": "s3://x/y"})
