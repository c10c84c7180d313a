from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cubic import keys
from cubic.errors import UnknownFile
from cubic.keys import DataFile, Description, LoadNumber, Stream


@pytest.mark.parametrize(
    ("key", "table", "glue_table"),
    [
        ("cubic/ods_qlik/EDW.SAMPLE/LOAD001.csv.gz", "cubic/ods_qlik/EDW.SAMPLE/", "cubic__ods_qlik__edw_sample"),
        (
            "cubic/ods_qlik/EDW.SAMPLE__ct/20220304-134556444.csv.gz",
            "cubic/ods_qlik/EDW.SAMPLE/",
            "cubic__ods_qlik__edw_sample__ct",
        ),
        ("cubic/dmap/agg_sample/20220304.csv", "cubic/dmap/agg_sample/", "cubic__dmap__agg_sample"),
        ("cubic/dmap/agg_sample/20220304-20220306.csv.gz", "cubic/dmap/agg_sample/", "cubic__dmap__agg_sample"),
        ("cubic/kafka/sample/vytxeTZskVKR7C7WgdSP3d.json", "cubic/kafka/sample/", "cubic__kafka__sample"),
    ],
)
def test_a_file_of_each_stream_has_its_table(key: str, table: str, glue_table: str) -> None:
    file = keys.data_file(key)
    assert (file.table_prefix, file.glue_table) == (table, glue_table)
    assert file.directory + file.identifier == key


@pytest.mark.parametrize(
    ("name", "number", "begins"),
    [
        ("LOAD1.csv", LoadNumber("1"), True),
        ("LOAD00000001.csv.gz", LoadNumber("00000001"), True),
        ("LOAD0000000A.csv", LoadNumber("0000000A"), False),
        ("LOAD00000010.csv", LoadNumber("00000010"), False),
        ("LOAD_1_00000001.csv", LoadNumber("00000001", 1), True),
        ("LOAD_2_00000001.csv", LoadNumber("00000001", 2), False),
        ("LOAD_1_00000002.csv", LoadNumber("00000002", 1), False),
    ],
)
def test_a_full_loads_file_has_its_number(name: str, number: LoadNumber, begins: bool) -> None:
    file = keys.data_file(f"cubic/ods_qlik/EDW.SAMPLE/{name}")
    assert (file.number, file.begins_snapshot) == (number, begins)


def test_changes_have_no_number_whatever_they_are_called() -> None:
    file = keys.data_file("cubic/ods_qlik/EDW.SAMPLE__ct/LOAD001.csv")
    assert file.is_ct
    assert not file.begins_snapshot


@pytest.mark.parametrize(
    "key",
    [
        "cubic/ods_qlik/EDW.SAMPLE/LOAD001.dfm",
        "cubic/ods_qlik/EDW.SAMPLE__ct/20220304-134556444.dfm",
    ],
)
def test_a_dfm_describes_the_file_of_its_stem(key: str) -> None:
    description = keys.parse(key)
    assert isinstance(description, Description)
    assert description.table_prefix == "cubic/ods_qlik/EDW.SAMPLE/"
    for extension in (".csv", ".csv.gz"):
        assert keys.data_file(description.stem + extension).stem == description.stem


@pytest.mark.parametrize(
    "key",
    [
        "",
        "cubic/",
        "ods_qlik/EDW.SAMPLE/LOAD001.csv.gz",
        "/cubic/ods_qlik/EDW.SAMPLE/LOAD001.csv.gz",
        "cubic/ods_qlik/EDW.SAMPLE/",
        "cubic/ods_qlik/EDW.SAMPLE/LOAD.csv",
        "cubic/ods_qlik/EDW.SAMPLE/LOAD001.csv.bak",
        "cubic/ods_qlik/EDW.SAMPLE/LOAD001.csv\n",
        "cubic/ods_qlik/EDW.SAMPLE/notes.csv",
        "cubic/ods_qlik/EDW.SAMPLE/deeper/LOAD001.csv",
        "cubic/ods_qlik/__ct/20220304-134556444.csv",
        "cubic/ods_qlik/../LOAD001.csv",
        "cubic/dmap/agg_sample/20220304.json",
        "cubic/dmap/agg_sample/20220304.dfm",
        "cubic/dmap/agg_sample/.csv",
        "cubic/kafka/sample/vytxeTZskVKR7C7WgdSP3d.csv",
        "cubic/other/sample/20220304.csv",
    ],
)
def test_any_other_name_is_nobodys(key: str) -> None:
    assert keys.parse(key) is None
    with pytest.raises(UnknownFile, match="Rename"):
        keys.data_file(key)


parts = st.text(max_size=30)
names = st.one_of(
    parts,
    st.builds(
        "LOAD{}{}".format, st.text("0123456789ABCDEFabcdef_", max_size=10), st.sampled_from([".csv", ".csv.gz", ".dfm"])
    ),
    st.builds("{}{}".format, parts, st.sampled_from([".csv", ".csv.gz", ".json", ".dfm", ".CSV"])),
)
streams = st.sampled_from([*Stream, "other", ""])
wild = st.builds("cubic/{}/{}{}/{}".format, streams, parts, st.sampled_from(["", "__ct", "__CT"]), names) | st.text()


@given(wild)
@example("cubic/ods_qlik/A__ct__ct/x.csv")
def test_whatever_the_key_what_is_read_of_it_fits_it(key: str) -> None:
    match keys.parse(key):
        case DataFile() as file:
            assert file.directory + file.identifier == key
            assert file.directory == file.table_prefix.removesuffix("/") + ("__ct/" if file.is_ct else "/")
            assert file.stem + key[len(file.stem) :] == key
            assert set(file.glue_table) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")
            assert file.glue_table.startswith(f"cubic__{file.stream}__")
            assert file.is_ods or (file.number is None and not file.is_ct)
        case Description() as description:
            assert description.stem + ".dfm" == key
