"""`make demo` as its user sees it: exit code, report, kept folders, one clear line when it can't be done, Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from local import ROOT
from local.demo.options import read
from local.emulator import spark
from tests.eventually import eventually

CHINOOK = ROOT / "tests" / "data" / "chinook_mysql.zip"
DAY = "import_year=2021/import_month=06/import_day=04/import_date=20210604"


QUICK = ("--server", "mariadb")  # it is there in half the time, where the server is not what a test is about


def command(*options: str | Path) -> list[str]:
    return [sys.executable, "-m", "local", *map(str, options)]


def environment(folder: Path) -> dict[str, str]:
    paths = [folder, ROOT, ROOT / "services", ROOT / "ecs" / "dump_loader", ROOT / "glue", ROOT / "glue" / "liberator"]
    return os.environ | {"PYTHONPATH": ":".join(map(str, paths)), "TMPDIR": str(temporary(folder))}


def temporary(folder: Path) -> Path:
    """The demo's folder for temporary files: a path that is short enough for a server's socket, so that it is used."""
    made = folder.parent / folder.name[-5:]
    made.mkdir(exist_ok=True)
    return made


@dataclass
class Demo:
    """A demo that has ended, and the folder that it was given."""

    exit_code: int
    output: str
    folder: Path

    @property
    def report(self) -> Any:
        return json.loads((self.folder / "report.json").read_text())

    @property
    def left(self) -> list[str]:
        """What it left in the folder for temporary files, other programs' own things left out."""
        return [path.name for path in temporary(self.folder).iterdir() if path.name.startswith("liberator")]


def only_local(folder: Path) -> None:
    """Has the demo's Python know no package but those that `make demo` installs, of all that the tests' has."""
    installed = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / "local.txt").read_text(), re.MULTILINE))
    strange = [
        module
        for module, packages in packages_distributions().items()
        if not installed & {re.sub(r"[-_.]+", "-", package).lower() for package in packages}
    ]
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({strange}))\n")


