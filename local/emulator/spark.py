"""Spark on this machine, as large as the machine is.

Stands in for a Glue job's cluster. How it differs:
- driver and executors are one process, and Spark is PyPI's own instead of Glue's build of it;
- `s3://` is S3A, Hadoop's own client of S3, instead of Amazon's EMRFS. An empty folder is an object `folder/`, with EMRFS
  `folder_$folder$`. Both move a folder by a copy and a deletion of every object;
- a task's files are moved into place as it ends, which Hadoop's committer can by itself: EMRFS' own for Parquet writes them
  there at once. https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-spark-s3-optimized-committer.html
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local import ROOT
from local.emulator.aws import REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import SparkSession

INSTALL = "Install Java 17, Glue 5.0's (Debian: apt-get install openjdk-17-jre-headless), or set JAVA_HOME."
# Spark 3.5 runs on these: https://spark.apache.org/docs/3.5.4/#downloading
OLDEST, NEWEST = 8, 17
_JARS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "liberator-ingestion/hadoop-aws"
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
    "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
    "spark.hadoop.fs.s3a.path.style.access": "true",
    "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
    "spark.hadoop.fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
    "spark.hadoop.fs.s3a.attempts.maximum": "3",  # a server on this machine slows nobody down
    "spark.hadoop.fs.s3a.buffer.dir": "${java.io.tmpdir}/s3a",
    "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
}
# For little data and a process that ends soon: the JVM's better compiler would cost more than it brings.
QUICK = {"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}


def problem() -> str | None:
    """Why Spark can't run here, and what to do about it; None where it can."""
    if not all(jar.exists() for jar in jars()):
        return "Spark has no S3 client here. Run tools/install-hadoop-aws, which needs Maven."
    return java_problem()


def jars() -> list[Path]:
    """The folder that tools/install-hadoop-aws puts Spark's S3 client into."""
    lines = (ROOT / "tools/hadoop-aws/SHA256SUMS").read_text().splitlines()
    return [_JARS / line.split()[1] for line in lines]


def java_problem() -> str | None:
    """The same of Java alone, for a job that reaches S3 by itself."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if java is None:
        return f"There is no java in {home or 'PATH'}. {INSTALL}"
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'version "(?:1\.)?(\d+)', answer)
    if match is None or not OLDEST <= int(match[1]) <= NEWEST:
        return f"{java} is {answer.splitlines()[0] if answer else 'not to be started'}: Spark 3.5 can't use it. {INSTALL}"
    return None


def session(endpoint: str, more: Mapping[str, str] | None = None) -> SparkSession:
    """A session in this process, whose `s3://` is the AWS at this endpoint; `more` are further settings."""
    from pyspark.sql import SparkSession

    os.environ.update(ENVIRONMENT)
    builder = SparkSession.builder.appName("liberator")
    for key, value in (settings(endpoint) | dict(more or {})).items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def temporary_files(folder: str) -> dict[str, str]:
    """The environment of a process that keeps its temporary files, and those of its JVM, in a folder."""
    java = f"-Djava.io.tmpdir={folder} -XX:-UsePerfData"  # else a killed JVM leaves its figures in /tmp/hsperfdata_…
    return {"TMPDIR": folder, "SPARK_LOCAL_DIRS": folder, "JAVA_TOOL_OPTIONS": java}


def submit_arguments(endpoint: str, access_key: str) -> str:
    """PYSPARK_SUBMIT_ARGS for a script that asks for a session without settings, as the jobs do."""
    chosen = (settings(endpoint, access_key) | QUICK).items()
    return shlex.join([*(part for key, value in chosen for part in ("--conf", f"{key}={value}")), "pyspark-shell"])


def settings(endpoint: str, access_key: str = "local") -> dict[str, str]:
    """Spark's settings, with the AWS at this endpoint, which knows a process by its key."""
    return SETTINGS | {
        "spark.driver.extraClassPath": os.pathsep.join(map(str, jars())),
        "spark.hadoop.fs.s3a.endpoint": endpoint,
        "spark.hadoop.fs.s3a.endpoint.region": REGION,
        "spark.hadoop.fs.s3a.access.key": access_key,
        "spark.hadoop.fs.s3a.secret.key": "local",
    }
