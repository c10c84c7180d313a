"""The job transform on real Spark: targets, their order, their checks; and the queries of the sample database."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lake import job
from lake.job import JobFailed
from local import ROOT
from tests.integration.glue.conftest import DAY, Lake, Table
from transform import Query, query_of, transform

YESTERDAY = dt.date(2021, 6, 3)


def target(name: str, depends_on: str, sql: str) -> Query:
    return query_of(f"{name}.sql", f"-- target: {name}\n-- zone: refined\n-- depends on: {depends_on}\n{sql}")


def check(name: str, says: str, sql: str) -> Query:
    return query_of(f"{name}.check.sql", f"-- check: {name}\n-- says: {says}\n{sql}")


def run(lake: Lake, *queries: Query, day: dt.date = DAY) -> dict[str, int]:
    lake.runs += 1
    it = job.Run(f"wr_{lake.runs}", day, "s3://landing/m", "task")
    return transform(it, queries, lake.zone("raw"), lake.zone("refined"))


def ids(*values: int) -> dict[str, Table]:
    return {"zone": Table(pa.table({"id": pa.array(values, pa.int32())}))}


DOUBLED = target("doubled", "liberator_zone", "SELECT id * 2 AS twice FROM liberator_zone")
SUMMED = target("summed", "doubled, liberator_zone", "SELECT sum(twice) AS total FROM doubled")


def test_a_target_is_made_of_the_day_of_the_run(lake: Lake) -> None:
    lake.carry(ids(1, 2), YESTERDAY)
    lake.carry(ids(5))
    assert run(lake, DOUBLED, day=YESTERDAY) == {"doubled": 2}
    assert lake.rows("doubled", YESTERDAY, "refined") == [{"twice": 2}, {"twice": 4}]
    assert lake.days("doubled", "refined") == ["20210603"]
    assert lake.catalog("doubled", "refined") == {"twice": "bigint"}


def test_a_query_sees_the_columns_of_the_partition(lake: Lake) -> None:
    lake.carry(ids(1))
    run(
        lake,
        target("dated", "liberator_zone", "SELECT concat(import_year, import_month, import_day) AS d FROM liberator_zone"),
    )
    assert lake.rows("dated", zone="refined") == [{"d": "20210604"}]


def test_a_target_comes_after_those_that_it_depends_on(lake: Lake) -> None:
    lake.carry(ids(1, 2))
    assert list(run(lake, SUMMED, DOUBLED)) == ["doubled", "summed"]
    assert lake.rows("summed", zone="refined") == [{"total": 6}]


def test_the_same_day_again_replaces_the_day_and_no_other(lake: Lake) -> None:
    for day in (YESTERDAY, DAY):
        lake.carry(ids(1, 2), day)
        run(lake, DOUBLED, day=day)
    before = {name: data for name, data in lake.everything("refined").items() if "import_date=20210603" in name}
    lake.carry(ids(4))
    run(lake, DOUBLED)
    assert lake.rows("doubled", zone="refined") == [{"twice": 8}]
    assert lake.everything("refined").items() >= before.items()
    assert lake.days("doubled", "refined") == ["20210603", "20210604"]


def test_a_check_that_returns_rows_holds_the_target_back(lake: Lake) -> None:
    lake.carry(ids(1))
    small = check("doubled", "a number is too large", "SELECT twice FROM doubled WHERE twice > 5")
    run(lake, DOUBLED, small)
    lake.carry(ids(1, 3))
    with pytest.raises(JobFailed, match=r"doubled: CheckFailed: a number is too large \(doubled.check.sql\).*'twice': 6"):
        run(lake, DOUBLED, small)
    assert lake.rows("doubled", zone="refined") == [{"twice": 2}]
    assert not any("_staging" in name for name in lake.everything("refined"))


def test_what_depends_on_a_failed_target_is_not_made_and_the_rest_is(lake: Lake) -> None:
    lake.carry(ids(1))
    never = check("doubled", "never right", "SELECT 1 AS x")
    other = target("other", "liberator_zone", "SELECT id FROM liberator_zone")
    with pytest.raises(JobFailed, match=r"2 of 3 targets.*summed: not made, for it depends on doubled"):
        run(lake, DOUBLED, SUMMED, other, never)
    assert lake.rows("other", zone="refined") == [{"id": 1}]
    assert "parking/summed" not in str(sorted(lake.everything("refined")))


def test_a_table_without_the_day_is_told(lake: Lake) -> None:
    lake.carry(ids(1), YESTERDAY)
    with pytest.raises(JobFailed, match=r"doubled: Missing: liberator_zone has no 2021-06-04 in .*/raw/parking"):
        run(lake, DOUBLED)


def test_a_check_waits_for_what_it_reads(lake: Lake) -> None:
    """`zz` comes after `doubled` by name, and before it because the check of `doubled` reads it."""
    lake.carry(ids(1, 2))
    zz = target("zz", "liberator_zone", "SELECT count(*) AS n FROM liberator_zone")
    text = "-- check: doubled\n-- depends on: zz, doubled\n-- says: not as many\n"
    sql = "SELECT n FROM zz WHERE n <> (SELECT count(*) FROM doubled)"
    assert list(run(lake, DOUBLED, zz, query_of("doubled.check.sql", text + sql))) == ["zz", "doubled"]


def test_a_query_can_not_read_what_it_does_not_name(lake: Lake) -> None:
    lake.carry(ids(1))
    late = target("late", "liberator_zone", "SELECT * FROM doubled")
    with pytest.raises(JobFailed, match=r"late: .*doubled"):
        run(lake, DOUBLED, late)


def test_a_column_that_the_day_has_no_more_is_null(lake: Lake) -> None:
    lake.carry({"zone": Table(pa.table({"id": [1], "note": ["x"]}))}, YESTERDAY)
    lake.carry(ids(2))
    run(lake, target("notes", "liberator_zone", "SELECT id, note FROM liberator_zone"))
    assert lake.rows("notes", zone="refined") == [{"id": 2, "note": None}]


def test_all_of_a_raw_table_has_no_partition_columns_twice(lake: Lake) -> None:
    lake.carry(ids(1))
    run(lake, target("everything", "liberator_zone", "SELECT * FROM liberator_zone"))
    assert lake.catalog("everything", "refined") == {"id": "bigint"}


def test_wrong_sql_is_told(lake: Lake) -> None:
    lake.carry(ids(1))
    with pytest.raises(JobFailed, match=r"bad: .*no_such_column"):
        run(lake, target("bad", "liberator_zone", "SELECT no_such_column FROM liberator_zone"))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "-- target: t\n-- zone: raw\n-- depends on: a\nSELECT 1",
        "-- target: t\n-- zone: refined\nSELECT 1",
        "-- target: Not Plain\n-- zone: refined\n-- depends on: a\nSELECT 1",
        "-- check: t\nSELECT 1",
        "-- target: t\n-- check: t\n-- says: x\nSELECT 1",
    ],
)
def test_a_header_that_lacks_something_is_refused(text: str) -> None:
    with pytest.raises(JobFailed, match=r"^t.sql has to begin with"):
        query_of("t.sql", text)


def test_targets_that_depend_on_each_other_are_refused(lake: Lake) -> None:
    with pytest.raises(JobFailed, match="depend on each other"):
        run(lake, target("a", "b", "SELECT 1 AS x"), target("b", "a", "SELECT 1 AS x"))


def test_two_files_for_one_target_or_a_check_of_none_are_refused(lake: Lake) -> None:
    for queries in ([DOUBLED, DOUBLED], [check("doubled", "x", "SELECT 1")]):
        with pytest.raises(JobFailed, match="Two files make one target"):
            run(lake, *queries)


# ── the queries of the sample database ──


def of_the_sample() -> list[Query]:
    folder = ROOT / "glue" / "liberator" / "transforms"
    return [query_of(path.name, path.read_text()) for path in sorted(Path(folder).glob("*.sql"))]


def table(**columns: Any) -> Table:
    dates = {name: "date" for name in columns if name.endswith(("_date", "_on"))}
    return Table(pa.table(columns), types=dates)


@pytest.fixture
def parking(lake: Lake) -> dict[str, Table]:
    at = dt.datetime(2021, 5, 31, 23, 30, tzinfo=dt.UTC)
    money = pa.decimal128(8, 2)
    tables = {
        "liberator_zone": table(zone_code=["A", "B"], zone_name=["North", "South"]),
        "liberator_street": table(usrn=[1, 2], zone_code=["A", "B"]),
        "liberator_pcn_fd_all": table(
            pcn=["P1", "P2", "P3"],
            vrm=["V"] * 3,
            contravention_code=["01"] * 3,
            usrn=[1, 1, None],
            issued_at=[at, at + dt.timedelta(days=2), at],
            charge=pa.array([Decimal(100), Decimal(60), Decimal(60)], money),
        ),
        "liberator_pcn_payment": table(
            pcn=["P1", "P1"], amount=pa.array([Decimal(30), Decimal(20)], money), paid_at=[at, at]
        ),
        "liberator_pcn_appeal": table(
            pcn=["P2", "P2"], received_on=["2021-06-01", "2021-06-03"], appeal_id=[2, 1], outcome=["rejected", "accepted"]
        ),
        "liberator_permit_llpg": table(uprn=[10, 11], usrn=[1, 2]),
        "liberator_permit_fta": table(
            permit_type=["resident"] * 4,
            uprn=[10, 10, 11, None],
            vehicle_id=[1, 1, 2, 3],
            start_date=["2021-06-04", "2021-01-01", "2021-06-05", "2021-01-01"],
            end_date=["2022-06-03", "2021-06-04", "2022-06-04", "2021-12-31"],
            amount=pa.array([Decimal(10), Decimal(11), Decimal(12), Decimal(13)], money),
        ),
    }
    lake.carry(tables)
    return tables


def test_the_ledger_has_every_notice_with_what_is_paid(lake: Lake, parking: dict[str, Table]) -> None:
    run(lake, *of_the_sample())
    ledger = {row["pcn"]: row for row in lake.rows("parking_pcn_ledger", zone="refined")}
    assert {pcn: (row["paid"], row["balance"], row["payments"]) for pcn, row in ledger.items()} == {
        "P1": (50, 50, 2),
        "P2": (0, 60, 0),
        "P3": (0, 60, 0),
    }
    assert (ledger["P2"]["appeals"], ledger["P2"]["appeal_outcome"]) == (2, "accepted"), "the latest appeal's"


def test_notices_are_counted_by_zone_and_month_and_none_is_lost(lake: Lake, parking: dict[str, Table]) -> None:
    run(lake, *of_the_sample())
    found = lake.rows("parking_pcns_by_zone", zone="refined")
    assert sorted((r["zone_code"], r["month"].month, r["notices"], r["appealed"], r["paid"]) for r in found) == [
        ("A", 5, 1, 0, 50),
        ("A", 6, 1, 1, 0),
        ("none", 5, 1, 0, 0),
    ]


def test_permits_are_in_force_on_the_day_of_the_dump(lake: Lake, parking: dict[str, Table]) -> None:
    run(lake, *of_the_sample())
    found = lake.rows("parking_permits_in_force", zone="refined")
    assert sorted((r["zone_code"], r["permits"], r["vehicles"], r["amount"]) for r in found) == [
        ("A", 2, 1, 21),
        ("none", 1, 1, 13),
    ]


def test_a_notice_that_the_dump_has_twice_is_held_back(lake: Lake, parking: dict[str, Table]) -> None:
    notices = parking["liberator_pcn_fd_all"].rows
    twice = parking | {"liberator_pcn_fd_all": Table(pa.concat_tables([notices, notices.slice(0, 1)]))}
    lake.carry(twice)
    with pytest.raises(JobFailed, match=r"parking_pcn_ledger: CheckFailed: a penalty charge notice .*'pcn': 'P1'"):
        run(lake, *of_the_sample())
