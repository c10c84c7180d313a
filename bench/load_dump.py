"""Times the loader beside what a user would pick instead: the same data, server and machine, A B A B.

    python -m bench.load_dump [--rounds 5] [--inputs oltp,sample] [--ways myloader,loader] [--json FILE]

- `unzip, mariadb <`: the first system's way, the SQL unpacked to a disk first;
- `unzip -p | mariadb`: the client over TLS, which every other way is a ratio of (above 1 it is faster);
- `myloader -t 2 --ssl`: the same data dumped by mydumper, a format that is made to be loaded in parallel (where installed),
  over TLS as the loader must, or without `--ssl`;
- `loader, n connections`: the whole task from the zip on a stand-in for S3, over TLS; its snapshot and row counts included.

Prints each way's median seconds, its ratio, the peak resident memory of the loader's process, and the seconds of CPU that
client and server took, which say more than the clock on a machine that does other things too.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import boto3
from moto.server import ThreadedMotoServer

from bench import dumps
from bench.dumps import Dump
from dump_loader.sql.server import Flavour
from local.emulator.database_server import DatabaseServer

ROOT = Path(__file__).parents[1]
DATABASE = "liberator"
CLIENT = "unzip -p | mariadb"
# Ways that no goal is about take part in the first rounds only.
ASIDE, ASIDE_ROUNDS = ("unzip, mariadb <", "loader, 1 connections", "loader, 4 connections"), 3


@dataclass
class Measured:
    """Of one way: a list entry for each round."""

    seconds: list[float] = field(default_factory=list)
    client_cpu: list[float] = field(default_factory=list)
    server_cpu: list[float] = field(default_factory=list)
    peak_megabytes: float = 0.0
    checksums: dict[str, int] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--inputs", default="oltp,sample")
    parser.add_argument("--ways", default="", help="only ways with one of these, comma-separated, in their name")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    made = {"oltp": dumps.oltp, "sample": partial(dumps.parking, 20)}
    wanted = options.ways.split(",")
    rows = [row for name in options.inputs.split(",") for row in _compared(made[name](), wanted, options.rounds)]
    if options.json:
        command = f"python -m bench.load_dump --rounds {options.rounds} --inputs {options.inputs}"
        options.json.write_text(json.dumps({"name": "loading", "command": command, "rows": rows}, indent=1))


def _compared(dump: Dump, wanted: list[str], rounds: int) -> list[dict[str, Any]]:
    size = dump.zipped.stat().st_size / 1e6
    sys.stdout.write(f"{dump.name}: {dump.megabytes:.0f} MB of SQL, {size:.0f} MB zipped\n")
    with DatabaseServer(flavour=Flavour.MARIADB) as server, aws(dump) as environment:
        ways: dict[str, Callable[[Measured], None]] = {
            "unzip, mariadb <": lambda _: _from_disk(dump, server),
            CLIENT: lambda _: _by_client(dump, server),
        }
        if dump.by_mydumper.exists() and shutil.which("myloader"):
            ways["myloader -t 2 --ssl"] = lambda _: _by_myloader(dump, server, "--ssl", "--ca", str(server.ca_bundle))
            ways["myloader -t 2"] = lambda _: _by_myloader(dump, server)
        ways |= {f"loader, {n} connections": partial(by_loader, server, environment, n) for n in (1, 2, 4)}
        ways = {name: way for name, way in ways.items() if any(part in name for part in wanted)}
        measured = {name: Measured() for name in ways}
        for done in range(rounds):
            for name, way in ways.items():
                if name not in ASIDE or done < ASIDE_ROUNDS:
                    measure(way, measured[name], server)
    if len({tuple(m.checksums.items()) for m in measured.values()}) != 1:
        raise SystemExit("The ways did not load the same.")
    base = statistics.median(measured[CLIENT].seconds)
    rows = []
    for name, m in measured.items():
        row = {
            "input": dump.name,
            "way": name,
            "seconds": round(statistics.median(m.seconds), 2),
            "ratio": round(base / statistics.median(m.seconds), 2),
            "client_cpu_seconds": round(statistics.median(m.client_cpu), 2),
            "server_cpu_seconds": round(statistics.median(m.server_cpu), 2),
            "peak_megabytes": round(m.peak_megabytes),
        }
        rows.append(row)
        sys.stdout.write(
            f"  {name:<22} {row['seconds']:6.1f} s   ratio {row['ratio']:5.2f}   "
            f"CPU {row['client_cpu_seconds']:5.1f} s client, {row['server_cpu_seconds']:5.1f} s server"
            + (f"   peak {m.peak_megabytes:.0f} MB\n" if m.peak_megabytes else "\n")
        )
    return rows


def measure(way: Callable[[Measured], None], m: Measured, server: DatabaseServer) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        cursor.execute(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
    ours, theirs, began = _cpu_of_children(), _cpu(server.pid), time.monotonic()
    way(m)
    m.seconds.append(time.monotonic() - began)
    m.client_cpu.append(_cpu_of_children() - ours)
    m.server_cpu.append(_cpu(server.pid) - theirs)
    if not m.checksums:
        with server.connect(DATABASE) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'")
            for table, _ in cursor.fetchall():
                cursor.execute(f"CHECKSUM TABLE `{table}` EXTENDED")
                m.checksums[table] = cursor.fetchall()[0][1]


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has used; 0 where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ── the ways ──


def _server(server: DatabaseServer, **streams: Any) -> None:
    address = ["-h", server.host, "-P", str(server.port), f"--ssl-ca={server.ca_bundle}", "-u", server.user]
    environment = {**os.environ, "MYSQL_PWD": server.password}
    subprocess.run(["mariadb", "--no-defaults", *address, DATABASE], env=environment, check=True, **streams)


def _from_disk(dump: Dump, server: DatabaseServer) -> None:
    with tempfile.TemporaryDirectory(dir=dumps.KEPT) as folder:
        subprocess.run(["unzip", "-q", str(dump.zipped), "-d", folder], check=True)
        with (Path(folder) / "dump.sql").open("rb") as script:
            _server(server, stdin=script)


def _by_client(dump: Dump, server: DatabaseServer) -> None:
    with subprocess.Popen(["unzip", "-p", str(dump.zipped)], stdout=subprocess.PIPE) as unzip:
        _server(server, stdin=unzip.stdout)


def _by_myloader(dump: Dump, server: DatabaseServer, *more: str) -> None:
    address = ["-h", server.host, "-P", str(server.port), "-u", server.user, "-p", server.password]
    command = ["myloader", *address, "-d", str(dump.by_mydumper), "-B", DATABASE, "-t", "2", "-o", *more]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def by_loader(server: DatabaseServer, environment: dict[str, str], connections: int, m: Measured) -> None:
    account = {
        "DB_HOST": server.host, "DB_PORT": str(server.port), "DB_NAME": DATABASE, "DB_CA_BUNDLE": str(server.ca_bundle),
        "DB_CREDENTIALS": json.dumps({"username": server.user, "password": server.password}),
        "CONNECTIONS": str(connections),
    }  # fmt: skip
    command = [sys.executable, "-m", "dump_loader"]
    process = subprocess.Popen(command, env=environment | account, stdout=subprocess.PIPE, text=True)
    while process.poll() is None:
        m.peak_megabytes = max(m.peak_megabytes, _peak(process.pid))
        time.sleep(0.02)
    log = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"The loader failed:\n{log}")


def _peak(pid: int) -> float:
    """The peak so far, in MB: the kernel's own high-water mark of this program alone; 0 where there is no /proc."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


