"""The plan of an export's landing: its manifest, and the key of each copy."""

from __future__ import annotations

from liberator.exports import ColumnType
from liberator.messages import CopyExport
from liberator.naming import parse_export_key
from liberator.row_counts import OriginalNames, Remark, RemarkKind, RowCounts
from s3_to_s3_copier.finished_export import Export
from s3_to_s3_copier.plan import planned
from tests.fakes import SNAPSHOT_TIME
from tests.lake import RUN, UPLOADED_AT, partition

COMMAND = CopyExport(run=RUN, correlation_id="dump@1", export_task_identifier="task-1")
REMARK = Remark(kind=RemarkKind.VALUES_CHANGED, text="Out of range value", table="pcns")


def export(counts: RowCounts | None) -> Export:
    found = parse_export_key("task-1/liberator/liberator.a_b_1f/1/part-0.gz.parquet", 5)
    assert found
    column = ColumnType(columnName="odd_2c", originalType="int", expectedExportedType="int32")
    return Export(
        "task-1",
        SNAPSHOT_TIME,
        "liberator",
        tables={"a_b_1f": [found], "empty": []},
        columns={"a_b_1f": [column], "empty": []},
        skipped=frozenset(),
        warnings=("Some strings were converted",),
        counts=counts,
    )


COUNTS = RowCounts(
    database="liberator",
    dump=str(RUN.origin),
    uploaded_at=UPLOADED_AT,
    snapshot="task-1",
    tables={"a_b_1f": 3, "empty": 0},
    originals={"a_b_1f": OriginalNames(table="a b", columns={"odd_2c": "odd name"})},
    remarks=(REMARK,),
)


def test_the_manifest_names_each_object_of_the_plan_under_its_table() -> None:
    manifest, plan = planned(COMMAND, export(COUNTS), "exports")
    [key] = plan
    assert key == partition("a_b_1f", "part-0.gz.parquet")
    assert (plan[key].bucket, plan[key].key, plan[key].size) == (
        "exports",
        "task-1/liberator/liberator.a_b_1f/1/part-0.gz.parquet",
        5,
    )
    assert manifest.keys == set(plan)
    assert [(t.name, t.rows, [(o.key, o.size) for o in t.objects]) for t in manifest.tables] == [
        ("a_b_1f", 3, [(key, 5)]),
        ("empty", 0, []),
    ]


def test_the_manifest_has_the_loaders_words_and_rdss() -> None:
    manifest, _ = planned(COMMAND, export(COUNTS), "exports")
    [renamed, _] = manifest.tables
    [column] = renamed.columns
    assert (renamed.original_name, column.original_name, column.original_type) == ("a b", "odd name", "int")
    assert (manifest.remarks, manifest.warnings) == ((REMARK,), ("Some strings were converted",))
    assert manifest.order == (UPLOADED_AT, SNAPSHOT_TIME, "task-1")


def test_where_nobody_counted_rows_are_not_known_and_the_snapshot_stands_for_the_upload() -> None:
    manifest, _ = planned(COMMAND, export(None), "exports")
    assert {table.rows for table in manifest.tables} == {None}
    assert manifest.uploaded_at is None
    assert manifest.order == (SNAPSHOT_TIME, SNAPSHOT_TIME, "task-1")
