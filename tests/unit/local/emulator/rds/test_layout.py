from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from liberator.naming import parse_export_key
from local.emulator.rds import layout
from local.emulator.rds.frozen import FrozenTable
from local.emulator.rds.parquet_types import Column
from local.emulator.rds.states import ExportTask, Refused, Snapshot

AT = datetime(2021, 6, 4, 10, 15, 30, tzinfo=UTC)


def task(identifier: str = "sql-to-parquet-2021-06-04-101530", prefix: str = "") -> ExportTask:
    snapshot = Snapshot(identifier="s", arn="arn", instance="i", tags=[], created_at=AT)
    return ExportTask(
        identifier=identifier,
        snapshot=snapshot,
        s3_bucket="bucket",
        s3_prefix=prefix,
        iam_role_arn="role",
        kms_key_id="key",
        asked_at=AT,
    )


def table(name: str, parts: int = 0, *columns: str) -> FrozenTable:
    described = [Column(c, "int", "int(11)") for c in columns or ("id",)]
    return FrozenTable("liberator", name, described, parts=[Path(str(n)) for n in range(parts)])


def test_keys_are_read_back_by_the_copier() -> None:
    objects = list(layout.data_objects(task(prefix="/a/b/"), table("pcn", parts=7)))
    parsed = [parse_export_key(o.key, 1) for o in objects]
    assert [p is None for p in parsed] == [o.key.endswith("/_SUCCESS") for o in objects]
    assert {(p.database, p.table) for p in parsed if p} == {("liberator", "liberator.pcn")}
    assert sorted({p.batch or "" for p in parsed if p}) == ["1", "2", "3"]
    assert all(o.key.startswith("a/b/sql-to-parquet-2021-06-04-101530/liberator/") for o in objects)


def test_no_two_objects_have_one_key_and_the_names_stay_the_same() -> None:
    first, again = ([o.key for o in layout.data_objects(task(), table("pcn", parts=50))] for _ in range(2))
    assert len(set(first)) == len(first)
    assert first == again
    other = [o.key.rsplit("/", 1)[1] for o in layout.data_objects(task("another"), table("pcn", parts=50))]
    assert not {k.rsplit("/", 1)[1] for k in first} & set(other) - {"_SUCCESS"}


def test_export_only_is_at_most_200_kilobytes() -> None:
    layout.check_export_only(["db", "db.t"], {"db"}, {"db.t"})
    with pytest.raises(Refused, match="200 KB"):
        layout.check_export_only(["db"] * 110_000, {"db"}, set())


@pytest.mark.parametrize("column", ["a b", "a,b", "a;b", "a{", "a}", "a(", "a)", "a\nb", "a\tb", "a=b"])
def test_a_column_name_that_parquet_cannot_have_skips_its_table(column: str) -> None:
    assert table("t", 0, "id", column).skipped_because


def test_ordinary_names_skip_nothing() -> None:
    assert table("t$1", 0, "id", "größe", "a.b", "a-b").skipped_because is None
    assert table("a/b").skipped_because