@contextmanager
def aws(dump: Dump) -> Iterator[dict[str, str]]:
    """The AWS that the loader needs: moto, but for S3."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    command = [sys.executable, "-m", "bench.one_object", str(dump.zipped)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as s3:
        try:
            os.environ |= {
                "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "eu-west-2",
                "AWS_ENDPOINT_URL": "http://{}:{}".format(*moto.get_host_and_port()),
            }  # fmt: skip
            urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/moto-api/reset", b"").close()  # noqa: S310
            boto3.client("rds").create_db_instance(
                DBInstanceIdentifier="liberator", DBInstanceClass="db.t4g.small", Engine="mysql", AllocatedStorage=20,
                MasterUsername="admin", MasterUserPassword="not-used-here",
            )  # fmt: skip
            yield {
                **os.environ,
                "AWS_ENDPOINT_URL_S3": cast("IO[str]", s3.stdout).readline().strip(),
                "PYTHONPATH": f"{ROOT / 'services'}:{ROOT / 'ecs' / 'dump_loader'}",
                "DATA_BUCKET": "data", "DUMP_KEY": "parking/liberator_dump_210604.zip", "EVENT_TIME": "2021-06-04T03:00:00Z",
                "DB_INSTANCE_IDENTIFIER": "liberator",
                "ALERTS_TOPIC_ARN": boto3.client("sns").create_topic(Name="alerts")["TopicArn"],
                "SNAPSHOT_QUEUE_URL": boto3.client("sqs").create_queue(QueueName="snapshots")["QueueUrl"],
            }  # fmt: skip
        finally:
            s3.kill()
            moto.stop()


if __name__ == "__main__":
    main()
