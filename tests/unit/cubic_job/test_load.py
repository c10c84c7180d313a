"""Where a load's files are put."""

from __future__ import annotations

from cubic_job.load import path


def test_odd_names_are_escaped_as_hive_does() -> None:
    assert path({"snapshot": "s", "identifier": 'a=b/c%d#"é 1'}) == "snapshot=s/identifier=a%3Db%2Fc%25d%23%22é 1"
