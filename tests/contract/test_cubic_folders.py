"""The functions look for a file's folders in the raw zone where the Glue job puts them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cubic import keys, raw_zone
from cubic_job.load import path

NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/"), max_size=20)


@given(NAMES)
def test_a_file_has_one_folder_whatever_its_name(name: str) -> None:
    key = f"cubic/ods_qlik/EDW.SAMPLE__ct/{name}x.csv"
    partition = {"snapshot": "20220304T134556Z", "identifier": f"{name}x.csv"}
    assert raw_zone.folder(keys.data_file(key), "20220304T134556Z") == f"{key.rsplit('/', 1)[0]}/{path(partition)}/"


def test_outside_ods_there_is_no_snapshot() -> None:
    assert raw_zone.folder(keys.data_file("cubic/dmap/a/1=2.csv"), None) == "cubic/dmap/a/identifier=1%3D2.csv/"
