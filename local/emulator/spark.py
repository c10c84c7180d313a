"""Spark on this machine, as large as the machine is.

Stands in for a Glue job's cluster. How it differs: driver and executors are one process, Spark is PyPI's own instead of
Glue's build of it, and it reads folders instead of S3.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

INSTALL = "Install Java 17, Glue 5.0's (Debian: apt-get install openjdk-17-jre-headless), or set JAVA_HOME."
# Spark 3.5 runs on these: https://spark.apache.org/docs/3.5.4/#downloading
OLDEST, NEWEST = 8, 17
ENVIRONMENT = {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
SETTINGS = {
    "spark.master": "local[*]",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "2g",
    "spark.sql.shuffle.partitions": "4",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}


def java_problem() -> str | None:
    """Why Spark can't run here, and what to do about it; None where it can."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if java is None:
        return f"There is no java in {home or 'PATH'}. {INSTALL}"
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'version "(?:1\.)?(\d+)', answer)
    if match is None or not OLDEST <= int(match[1]) <= NEWEST:
        return f"{java} is {answer.splitlines()[0] if answer else 'not to be started'}: Spark 3.5 can't use it. {INSTALL}"
    return None


def session() -> SparkSession:
    """A session in this process."""
    from pyspark.sql import SparkSession

    os.environ.update(ENVIRONMENT)
    builder = SparkSession.builder.appName("liberator")
    for key, value in SETTINGS.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def temporary_files(folder: str) -> dict[str, str]:
    """The environment of a process that keeps its temporary files, and those of its JVM, in a folder."""
    java = f"-Djava.io.tmpdir={folder} -XX:-UsePerfData"  # else a killed JVM leaves its figures in /tmp/hsperfdata_…
    return {"TMPDIR": folder, "SPARK_LOCAL_DIRS": folder, "JAVA_TOOL_OPTIONS": java}


def submit_arguments() -> str:
    """PYSPARK_SUBMIT_ARGS for a script that asks for a session without settings, as the jobs do."""
    return " ".join([*(f"--conf {key}={value}" for key, value in SETTINGS.items()), "pyspark-shell"])
