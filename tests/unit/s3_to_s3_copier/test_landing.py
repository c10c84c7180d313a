"""What lands, what is committed, and what is announced, where moto is too slow or too kind."""

from __future__ import annotations

import json
from typing import Any

from ingestion import naming
from tests.lake import RUN, Lake


def test_however_many_tables_a_day_has_sns_takes_its_event(lake: Lake) -> None:
    event = lake.copy(lake.export("task-1", {f"a_table_of_which_there_are_thousands_{n}": 0 for n in range(3_000)}))
    assert event
    assert event.tables == 3_000
    assert len(event.model_dump_json()) < 1_000


def test_the_manifest_says_what_the_dump_calls_a_renamed_table_and_its_renamed_columns(lake: Lake) -> None:
    command = lake.export("task-1", {"a_b_1f": 3, "plain": 1, "half": 2})
    for key in lake.s3.keys("exports"):
        if "export_tables_info" in key:
            del lake.s3.buckets["exports"][key]
    columns = [{"columnName": name, "originalType": "int", "expectedExportedType": "int32"} for name in ("id", "odd_2c")]
    metadata = {"schemaMetadata": {"originalTypeMappings": columns}, "status": "COMPLETE"}
    lake.side_files("task-1", [{"target": f"liberator.{name}", **metadata} for name in ("a_b_1f", "plain", "half")])
    _count(
        lake, originals={"a_b_1f": {"table": "a b", "columns": {"odd_2c": "odd name"}}, "half": {"columns": {"id": "Id;"}}}
    )
    lake.copy(command)
    tables = {
        t.name: (t.original_name, t.rows, [(c.name, c.original_name) for c in t.columns]) for t in lake.manifest().tables
    }
    assert tables == {
        "a_b_1f": ("a b", 3, [("id", None), ("odd_2c", "odd name")]),
        "half": (None, 2, [("id", "Id;"), ("odd_2c", None)]),
        "plain": (None, 1, [("id", None), ("odd_2c", None)]),
    }


def _count(lake: Lake, **changed: Any) -> None:
    bucket, key = naming.split_s3_uri(naming.row_counts_uri(str(RUN.dump), "task-1"))
    lake.put(key, json.dumps(json.loads(lake.s3.keys(bucket)[key]) | changed).encode(), bucket)
