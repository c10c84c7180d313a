from __future__ import annotations

import zipfile
from pathlib import Path

from local.demo.sample import BUNDLED, MEMBER
from local.demo.sample.growth import grow


def lines(archive: Path) -> list[bytes]:
    with zipfile.ZipFile(archive) as opened:
        return opened.read(MEMBER).split(b"\n")


def test_the_sample_grows_by_rows_and_by_nothing_else(tmp_path: Path) -> None:
    grow(tmp_path / "one.zip", 1)
    grow(tmp_path / "two.zip", 2)
    bundled = iter(lines(BUNDLED))
    line = next(bundled)
    grown = []
    for found in lines(tmp_path / "one.zip"):
        if found == line:
            line = next(bundled, b"")
        else:
            grown.append(found)
    assert line == b"", "all that was there is there, in its order"
    tables = [found.split(b"`")[1] for found in grown if found.startswith(b"INSERT INTO")]
    assert {b"liberator_pcn_fd_all", b"liberator_voucher"} < set(tables)
    assert b"liberator_zone" not in tables
    assert tables == [found.split(b"`")[1] for found in grown], "nothing but statements of rows"
    assert len(lines(tmp_path / "two.zip")) > len(lines(tmp_path / "one.zip"))
