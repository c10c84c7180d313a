"""tools/install-trino, with an mvn that does as it is told: the folder that Trino gets, and what is said without it."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from local import ROOT

ARCHIVES = ("trino-server-core-7.tar.gz", "trino-hive-7.zip", "trino-cli-7-executable.jar")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """The tool, with archives of a few bytes that it accepts, in the folder `served`."""
    served, tools = tmp_path / "served", tmp_path / "tools"
    served.mkdir()
    with tarfile.open(served / ARCHIVES[0], "w:gz") as tar:
        for name in ("lib/io.trino_trino-main-7.jar", "plugin/geospatial/a.jar", "bin/launcher"):
            tar.addfile(tarfile.TarInfo(f"trino-server-core-7/{name}"), io.BytesIO())
    with zipfile.ZipFile(served / ARCHIVES[1], "w") as archive:
        for name in ("io.trino_trino-hive-7.jar", "org.rocksdb_rocksdbjni-7.0.3.jar", "io.grpc_grpc-core-1.jar"):
            archive.writestr(f"trino-hive-7/{name}", b"")
    (served / ARCHIVES[2]).write_bytes(b"client")
    shutil.copytree(ROOT / "tools", tools)
    sums = "".join(f"{hashlib.sha256((served / name).read_bytes()).hexdigest()}  {name}\n" for name in ARCHIVES)
    (tools / "trino/SHA256SUMS").write_text(sums)
    return tools


def install(tools: Path, mvn: str | None) -> subprocess.CompletedProcess[str]:
    """Runs it with a cache of its own; `mvn` is a script that may write into $out, None where there is none."""
    path = tools.parent / "bin"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    if mvn is None:
        for name in ("bash", "dirname", "mkdir", "mktemp", "rm", "sed"):
            (path / name).symlink_to(str(shutil.which(name)))
    else:
        script = f"#!/bin/bash\nfor o; do case $o in -DoutputDirectory=*) out=${{o#*=}} ;; esac; done\n{mvn}\n"
        (path / "mvn").write_text(script)
        (path / "mvn").chmod(0o755)
    programs = str(path) if mvn is None else f"{path}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": programs, "XDG_CACHE_HOME": str(tools.parent / "cache")}
    return subprocess.run([tools / "install-trino"], env=environment, capture_output=True, text=True, check=False)


def left(tools: Path) -> list[str]:
    return [path.name for path in (tools.parent / "cache/liberator-ingestion").iterdir() if path.is_dir()]


def test_the_folder_has_the_server_the_connector_and_the_client_and_nothing_else(tools: Path) -> None:
    ended = install(tools, f'cp "{tools.parent}/served"/* "$out"')
    assert (ended.returncode, ended.stderr) == (0, "")
    assert left(tools) == ["trino-7"]
    trino = tools.parent / "cache/liberator-ingestion/trino-7"
    assert {str(path.relative_to(trino)) for path in trino.rglob("*") if path.is_file()} == {
        "lib/io.trino_trino-main-7.jar",
        "plugin/hive/io.trino_trino-hive-7.jar",
        "trino-cli.jar",
    }
    again = install(tools, "exit 1")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_where_maven_is_missing_or_fails_one_error_says_why_and_what_to_do(tools: Path) -> None:
    missing, failing = install(tools, None), install(tools, 'echo "[ERROR] Could not transfer the artifact"; exit 1')
    assert (missing.returncode, failing.returncode) == (1, 1)
    assert missing.stderr.splitlines() == [
        "Trino can't be had here: there is no mvn.",
        "Install Maven (Debian: apt-get install maven), then run tools/install-trino again.",
    ]
    assert failing.stderr.splitlines() == [
        "Trino can't be had here: Could not transfer the artifact.",
        "See that Maven reaches its repository, then run tools/install-trino again.",
    ]
    assert left(tools) == []


def test_an_archive_that_is_another_is_refused(tools: Path) -> None:
    ended = install(tools, f'cp "{tools.parent}/served"/* "$out"; echo other >"$out/{ARCHIVES[1]}"')
    assert ended.returncode == 1
    assert f"{ARCHIVES[1]}: FAILED" in ended.stderr
    assert left(tools) == []


def test_maven_is_asked_for_the_release_that_is_accepted() -> None:
    [asked] = re.findall(r"<trino>(\d+)</trino>", (ROOT / "tools/trino/pom.xml").read_text())
    sums = (ROOT / "tools/trino/SHA256SUMS").read_text().split()
    assert sums[1::2] == [name.replace("7", asked) for name in ARCHIVES]
