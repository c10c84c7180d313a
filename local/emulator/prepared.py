"""`make cloud`: the local AWS with a snapshot and an export in each state that events/ speak of.

For `sam local invoke` the functions run only when they are invoked, and what they put on queues stays there. `--live` runs
them as AWS does: they take what is put on their queues.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Self

import yaml
from moto.s3.models import s3_backends
from samtranslator.yaml_helper import yaml_parse

from ingestion.messages import Run
from ingestion.s3_uri import split_s3_uri
from liberator import naming, snapshots
from liberator.row_counts import RowCounts
from local import ROOT
from local.emulator.aws import ACCOUNT, REGION
from local.emulator.cloud import Cloud
from local.emulator.database_server import DatabaseServer
from local.emulator.lambda_runtime import BUILD
from local.emulator.story import Entry

VERSION = "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY"  # of every dump in events/
ODD_KEY = "parking/liberator_dump_210604 (final)+ä.zip"
TABLES = {"liberator_permit_fta": 30, "liberator_pcn_audit": 0}
DAILY, BACKDATED = date(2021, 6, 4), date(2022, 6, 1)
EXPORTED = date(2021, 5, 31)
EXPORT_FAILED, EXPORT_CANCELLED, NEW, CREATING = (date(2021, 6, day) for day in (1, 2, 5, 6))
ENVIRONMENT_FILE = ROOT / ".aws-sam" / "cloud-env.json"
TEMPLATE = BUILD / "cloud.yaml"
SHELL_FILE = ROOT / ".aws-sam" / "cloud.sh"
EXAMPLES = {  # what usually comes
    "ProdToPreprodFunction": "eventbridge_put.json",
    "SnapshotToS3Function": "message_daily.json",
    "S3ToS3CopierFunction": "message_daily.json",
}


class Standby(Cloud):
    """A Cloud in the states that events/ speak of, without pollers unless asked for."""

    def __init__(self, *, built: bool = False, polling: bool = False, server: DatabaseServer | None = None) -> None:
        super().__init__(
            built=built, polling=polling, server=server, snapshot_seconds=0.1, export_seconds=0.1, workflow_seconds=0
        )

    def __enter__(self) -> Self:
        super().__enter__()
        copies, self.copies = self.copies, lambda _event, _way: 0  # nobody hears of what is brought about here
        try:
            self._prepare()
            self.copies = copies
        except BaseException:
            self.__exit__()
            raise
        return self

    def environments(self) -> dict[str, Mapping[str, str]]:
        """What `sam local invoke --env-vars` takes: each function's variables, by logical id.

        `sam local` runs a function in a container on Docker's bridge, whose gateway is this machine.
        """
        gateway = docker_gateway()
        endpoint = self.aws.also_on(gateway) if gateway else self.aws.endpoint
        return {
            logical_id: {name: v.replace(self.aws.endpoint, endpoint) for name, v in function.environment.items()}
            for logical_id, function in self.functions.items()
        }

    def _prepare(self) -> None:
        self.bus.disabled.add("UploadRule")  # nothing is to be loaded
        for key in (*(naming.dump_keys(day)[0] for day in (DAILY, BACKDATED)), ODD_KEY):
            self._put_dump(key)
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("DROP DATABASE IF EXISTS liberator")
            cursor.execute("CREATE DATABASE liberator")
            for table, rows in TABLES.items():
                cursor.execute(f"CREATE TABLE liberator.{table} (id INT PRIMARY KEY)")
                cursor.executemany(f"INSERT INTO liberator.{table} VALUES (%s)", [(number,) for number in range(rows)])
            connection.commit()
        for day in (EXPORTED, EXPORT_FAILED, EXPORT_CANCELLED, DAILY, BACKDATED, NEW):
            self._snapshot(day)
        self.rds.fail_next_export = "the role cannot write to the bucket"
        self._export(EXPORT_FAILED)
        self.rds.cancel_next_export = True
        self._export(EXPORT_CANCELLED)
        for day in (EXPORTED, DAILY, BACKDATED):
            self._export(day)
        self.rds.hold_snapshots = True
        self._snapshot(CREATING, wait=False)

    def _put_dump(self, key: str) -> None:
        bucket = self.name_of("DataBucket")
        self.s3.put_object(Bucket=bucket, Key=key, Body=b"a dump", ContentType="application/zip")
        s3_backends[ACCOUNT]["aws"].buckets[bucket].keys[key]._version_id = VERSION  # noqa: SLF001  no API sets it

    def _snapshot(self, day: date, *, wait: bool = True) -> None:
        run = Run(
            import_date=day,
            backdated=day == BACKDATED,
            origin=f"s3://{self.name_of('DataBucket')}/{naming.dump_keys(day)[0]}",
        )
        identifier, dump = _identifier(day), str(run.origin)
        uri = naming.row_counts_uri(dump, identifier)
        counts = RowCounts(
            database="liberator", dump=dump, uploaded_at=datetime.now(UTC), snapshot=identifier, tables=TABLES
        )
        bucket, key = split_s3_uri(uri)
        self.s3.put_object(Bucket=bucket, Key=key, Body=counts.model_dump_json().encode())
        rds = self.aws.client("rds")
        rds.create_db_snapshot(
            DBInstanceIdentifier=self.instance,
            DBSnapshotIdentifier=identifier,
            Tags=snapshots.tags_of(run, correlation_id=f"{dump}@{VERSION}", row_counts_uri=uri),
        )
        while wait and rds.describe_db_snapshots(DBSnapshotIdentifier=identifier)["DBSnapshots"][0]["Status"] != "available":
            time.sleep(0.05)

    def _export(self, day: date) -> None:
        environment = self.functions["SnapshotToS3Function"].environment
        rds, identifier = self.aws.client("rds"), _identifier(day)
        [snapshot] = rds.describe_db_snapshots(DBSnapshotIdentifier=identifier)["DBSnapshots"]
        rds.start_export_task(
            ExportTaskIdentifier=identifier,
            SourceArn=snapshot["DBSnapshotArn"],
            S3BucketName=environment["EXPORT_BUCKET"],
            IamRoleArn=environment["EXPORT_ROLE_ARN"],
            KmsKeyId=environment["EXPORT_KMS_KEY_ARN"],
        )
        while rds.describe_export_tasks(ExportTaskIdentifier=identifier)["ExportTasks"][0]["Status"] in {
            "STARTING", "IN_PROGRESS", "CANCELING",
        }:  # fmt: skip
            time.sleep(0.05)


def write_files(standby: Standby) -> None:
    """The environment file, and the built template with the one variable more that leads to this machine.

    `sam local` passes on only variables that the template declares.
    """
    ENVIRONMENT_FILE.write_text(json.dumps(standby.environments(), indent=2))
    template: dict[str, Any] = yaml_parse((BUILD / "template.yaml").read_text())
    for logical_id in standby.functions:
        variables = template["Resources"][logical_id]["Properties"]["Environment"]["Variables"]
        variables["AWS_ENDPOINT_URL"] = ""
    TEMPLATE.write_text(yaml.safe_dump(template, sort_keys=False))


def docker_gateway() -> str | None:
    """This machine's address on Docker's bridge; None where no Docker engine answers. Linux: Docker Desktop differs."""
    command = ["docker", "network", "inspect", "bridge", "--format", "{{json (index .IPAM.Config 0)}}"]
    try:
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    # An engine that does not name the gateway uses the first address of the subnet.
    return found.get("Gateway") or str(next(ip_network(found["Subnet"]).hosts()))


def invoke_command(function: str, event: Path) -> list[str]:
    """`sam local invoke` for one function and one file of events/."""
    return [
        "sam", "local", "invoke", function, "--template", str(TEMPLATE.relative_to(ROOT)),
        "--env-vars", str(ENVIRONMENT_FILE.relative_to(ROOT)), "--event", str(event),
    ]  # fmt: skip


def _identifier(day: date) -> str:
    return f"sql-to-parquet-{day:%Y-%m-%d}{'-backdated' if day == BACKDATED else ''}-101530"


def shell_variables(standby: Standby) -> str:
    """Write the variables that a shell needs so that `aws`, and the lines of the documentation, mean this cloud.

    A function, because version 1 of the CLI heeds the option where for SQS it doesn't heed the variable.
    """
    variables = {
        "AWS_ENDPOINT_URL": standby.aws.endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": REGION,
        "ACCOUNT": ACCOUNT,
        "PATH": f"{Path(sys.executable).parent}:$PATH",
    }
    lines = [f'export {name}="{value}"' for name, value in variables.items()]
    return "\n".join([*lines, 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }', ""])


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="make cloud", description="The local AWS, until Ctrl-C.")
    parser.add_argument("--live", action="store_true", help="the functions take what is on their queues")
    live = parser.parse_args(arguments).live
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)

    def show(entry: Entry) -> None:
        to = f" → {entry.queue}, delay {entry.delay} s" if entry.queue else ""
        if to or live:
            _say(f"  {entry.stage}{to}  {entry.text}".rstrip())

    try:
        with Standby(built=not live, polling=live) as standby:
            SHELL_FILE.parent.mkdir(exist_ok=True)
            SHELL_FILE.write_text(shell_variables(standby))
            _say(f"The cloud is up: {standby.aws.endpoint}, on {standby.server}. In another terminal:\n")
            _say(f"  . {SHELL_FILE.relative_to(ROOT)}    # `aws` and `sam local` mean this cloud from then on")
            if live:
                _say("  aws sqs send-message …    # docs/operations.md has such lines; the functions take what is sent")
            else:
                write_files(standby)
                for function in standby.functions.values():
                    event = Path("events", function.handler.split(".")[0], EXAMPLES[function.resource.logical_id])
                    _say(f"  {' '.join(invoke_command(function.resource.logical_id, event))}")
                _say("\nWhere the image is here already, add --skip-pull-image.")
            _say("\nMessages on queues are shown here. Ctrl-C ends it.")
            standby.story.listen_to(show)
            signal.pause()
    except KeyboardInterrupt:
        _say("\nStopped. Nothing is left running.")


def _say(line: str) -> None:
    with suppress(OSError):  # nobody reads on
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