def demo(folder: Path, *options: str | Path) -> Demo:
    ended = subprocess.run(
        command(*options),
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    return Demo(ended.returncode, ended.stdout + ended.stderr, folder)


def rows(folder: Path) -> int:
    return int(ds.dataset(sorted(folder.glob("*.parquet")), format="parquet").count_rows())


@pytest.fixture(scope="module")
def chinook(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A dump that nobody here made, of a past day, everything kept."""
    folder = tmp_path_factory.mktemp("chinook")
    only_local(folder)
    return demo(
        folder,
        "--dump",
        CHINOOK,
        "--date",
        "2021-06-04",
        "--report",
        folder / "report.json",
        "--landing",
        folder / "landing",
    )


def test_a_foreign_dump_lands_with_every_row(chinook: Demo) -> None:
    assert chinook.exit_code == 0, chinook.output
    report = chinook.report
    assert (report["import_date"], report["backdated"], report["replicated"]) == ("2021-06-04", True, True)
    assert {t["name"]: t["rows_landed"] for t in report["tables"]} == {t["name"]: t["rows_loaded"] for t in report["tables"]}
    assert sum(t["rows_landed"] for t in report["tables"]) == 15_607
    assert report["workflow"]["properties"]["import_date"] == "2021-06-04"
    assert "backdated" in report["workflow"]["name"]
    assert report["messages"][0]["queue"]


def test_the_kept_landing_zone_is_what_the_report_says(chinook: Demo) -> None:
    for table in chinook.report["tables"]:
        partition = chinook.folder / "landing/parking/liberator" / f"liberator.{table['name']}" / DAY
        assert rows(partition) == table["rows_landed"]
    assert (chinook.folder / "landing/_manifests/parking/liberator/import_date=20210604.json").is_file()


def test_nothing_else_is_left(chinook: Demo) -> None:
    assert chinook.left == []


def test_the_last_line_says_what_became_of_the_day(chinook: Demo) -> None:
    lines = chinook.output.splitlines()
    assert re.fullmatch(r"✔ 2021-06-04 landed: 11 tables, 15,607 rows, all that were loaded\. \d+ s\.", lines[-1])
    assert re.search(
        r"^(MySQL|MariaDB) [\d.]+(, as no MySQL can be had here)?\. 15 minutes of waiting take", chinook.output, re.M
    )
    assert "\x1b" not in chinook.output


def test_a_file_that_is_no_dump_is_told_once_and_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "some.zip").write_text("no zip")
    ended = demo(tmp_path, *QUICK, "--dump", tmp_path / "some.zip", "--report", tmp_path / "report.json")
    assert ended.exit_code == 1
    told = f"{tmp_path / 'some.zip'} is not a zip. Ask for the dump again, and upload it under the same name."
    assert ended.output.splitlines()[-1].endswith(f" did not land: {told}")
    assert ended.output.count("is not a zip") == 1
    assert "Traceback" not in ended.output
    assert ended.report["problems"] == [told]
    assert ended.left == []


def test_days_go_through_one_instance_each_as_its_own(tmp_path: Path) -> None:
    ended = demo(tmp_path, *QUICK, "--days", "2", "--dump", CHINOOK, "--report", tmp_path / "report.json")
    assert ended.exit_code == 0, ended.output
    days = ended.report["days"]
    assert [(day["backdated"], day["problems"]) for day in days] == [(False, [])] * 2
    assert [sum(table["rows_landed"] for table in day["tables"]) for day in days] == [15_607] * 2
    first, last = (date.fromisoformat(day["import_date"]) for day in days)
    assert last - first == timedelta(days=1)
    assert len(re.findall(r"^✔ \S+ landed: 11 tables", ended.output, re.M)) == 2
    assert re.fullmatch(r"✔ 2 days landed, one night after the other\. \d+ s\.", ended.output.splitlines()[-1])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--dump", "nowhere.zip"], "DUMP=nowhere.zip: there is no file nowhere.zip"),
        (["--date", "yesterday"], "DATE=yesterday: it takes a day such as 2021-06-04"),
        (["--days", "0"], "DAYS=0: it takes a number from 1 to 31"),
        (["--days", "2", "--override", "2021-06-04"], "OVERRIDE= is for one day: leave DAYS= out"),
        (["--server", "oracle"], "SERVER=oracle: it takes mysql or mariadb"),
        (
            ["--landing", "/proc/readonly"],
            "LANDING=/proc/readonly: nothing can be written there (No such file or directory)",
        ),
        (["--report", "/proc/x/r.json"], "REPORT=/proc/x/r.json: it can't be written (No such file or directory)"),
        (["--raw", "raw"], "RAW= needs GLUE=1"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_wrong_word_is_told_at_once(options: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        read(options)
    assert capsys.readouterr().err == f"make demo: {told}\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_however_it_is_ended_nothing_is_left(tmp_path: Path, number: signal.Signals) -> None:
    """By Ctrl-C, with its terminal, or without a chance to clear up."""
    process = subprocess.Popen(
        command(*QUICK, "--report", tmp_path / "report.json"), env=environment(tmp_path), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGHUP, signal.SIG_DFL),  # which is ignored under nohup
    )  # fmt: skip
    assert process.stdout
    for line in process.stdout:  # until it is at work
        if "Loader" in line:
            break
    assert of_session(process.pid)
    os.killpg(process.pid, number)
    output, _ = process.communicate(timeout=60)
    assert "Traceback" not in output
    ended = Demo(process.returncode, output, tmp_path)
    assert ended.exit_code == {signal.SIGINT: 130, signal.SIGHUP: 129, signal.SIGKILL: -signal.SIGKILL}[number]
    if number == signal.SIGINT:
        assert output.endswith("Stopped. Nothing is left running.\n")
    if number != signal.SIGKILL:
        assert ended.report["problems"] == ["Stopped. Nothing is left running."]
    eventually(lambda: ended.left + with_environment(str(tmp_path)), lambda left: not left)
    assert of_session(process.pid) == []


def of_session(session: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def with_environment(text: str) -> list[str]:
    """The processes that were given this text: those, too, that have made a session of their own."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if text in path.read_text(errors="replace"):
                found.append((path.parent / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The sample, carried on to the raw and the refined zone by real Spark."""
    if problem := spark.problem():
        pytest.skip(problem)
    folder = tmp_path_factory.mktemp("glue")
    kept = ["--report", folder / "report.json", "--raw", folder / "raw", "--refined", folder / "refined"]
    return demo(folder, "--glue", "--date", "2021-06-04", *kept)


def test_with_glue_every_row_is_in_the_raw_zone_too(sample: Demo) -> None:
    assert sample.exit_code == 0, sample.output
    raw = {t["name"]: t["rows"] for t in sample.report["zones"] if t["zone"] == "raw"}
    assert raw == {f"liberator_{t['name']}": t["rows_loaded"] for t in sample.report["tables"]}
    for name, count in raw.items():
        assert rows(sample.folder / "raw/parking" / name / DAY) == count


def test_with_glue_the_refined_zone_is_made_of_it(sample: Demo) -> None:
    refined = {t["name"]: t["rows"] for t in sample.report["zones"] if t["zone"] == "refined"}
    loaded = {t["name"]: t["rows_loaded"] for t in sample.report["tables"]}
    assert refined.keys() == {"parking_pcn_ledger", "parking_pcns_by_zone", "parking_permits_in_force"}
    assert refined["parking_pcn_ledger"] == loaded["liberator_pcn_fd_all"]
    for name, count in refined.items():
        assert rows(sample.folder / "refined/parking" / name / DAY) == count > 0


def test_with_glue_nothing_else_is_left(sample: Demo) -> None:
    assert sample.left == []
    assert {path.suffix for path in (sample.folder / "raw").rglob("*") if path.is_file()} == {".parquet"}
