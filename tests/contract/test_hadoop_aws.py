"""tools/install-hadoop-aws, with an mvn that does as it is told: the jars that Spark gets, and what is said without them."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path

import pytest

from local import ROOT
from local.emulator import spark

SUMS = (ROOT / "tools/hadoop-aws/SHA256SUMS").read_text()


def install(folder: Path, mvn: str) -> subprocess.CompletedProcess[str]:
    """Runs it with an empty cache; `mvn` is a script that may write into $jars."""
    program = folder / "bin" / "mvn"
    program.parent.mkdir()
    program.write_text(f"#!/bin/bash\nfor o; do case $o in -DoutputDirectory=*) jars=${{o#*=}} ;; esac; done\n{mvn}\n")
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(folder / "cache")}
    return subprocess.run([ROOT / "tools/install-hadoop-aws"], env=environment, capture_output=True, text=True, check=False)


def left(folder: Path) -> list[str]:
    return [path.name for path in (folder / "cache/liberator-ingestion").iterdir() if path.is_dir()]


def test_the_client_is_of_the_release_that_pyspark_has_of_hadoop() -> None:
    pyspark = importlib.util.find_spec("pyspark")
    assert pyspark
    assert pyspark.submodule_search_locations
    [hadoop] = Path(pyspark.submodule_search_locations[0], "jars").glob("hadoop-client-api-*.jar")
    assert f"hadoop-aws-{hadoop.stem.removeprefix('hadoop-client-api-')}.jar" in SUMS


def test_maven_is_asked_for_the_jars_that_are_accepted() -> None:
    pom = (ROOT / "tools/hadoop-aws/pom.xml").read_text()
    versions = dict(re.findall(r"<(hadoop|sdk)>(.*?)</", pom))
    asked = re.findall(r"<dependency>.*?<artifactId>(.*?)</artifactId><version>\$\{(\w+)\}", pom, re.DOTALL)
    assert {f"{name}-{versions[version]}.jar" for name, version in asked} == {jar.name for jar in spark.jars()}


def test_where_maven_fails_one_error_says_why_and_what_to_do(tmp_path: Path) -> None:
    ended = install(tmp_path, 'echo "[ERROR] Could not transfer the artifact"; exit 1')
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "Spark's S3 client can't be had here: Could not transfer the artifact.",
        "See that Maven reaches its repository, then run tools/install-hadoop-aws again.",
    ]
    assert left(tmp_path) == []


def test_a_jar_that_is_another_is_refused(tmp_path: Path) -> None:
    ended = install(tmp_path, "\n".join(f'echo other >"$jars/{jar.name}"' for jar in spark.jars()))
    assert ended.returncode == 1
    assert "hadoop-aws-3.3.4.jar: FAILED" in ended.stderr
    assert left(tmp_path) == []


def test_what_is_there_already_is_not_fetched_again(tmp_path: Path) -> None:
    if missing := [jar for jar in spark.jars() if not jar.exists()]:
        pytest.skip(f"There is no {missing[0]}. Run tools/install-hadoop-aws.")
    copy = "\n".join(f'cp "{jar}" "$jars"' for jar in spark.jars())
    assert install(tmp_path, copy).returncode == 0
    (tmp_path / "bin/mvn").unlink()
    (tmp_path / "bin").rmdir()
    again = install(tmp_path, "exit 1")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_where_it_is_missing_spark_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark, "_JARS", tmp_path)
    assert spark.problem() == "Spark has no S3 client here. Run tools/install-hadoop-aws, which needs Maven."
