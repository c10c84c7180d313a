"""`make demo-cubic` as its user sees it: exit code, report, one clear line when it can't be done, Ctrl-C."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.demo.cubic.options import read
from local.emulator import spark
from tests.e2e.test_demo import Demo, environment, of_session, with_environment
from tests.eventually import eventually

pytestmark = pytest.mark.timeout(400)
TRIPS = "cubic/ods_qlik/EDW.TRIPS"
CHANGES = "header__change_seq,header__change_oper,header__timestamp,ID,NAME\n"


def command(folder: Path, *options: str | Path) -> list[str]:
    words = ["--report", folder / "report.json", *options]
    return [sys.executable, "-m", "local.demo.cubic", *map(str, words)]


@pytest.fixture(scope="module")
def temporary() -> Iterator[Path]:
    """The demo's folder for temporary files: one that PostgreSQL's own user gets into, as into pytest's it doesn't."""
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def left(temporary: Path) -> list[str]:
    return [path.name for path in temporary.iterdir() if path.name.startswith("liberator")]


def demo(folder: Path, temporary: Path, *options: str | Path) -> Demo:
    if problem := spark.java_problem():
        pytest.skip(problem)
    ended = subprocess.run(
        command(folder, *options),
        cwd=folder,
        env=environment(folder) | {"TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
    )
    return Demo(ended.returncode, ended.stdout + ended.stderr, folder)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, temporary: Path) -> Demo:
    return demo(tmp_path_factory.mktemp("sample"), temporary)


def test_the_samples_rows_are_in_the_lake_and_its_bad_file_is_told(sample: Demo) -> None:
    assert sample.exit_code == 0, sample.output
    tables = {table["name"]: table for table in sample.report["tables"]}
    ods = tables["cubic__ods_qlik__edw_sample"]
    assert (len(ods["snapshots"]), ods["loads"], ods["current"]) == (2, {"archived": 6}, 3)
    assert ods["rows"] == {"cubic__ods_qlik__edw_sample": 7, "cubic__ods_qlik__edw_sample__ct": 6}
    dmap = tables["cubic__dmap__agg_sample"]
    assert (dmap["loads"], dmap["rows"]) == ({"archived": 3, "errored": 1}, {"cubic__dmap__agg_sample": 4})
    assert dmap["current"] is None
    assert tables["cubic__kafka__sample"]["rows"] == {"cubic__kafka__sample": 12}
    [refused] = [load for load in sample.report["loads"] if load["status"] == "errored"]
    assert refused["reason"].startswith("ragged_row: line 2 of 20220306.csv has 2 values, not 3")
    assert refused["kept_key"] == refused["s3_key"] == "cubic/dmap/agg_sample/20220306.csv"


def test_the_last_line_says_that_all_is_where_it_belongs(sample: Demo, temporary: Path) -> None:
    assert re.fullmatch(
        r"✔ 11 files: 29 rows in the lake, each as its file has it, 1 refused with a reason\. Incoming is empty\. \d+ s\.",
        sample.output.splitlines()[-1],
    )
    assert "\x1b" not in sample.output
    assert left(temporary) == []


def write(folder: Path, name: str, content: str | bytes, seconds: int) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (1_700_000_000 + seconds, 1_700_000_000 + seconds))


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory, temporary: Path) -> Demo:
    """One fault of each kind, of a table with keys, beside files of no table, and of no name that is known."""
    folder = tmp_path_factory.mktemp("nasty")
    into = folder / "incoming"
    write(into, f"{TRIPS}__ct/20220304-000000000.csv", f"{CHANGES}1,I,,9,too early\n", 0)
    write(into, f"{TRIPS}/LOAD001.csv.gz", gzip.compress(b'ID,NAME\n1,"a\nb, ""c"" \xf0\x9f\x94\xa5"\n2,""\n3,\n'), 9)
    write(into, f"{TRIPS}/LOAD001.dfm", json.dumps({"fileInfo": {"recordCount": 3}}), 9)
    write(into, f"{TRIPS}/LOAD002.csv", "ID,NAME\n4\n", 10)
    write(into, f"{TRIPS}/LOAD003.csv", "ID,NAME\n4,é\n".encode("cp1252"), 10)
    write(into, f"{TRIPS}/LOAD004.csv.gz", gzip.compress(os.urandom(1000))[:-9], 10)
    write(into, f"{TRIPS}/LOAD005.csv", 'ID,NAME\n4,"open\n', 10)
    write(into, f"{TRIPS}/LOAD006.csv", "", 10)
    write(into, f"{TRIPS}/LOAD007.csv", "\ufeffID,NAME\r\n4,d", 10)
    write(into, f"{TRIPS}__ct/20220304-000001000.csv", f"{CHANGES}2,U,,1,new\n3,D,,2,\n4,I,,5,e\n", 20)
    write(into, "cubic/ods_qlik/EDW.LATE/LOAD002.csv", "A\n1\n", 1)
    write(into, "cubic/dmap/none/20220304.csv", "a\n1\n", 1)
    write(into, "cubic/notes.txt", "?", 1)
    tables = [{"s3_prefix": f"{TRIPS}/", "key_columns": ["id"]}, {"s3_prefix": "cubic/ods_qlik/EDW.LATE/"}]
    (folder / "tables.yaml").write_text(json.dumps(tables))
    return demo(folder, temporary, "--incoming", into, "--tables", folder / "tables.yaml")


def test_each_bad_file_is_refused_for_its_own_reason_and_good_ones_are_in_the_lake(nasty: Demo) -> None:
    codes = {
        load["s3_key"].removeprefix("cubic/ods_qlik/"): load["reason"] and load["reason"].partition(":")[0]
        for load in nasty.report["loads"]
    }
    assert codes == {
        "EDW.TRIPS__ct/20220304-000000000.csv": "no_snapshot",
        "EDW.TRIPS/LOAD001.csv.gz": None,
        "EDW.TRIPS/LOAD002.csv": "ragged_row",
        "EDW.TRIPS/LOAD003.csv": "bad_encoding",
        "EDW.TRIPS/LOAD004.csv.gz": "cut_gzip",
        "EDW.TRIPS/LOAD005.csv": "unclosed_quote",
        "EDW.TRIPS/LOAD006.csv": "empty_file",
        "EDW.TRIPS/LOAD007.csv": None,
        "EDW.TRIPS__ct/20220304-000001000.csv": None,
        "EDW.LATE/LOAD002.csv": "no_snapshot",
    }
    trips = next(table for table in nasty.report["tables"] if table["name"] == "cubic__ods_qlik__edw_trips")
    assert trips["rows"] == {"cubic__ods_qlik__edw_trips": 4, "cubic__ods_qlik__edw_trips__ct": 3}
    assert trips["current"] == 4


def test_files_that_nobody_takes_are_told_and_it_does_not_end_well(nasty: Demo) -> None:
    assert nasty.exit_code == 1
    assert nasty.report["problems"] == [
        "cubic/notes.txt is left in Incoming: no file of Cubic has such a name",
        "1 file of cubic/dmap/none/ left in Incoming: no table is configured for it",
    ]
    assert nasty.output.splitlines()[-1] == "✘ Not all is where it belongs: 2 problems, as above."


def test_when_it_is_ended_nothing_is_left(tmp_path: Path, temporary: Path) -> None:
    if problem := spark.java_problem():
        pytest.skip(problem)
    variables = environment(tmp_path) | {"TMPDIR": str(temporary)}
    process = subprocess.Popen(
        command(tmp_path), env=variables, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    for line in process.stdout:  # until Spark is at work
        if "ingesting" in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert output.endswith("Stopped. Nothing is left running.\n")
    assert "Traceback" not in output
    ended = Demo(process.returncode, output, tmp_path)
    assert ended.report == {"tables": [], "loads": [], "problems": ["Stopped. Nothing is left running."]}
    eventually(lambda: left(temporary) + with_environment(str(tmp_path)), lambda left: not left)
    assert of_session(process.pid) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--incoming", "nowhere"], "INCOMING=nowhere: there is no folder nowhere/cubic, as Cubic's files have"),
        (["--tables", "nowhere.yaml"], "TABLES=nowhere.yaml: it can't be read (No such file or directory)"),
        (["--tables", "/dev/null"], "TABLES=/dev/null: it takes a list of s3_prefix, key_columns, sparse_updates"),
        (["--report", "/proc/x/r.json"], "REPORT=/proc/x/r.json: it can't be written (No such file or directory)"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_wrong_word_is_told_at_once(options: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        read(options)
    assert capsys.readouterr().err == f"make demo-cubic: {told}\n"
