from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import BadName
from ingestion.messages import Run
from liberator import naming
from liberator.naming import ExportedFile

DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_0123456789.$äé-", min_size=1, max_size=20)
TASK = "sql-to-parquet-2021-06-04-101530"


@given(DAYS)
def test_both_forms_of_a_dumps_name_give_its_day(day: date) -> None:
    short, long = naming.dump_keys(day)
    assert short == f"parking/liberator_dump_{day:%y%m%d}.zip"
    assert [naming.import_date_of(key) for key in (short, long)] == [day, day]


@pytest.mark.parametrize(
    "key",
    [
        "parking/liberator_dump_.zip",
        "parking/liberator_dump_210230.zip",
        "parking/liberator_dump_2106.zip",
        "parking/liberator_dump_20210604.zip.part",
        "parking/liberator_dump_210604 (1).zip",
        "parking/liberator_dump_\u0662\u0661\u0660\u0666\u0660\u0664.zip",
        "parking/other_210604.zip",
        "liberator_dump_210604.zip",
        "parking/liberator_dump_archive/liberator_dump_210604.zip",
        "parking/old/liberator_dump_210604.zip",
        "housing/liberator_dump_210604.zip",
        "parking/xliberator_dump_210604.zip",
        "",
    ],
)
def test_a_key_without_a_valid_date_is_refused_by_name(key: str) -> None:
    with pytest.raises(BadName, match=r"liberator_dump_YYMMDD\.zip") as refused:
        naming.import_date_of(key)
    assert repr(key) in str(refused.value)


@given(DAYS, st.booleans(), st.datetimes(timezones=st.just(UTC)))
def test_a_snapshots_name_is_one_that_rds_takes_for_snapshot_and_task(day: date, backdated: bool, at: datetime) -> None:
    name = naming.snapshot_identifier(Run(import_date=day, backdated=backdated), at)
    assert len(name) <= 60
    assert "--" not in name
    assert not name.endswith("-")
    assert name.replace("-", "").isalnum()
    assert name.isascii()
    assert naming.is_snapshot_identifier(name)


def test_names_are_those_of_the_design() -> None:
    at = datetime(2021, 6, 5, 10, 15, 30, tzinfo=UTC)
    day = date(2021, 6, 4)
    assert naming.snapshot_identifier(Run(import_date=day, backdated=False), at) == TASK
    backdated = naming.snapshot_identifier(Run(import_date=day, backdated=True), at)
    assert backdated == "sql-to-parquet-2021-06-04-backdated-101530"
    [file] = [naming.parse_export_key(f"{TASK}/liberator/liberator.permits/1/part-00000-a-c000.gz.parquet", 5)]
    assert file
    landing = (
        "parking/liberator/liberator.permits/import_year=2021/import_month=06/import_day=04/import_date=20210604/"
        "part-00000-a-c000.gz.parquet"
    )
    assert list(naming.landing_keys([file], day)) == [landing]


@given(NAMES, NAMES, st.none() | st.integers(0, 99).map(str), st.sampled_from(["", "deep/prefix/", "1/"]))
def test_an_exported_key_is_parsed_from_the_right(database: str, table: str, batch: str | None, prefix: str) -> None:
    folders = f"{prefix}{TASK}/{database}/{database}.{table}/" + (f"{batch}/" if batch else "")
    key = f"{folders}part-00000-x-c000.gz.parquet"
    assert naming.parse_export_key(key, 7) == ExportedFile(
        key, 7, database, f"{database}.{table}", batch, "part-00000-x-c000.gz.parquet"
    )


@pytest.mark.parametrize(
    "key",
    [
        f"{TASK}/liberator/liberator.permits/1/_SUCCESS",
        f"{TASK}/liberator/liberator.permits/1/.part-00000.crc",
        f"{TASK}/export_info_{TASK}.json",
        f"{TASK}/export_tables_info_{TASK}_from_1_to_2.json",
        f"{TASK}/liberator/",
    ],
)
def test_what_is_not_data_is_passed_over(key: str) -> None:
    assert naming.parse_export_key(key, 0) is None


@pytest.mark.parametrize(
    "key", [f"{TASK}/liberator/liberator.permits/1/part-0.orc", f"{TASK}/part-00000.parquet", "x.parquet"]
)
def test_what_may_be_data_in_an_unknown_place_stops_the_copy(key: str) -> None:
    with pytest.raises(BadName, match="export layout"):
        naming.parse_export_key(key, 1)


@pytest.mark.parametrize(
    ("one", "other"), [("liberator", "liberator2"), ("liberator", "another"), ("liberator_old", "liberator")]
)
def test_two_databases_share_no_data(one: str, other: str) -> None:
    day = date(2021, 6, 4)
    assert not naming.partition_prefix(other, f"{other}.t", day).startswith(naming.landing_prefix(one))


@given(
    st.sets(
        st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 4).map(str), st.sampled_from(["x", "y", "z"])), max_size=24
    )
)
def test_no_two_exported_files_land_on_one_key(parts: set[tuple[str, str, str]]) -> None:
    files = [ExportedFile(f"{t}{b}{n}", 1, "db", f"db.{t}", b, f"part-{n}.parquet") for t, b, n in parts]
    landed = naming.landing_keys(files, date(2021, 6, 4))
    assert len(landed) == len(files)
    for key, file in landed.items():
        assert key.rsplit("/", 1)[1] in {file.name, f"{file.batch}-{file.name}"}
