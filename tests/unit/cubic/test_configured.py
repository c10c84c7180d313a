from __future__ import annotations

from pathlib import Path

import pytest

from cubic import configured
from cubic.errors import BadConfiguration
from cubic.tables import Configuration, TableConfig


def test_the_file_that_is_deployed_is_read() -> None:
    configured.read()


def test_the_example_in_the_file_is_one_that_works(tmp_path: Path) -> None:
    text = configured.FILE.read_text()
    example = "".join(
        line.removeprefix("# ") for line in text.split("#\n", 1)[1].splitlines(keepends=True) if line[0] == "#"
    )
    (tmp_path / "tables.yaml").write_text(example)
    read = configured.read(tmp_path / "tables.yaml")
    assert [table.name for table in read.tables] == [
        "cubic__ods_qlik__edw_sample",
        "cubic__dmap__agg_sample",
        "cubic__kafka__sample",
    ]
    assert len(read.feeds) == 1


def test_a_list_by_itself_is_one_of_tables(tmp_path: Path) -> None:
    (tmp_path / "tables.yaml").write_text(
        "- {s3_prefix: cubic/ods_qlik/EDW.SAMPLE/, key_columns: [sample_key], sparse_updates: false}\n"
        "- {s3_prefix: cubic/dmap/agg_sample/}\n"
    )
    read = configured.read(tmp_path / "tables.yaml")
    assert read.tables == (
        TableConfig(s3_prefix="cubic/ods_qlik/EDW.SAMPLE/", key_columns=("sample_key",), sparse_updates=False),
        TableConfig(s3_prefix="cubic/dmap/agg_sample/"),
    )
    assert read.feeds == ()


def test_without_a_file_and_with_an_empty_one_nothing_is_configured(tmp_path: Path) -> None:
    assert configured.read(tmp_path / "tables.yaml") == Configuration()
    (tmp_path / "tables.yaml").write_text("")
    assert configured.read(tmp_path / "tables.yaml") == Configuration()


@pytest.mark.parametrize(
    "text",
    [
        "tables: [",
        "- a list",
        "tables: [{s3_prefix: cubic/ods_qlik/EDW.SAMPLE/, key_column: [a]}]",
        "tables: [{s3_prefix: cubic/ods_qlik/EDW.SAMPLE}]",
        "tables: [{s3_prefix: ods_qlik/EDW.SAMPLE/}]",
        "tables: [{s3_prefix: cubic/ods_qlik/EDW.SAMPLE__ct/}]",
        "tables: [{s3_prefix: cubic/ods_qlik/EDW.SAMPLE__CURRENT/}]",
        "tables: [{s3_prefix: cubic/dmap/a/}, {s3_prefix: cubic/dmap/A/}]",
        "tables: [{s3_prefix: cubic/ods_qlik/A/, key_columns: [UPPER]}]",
        "feeds: [{name: a, relative_url: 'https://elsewhere.example/'}]",
    ],
)
def test_a_file_that_is_wrong_is_refused_with_one_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "tables.yaml").write_text(text)
    with pytest.raises(BadConfiguration, match=r"tables\.yaml is not as"):
        configured.read(tmp_path / "tables.yaml")


def test_key_columns_are_names_of_the_raw_zone() -> None:
    assert TableConfig(s3_prefix="cubic/ods_qlik/A/", key_columns=("a b", "c")).name == "cubic__ods_qlik__a"
