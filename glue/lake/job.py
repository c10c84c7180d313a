"""A job of the workflow: its arguments, the run it belongs to, its Spark session, its log lines, and how it fails."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import boto3
from pyspark.sql import SparkSession

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_glue import GlueClient

log = logging.getLogger("lake")

# Parquet for every reader of the lake. Decimals as bytes of fixed length ("legacy"): only so can Spark read a column whose
# precision has grown between two days. Timestamps as INT64, not INT96. Days before 1582 as MySQL has them.
# https://spark.apache.org/docs/3.5.4/sql-data-sources-parquet.html#configuration
_PARQUET = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.parquet.writeLegacyFormat": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.files.maxPartitionBytes": "64m",  # small enough that four and more of them make a file of even size
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "256m",
    "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
}


class JobFailed(Exception):
    """The job's end, with every failure of the run; Glue shows it as the run's error message, and the alert carries it."""

    def __init__(self, what: str, failures: Mapping[str, str] | None = None) -> None:
        listed = "; ".join(f"{name}: {reason}" for name, reason in sorted((failures or {}).items()))
        super().__init__(f"{what}: {listed}" if listed else what)


@dataclass(frozen=True)
class Run:
    """The RunProperties that the copier gave the workflow run. `manifest` is an S3 URI."""

    run_id: str
    import_date: date
    manifest: str
    export_task: str


OF_A_WORKFLOW = {"WORKFLOW_NAME": "workflow", "WORKFLOW_RUN_ID": "run_id"}


def arguments(command_line: Sequence[str], glues: Mapping[str, str] = OF_A_WORKFLOW, /, **own: str) -> argparse.Namespace:
    """Glue's arguments (`--KEY value`) and the job's own (name → help); what else Glue passes is left alone.

    `glues` has those that Glue itself gives to a job, and the names that they have here.
    https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-glue-arguments.html
    """
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for key, name in glues.items():
        parser.add_argument(f"--{key}", required=True, dest=name, help="Glue gives it to the job")
    for name, text in own.items():
        parser.add_argument(f"--{name}", required=True, help=text)
    return parser.parse_known_args(list(command_line))[0]


def begin(options: argparse.Namespace) -> tuple[SparkSession, GlueClient, Run]:
    """The session, the client and the run that a job works with. Raises JobFailed where the run says too little."""
    log_to_stdout()
    glue: GlueClient = boto3.client("glue")
    answer = glue.get_workflow_run_properties(Name=options.workflow, RunId=options.run_id)
    run = run_of(options.run_id, answer["RunProperties"])
    say("Started", workflow=options.workflow, run=options.run_id, import_date=str(run.import_date))
    return configured(SparkSession.builder.getOrCreate()), glue, run


def log_to_stdout() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)


def configured(spark: SparkSession) -> SparkSession:
    """The session, with what these jobs rely on set."""
    for key, value in _PARQUET.items():
        spark.conf.set(key, value)
    return spark


def run_of(run_id: str, properties: Mapping[str, str]) -> Run:
    """Raises JobFailed for a workflow that was started without the copier's properties."""
    try:
        return Run(
            run_id,
            date.fromisoformat(properties["import_date"]),
            properties["manifest"],
            properties["export_task_identifier"],
        )
    except (KeyError, ValueError) as error:
        raise JobFailed(
            f"The run properties {dict(properties)} lack or garble {error}: start the workflow with import_date, manifest "
            "and export_task_identifier as an earlier run of the day has them"
        ) from error


def reason(error: Exception) -> str:
    """One line for people: the first of the message, or of what in Spark's JVM caused it; the log has it whole."""
    lines = f"{type(error).__name__}: {error}".splitlines()
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return causes[-1] if causes else lines[0]


def say(message: str, **fields: Any) -> None:
    """One log line: a message and JSON."""
    log.info("%s %s", message, json.dumps(fields, default=str))
