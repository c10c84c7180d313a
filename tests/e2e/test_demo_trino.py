"""`make demo-trino` as its user sees it: exit code, report, one clear line when it can't be done, Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from local import ROOT
from local.demo.trino.options import read
from local.emulator.trino_install import TrinoServerError, find_trino
from tests.e2e.test_demo import Demo, environment, of_session, with_environment
from tests.eventually import eventually

pytestmark = pytest.mark.timeout(400)
ASKED_FOR = pytest.mark.skipif(
    os.environ.get("LOAD") != "full",
    reason="LOAD=full has it: each demo starts a Trino, and integration tests have the rest",
)
NAMES = ["order", "2020", "a b", "x;drop table y", "µg/m³", "日本", "n" * 300]  # fmt: skip


def command(folder: Path, *options: str | Path) -> list[str]:
    words = ["--report", folder / "report.json", *options]
    return [sys.executable, "-m", "local.demo.trino", *map(str, words)]


def variables(folder: Path) -> dict[str, str]:
    found = environment(folder)
    return found | {"PYTHONPATH": f"{found['PYTHONPATH']}:{ROOT / 'ecs' / 'dataset_loader'}"}


def demo(folder: Path, *options: str | Path) -> Demo:
    skip_without_trino()
    ended = subprocess.run(
        command(folder, *options), cwd=folder, env=variables(folder), capture_output=True, text=True, check=False
    )
    return Demo(ended.returncode, ended.stdout + ended.stderr, folder)


def skip_without_trino() -> None:
    try:
        find_trino()
    except TrinoServerError as missing:
        pytest.skip(str(missing))


def test_the_samples_values_come_back_and_a_reader_sees_whole_versions(tmp_path: Path) -> None:
    ended = demo(tmp_path)
    assert ended.exit_code == 0, ended.output
    report: Any = ended.report
    assert (report["schema"], report["table"], report["rows"]) == ("palmer_lter", "penguins_raw", 344)
    first, second = report["versions"]
    assert (first["uuid"], first["rows"], second["rows"]) == (report["uuid"], 344, 345)
    assert report["location"].endswith(f"/trino/palmer_lter/penguins_raw/{report['uuid']}")
    columns = {it["source"]: it for it in report["columns"]}
    assert columns["Culmen Length (mm)"] == {
        "source": "Culmen Length (mm)",
        "name": "culmen_length_mm_",
        "type": "double",
        "comment": "Length of the dorsal ridge of the bill ('Culmen Length (mm)' in the source; millimetres)",
    }
    assert [columns[name]["type"] for name in ("Date Egg", "Body Mass (g)", "Comments")] == ["date", "bigint", "varchar"]
    assert report["reader"]["versions_seen"] == [first["uuid"], second["uuid"]]
    assert (report["reader"]["table_not_found"], report["problems"]) == (0, [])
    assert re.fullmatch(
        r"✔ palmer_lter\.penguins_raw: 344 rows of 17 columns, each value as the source has it\. "
        r"\d+ reads during the second ingestion saw whole versions only\. \d+ s\.",
        ended.output.splitlines()[-1],
    )
    assert "\x1b" not in ended.output
    assert ended.left == []


@ASKED_FOR
def test_a_workbook_with_nasty_names_and_mixed_cells_comes_back(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for row in (NAMES, [1, "007", "NA", "O'Brien'; --", 0.1, "東京\n🔥", "x"], [2, 7, None, '"', 20, " y ", None]):
        sheet.append(row)
    book.save(tmp_path / "2020 Zählung.xlsx")
    ended = demo(tmp_path, "--source", tmp_path / "2020 Zählung.xlsx")
    assert ended.exit_code == 0, ended.output
    assert (ended.report["schema"], ended.report["table"], ended.report["rows"]) == ("demo", "t_2020_zahlung", 2)
    types = [(it["name"][:20], it["type"]) for it in ended.report["columns"]]
    assert types == [
        ("order", "bigint"),
        ("2020", "varchar"),
        ("a_b", "varchar"),
        ("x_drop_table_y", "varchar"),
        ("ug_m3", "double"),
        ("c_cf2abf0c", "varchar"),
        ("n" * 20, "varchar"),
    ]


@ASKED_FOR
def test_a_source_that_is_refused_is_told_in_the_loaders_own_words(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n3\n")
    ended = demo(tmp_path, "--source", tmp_path / "bad.csv")
    assert ended.exit_code == 1, ended.output
    last = ended.output.splitlines()[-1]
    assert last.startswith("✘ s3://dataplatform-stg-data-commons-source/sources/bad.csv: the row ")
    assert "has 1 fields instead of 2" in last
    assert ended.report["problems"] == [last.removeprefix("✘ ")]
    assert ended.left == []


def test_when_it_is_ended_nothing_is_left(tmp_path: Path) -> None:
    skip_without_trino()
    process = subprocess.Popen(
        command(tmp_path),
        env=variables(tmp_path),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    for line in process.stdout:
        if "starting AWS and Trino" in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert output.endswith("Stopped. Nothing is left running.\n")
    assert "Traceback" not in output
    ended = Demo(process.returncode, output, tmp_path)
    assert ended.report["problems"] == ["Stopped. Nothing is left running."]
    eventually(lambda: ended.left + with_environment(str(tmp_path)), lambda left: not left, seconds=60)
    assert of_session(process.pid) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--source", "nowhere.csv"], "SOURCE=nowhere.csv: there is no file nowhere.csv"),
        (["--spec", "nowhere.json"], "SPEC=nowhere.json: it can't be read (No such file or directory)"),
        (["--spec", "/dev/null"], "SPEC=/dev/null: it is no JSON (Expecting value: line 1 column 1 (char 0))"),
        (["--report", "/proc/x/r.json"], "REPORT=/proc/x/r.json: it can't be written (No such file or directory)"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_wrong_word_is_told_at_once(options: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        read(options, "bucket")
    assert capsys.readouterr().err == f"make demo-trino: {told}\n"


def test_a_spec_that_cannot_be_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "spec.json").write_text('{"schema": "s", "table": "Big"}')
    (tmp_path / "a.txt").write_text("a\n1\n")
    with pytest.raises(SystemExit, match="2"):
        read(["--source", str(tmp_path / "a.txt"), "--spec", str(tmp_path / "spec.json")], "bucket")
    assert f"SPEC={tmp_path}/spec.json: " in (told := capsys.readouterr().err)
    assert "table" in told
    with pytest.raises(SystemExit, match="2"):
        read(["--source", str(tmp_path / "a.txt")], "bucket")
    assert "does not tell it" in capsys.readouterr().err
