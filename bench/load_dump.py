"""How fast the loader is, beside the mysql client, on the same generated dump and server, in one run.

    python -m bench.load_dump [--megabytes 300] [--rounds 3] [--shape permits|blobs|single]

Prints each round's seconds, MB of SQL per second, the loader's peak memory, and the ratio of the medians (client / loader:
above 1 the loader is faster). The client reads from `unzip -p`; the loader reads from an S3 stand-in on the same machine,
takes a snapshot and counts every row, all of which is in its time.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

from local.mariadb import MariaDb

ROOT = Path(__file__).parents[1]
HEADER = """-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: localhost    Database: liberator
-- ------------------------------------------------------
/*!50503 SET NAMES utf8mb4 */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
"""
TABLE = """DROP TABLE IF EXISTS `permit_{n}`;
CREATE TABLE `permit_{n}` (
  `id` int NOT NULL AUTO_INCREMENT, `reference` varchar(20) NOT NULL, `issued` datetime NOT NULL,
  `fee` decimal(8,2) NOT NULL, `note` text, `street` varchar(60) DEFAULT NULL, `zone` int NOT NULL,
  PRIMARY KEY (`id`), KEY `issued` (`issued`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
LOCK TABLES `permit_{n}` WRITE;
/*!40000 ALTER TABLE `permit_{n}` DISABLE KEYS */;
"""
FOOTER = "/*!40000 ALTER TABLE `permit_{n}` ENABLE KEYS */;\nUNLOCK TABLES;\n"
SHAPES = {"permits": (9000, 20), "blobs": (60, 16_000), "single": (1, 20)}  # rows in an INSERT, letters in a note


def sql(megabytes: float, shape: str, seed: int = 1) -> Iterator[str]:
    """A dump in mysqldump's manner: three tables, about this much text."""
    rng = random.Random(seed)  # noqa: S311
    rows, letters = SHAPES[shape]
    words = ["O\\'Connor", 'said \\"no\\"', "a\\nline", "Café", "x; y", "(1,2)", "plain", "-- no comment", "note"]
    notes = ["".join(rng.choice(words) + " " for _ in range(letters // 5)) for _ in range(200)]
    yield HEADER
    for n in range(3):
        yield TABLE.format(n=n)
        size, key = 0.0, 0
        while size < megabytes * 1e6 / 3:
            values = []
            for _ in range(rows):
                key += 1
                values.append(
                    f"({key},'QZ{key:08d}','2021-06-{key % 28 + 1:02d} 10:{key % 60:02d}:00',{key % 500}.50,"
                    f"'{rng.choice(notes)}',{'NULL' if key % 5 == 0 else chr(39) + 'Mare Street' + chr(39)},{key % 20})"
                )
            statement = f"INSERT INTO `permit_{n}` VALUES {','.join(values)};\n"  # noqa: S608
            size += len(statement)
            yield statement
        yield FOOTER.format(n=n)
    yield "-- Dump completed on 2021-06-04  3:00:00\n"


def write(path: Path, megabytes: float, shape: str) -> int:
    """The zipped dump; returns its unpacked size."""
    size = 0
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("liberator.sql", "w", force_zip64=True) as member,
    ):
        for part in sql(megabytes, shape):
            size += member.write(part.encode())
    return size


def by_client(path: Path, server: MariaDb) -> float:
    """Seconds that `unzip -p | mariadb` takes."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS by_client")
        cursor.execute("CREATE DATABASE by_client CHARACTER SET utf8mb4")
    client = shutil.which("mariadb") or shutil.which("mysql")
    if client is None or shutil.which("unzip") is None:
        raise SystemExit("Install a mysql client and unzip: apt-get install mariadb-client unzip")
    began = time.monotonic()
    with subprocess.Popen(["unzip", "-p", str(path)], stdout=subprocess.PIPE) as unzip:
        address = ["-h", server.host, "-P", str(server.port), f"--ssl-ca={server.ca_bundle}", "-u", server.user]
        command = [client, "--no-defaults", *address, "by_client"]
        subprocess.run(command, stdin=unzip.stdout, env={**os.environ, "MYSQL_PWD": server.password}, check=True)
    return time.monotonic() - began


def by_loader(server: MariaDb, topic: str, connections: int) -> tuple[float, float]:
    """Seconds that the whole task takes, and its peak memory in MB."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'services'}:{ROOT / 'ecs' / 'dump_loader'}",
        "DATA_BUCKET": "data", "DUMP_KEY": "parking/liberator_dump_210604.zip", "EVENT_TIME": "2021-06-04T03:00:00Z",
        "DB_HOST": server.host, "DB_PORT": str(server.port), "DB_NAME": "by_loader", "DB_CA_BUNDLE": str(server.ca_bundle),
        "DB_CREDENTIALS": json.dumps({"username": server.user, "password": server.password}),
        "DB_INSTANCE_IDENTIFIER": "liberator", "ALERTS_TOPIC_ARN": topic,
        "CONNECTIONS": str(connections),
        "SNAPSHOT_QUEUE_URL": boto3.client("sqs").create_queue(QueueName="snapshots")["QueueUrl"],
    }  # fmt: skip
    began, peak = time.monotonic(), 0.0
    process = subprocess.Popen([sys.executable, "-m", "dump_loader"], env=environment, stdout=subprocess.PIPE, text=True)
    while process.poll() is None:
        peak = max(peak, memory(process.pid))
        time.sleep(0.02)
    seconds = time.monotonic() - began
    log = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"The loader failed:\n{log}")
    return seconds, peak


def memory(pid: int) -> float:
    """The peak so far, in MB: the kernel's own high-water mark of this program alone; 0 where there is no /proc."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


def aws(path: Path) -> str:
    """Uploads the dump to the stand-in; returns the topic for alerts."""
    boto3.client("s3").create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    boto3.client("s3").upload_file(str(path), "data", "parking/liberator_dump_210604.zip")
    boto3.client("rds").create_db_instance(
        DBInstanceIdentifier="liberator", DBInstanceClass="db.t4g.small", Engine="mysql", AllocatedStorage=20,
        MasterUsername="admin", MasterUserPassword="not-used-here",
    )  # fmt: skip
    return boto3.client("sns").create_topic(Name="alerts")["TopicArn"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shape", choices=SHAPES, default="permits")
    parser.add_argument("--connections", type=int, default=4)
    options = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server_of_aws = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server_of_aws.start()
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "eu-west-2",
        "AWS_ENDPOINT_URL": "http://{}:{}".format(*server_of_aws.get_host_and_port()),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as directory, MariaDb() as server:
        path = Path(directory) / "dump.zip"
        megabytes = write(path, options.megabytes, options.shape) / 1e6
        topic = aws(path)
        print(f"{megabytes:.0f} MB of SQL, {path.stat().st_size / 1e6:.0f} MB zipped, {os.cpu_count()} CPUs")  # noqa: T201
        client: list[float] = []
        loader: list[float] = []
        for _ in range(options.rounds):
            client.append(by_client(path, server))
            seconds, peak = by_loader(server, topic, options.connections)
            loader.append(seconds)
            print(  # noqa: T201
                f"client {client[-1]:6.1f} s {megabytes / client[-1]:6.1f} MB/s    "
                f"loader {loader[-1]:6.1f} s {megabytes / loader[-1]:6.1f} MB/s, peak {peak:.0f} MB"
            )
        ratio = statistics.median(client) / statistics.median(loader)
        print(f"ratio of the medians (client / loader): {ratio:.2f}")  # noqa: T201
    server_of_aws.stop()


if __name__ == "__main__":
    main()
