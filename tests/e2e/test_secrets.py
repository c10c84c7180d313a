"""The database's passwords are in the environment of the containers that need them, and nowhere that anyone reads.

Looked for, at the log level that says most, in all that runs leave: logs, metrics, messages, alerts, events, objects, tags.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from liberator import naming
from local.emulator.database_server import DatabaseServer
from tests.e2e.conftest import QUICK, SECONDS, System, write_dump

pytestmark = pytest.mark.timeout(180)

LOADER = "liberator-to-rds-snapshot"
WRONG = "wr0ng-but-s3cret"


class Heard(System):
    """A System that keeps every message and every event as it was sent."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.sent: list[str] = []

    def _sent(self, queue: str, body: str, delay: int) -> None:
        self.sent.append(body)
        super()._sent(queue, body, delay)

    def _event(self, event: dict[str, Any]) -> None:
        self.sent.append(json.dumps(event))
        super()._event(event)

    @property
    def passwords(self) -> set[str]:
        return {json.loads(value)["password"] for value in self.ecs.secrets.values()}

    def run_task(self, **environment: dict[str, str]) -> None:
        """By hand, with so much more environment for a container, until it has ended."""
        ended = len(self.ecs.exit_codes)
        overrides = [
            {"name": name.replace("_", "-"), "environment": [{"name": n, "value": v} for n, v in variables.items()]}
            for name, variables in environment.items()
        ]
        self.ecs.run_task({"containerOverrides": overrides})
        assert self.story.wait_for(lambda _: len(self.ecs.exit_codes) > ended, SECONDS)
        assert self.ecs.exit_codes[-1] == 1

    def left(self) -> Iterator[tuple[str, bytes]]:
        """Everything that can be read when the runs have ended."""
        yield "log", self.log_path.read_bytes()
        yield "story", repr(self.story.entries).encode()
        yield "messages and events", "\n".join(self.sent).encode()
        yield "told", repr(self.told).encode()
        resources = {name: r.properties for name, r in self.template.resources.items()}
        yield "template", json.dumps([resources, self.template.outputs]).encode()
        yield "functions", repr([f.properties for f in self.template.of_type("AWS::Lambda::Function")]).encode()
        yield "overrides and tags", repr(self.aws.client("rds").describe_db_snapshots()).encode()
        for bucket in self.s3.list_buckets()["Buckets"]:
            for found in self.s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
                where = {"Bucket": bucket["Name"], "Key": found["Key"]}
                yield found["Key"], self.s3.get_object(**where)["Body"].read() + repr(self.s3.head_object(**where)).encode()


def holds(text: bytes, secret: str) -> bool:
    """Whether it is there, as it is or as something usually makes of a text."""
    forms = {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), repr(secret)[1:-1]}
    forms |= {base64.b64encode(secret.encode()).decode(), secret.encode().hex()}
    return any(form.encode() in text for form in forms)


def test_no_password_is_left_anywhere_whatever_becomes_of_a_load(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    [key, *_] = naming.dump_keys(today)
    broken, wrong_sql, slow = tmp_path / "broken.zip", tmp_path / "wrong.zip", tmp_path / "slow.zip"
    broken.write_bytes(b"this is not a zip")
    dumps = {wrong_sql: "INSERT INTO nowhere VALUES (1);", slow: "CREATE TABLE t (a INT);\nINSERT INTO t SELECT SLEEP(100);"}
    for path, sql in dumps.items():
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("dump.sql", sql)
    with DatabaseServer() as server, Heard(server=server, parameters={"LogLevel": "DEBUG"}, **QUICK) as system:
        system.upload(write_dump(tmp_path), key)
        system.wait_for("LandingZoneUpdated")
        system.wait_for("Task stopped")
        for bad in (broken, wrong_sql):
            stopped = len(system.ecs.exit_codes)
            system.upload(bad, key)
            system.wait_for("Task stopped", stopped + 1)
            assert system.ecs.exit_codes[-1] == 1
        for_today = {"IMPORT_DATE_OVERRIDE": today.isoformat()}
        account = json.dumps({"username": "liberator_loader", "password": WRONG})
        [loaders] = [json.loads(v) for v in system.ecs.secrets.values() if "liberator_loader" in v]
        loaders, masters = loaders["password"], server.password
        system.run_task(**{LOADER: {"DB_CREDENTIALS": account} | for_today})
        system.run_task(**{LOADER: {"DB_HOST": "localhost"} | for_today})  # not what its certificate says
        for malformed in (
            loaders,
            f'{{"username": "liberator_loader", "password": "{loaders}"',
            f'{{"secret": "{loaders}"}}',
        ):
            system.run_task(**{LOADER: {"DB_CREDENTIALS": malformed} | for_today})
        for malformed in (
            masters,
            f'{{"username": "x", "password": "{masters}"',
            f'{{"username": "", "password": "{masters}"}}',
        ):
            system.run_task(account={"MASTER_CREDENTIALS": malformed})
        system.run_task(account={"DB_HOST": "localhost"})
        system.upload(slow, key)
        assert any(_is_loading(server) or system.story.wait_for(lambda _: False, 0.1) for _ in range(10 * SECONDS))
        ended = len(system.ecs.exit_codes)
        os.kill(server.pid, signal.SIGKILL)
        system.wait_for("Task stopped", ended + 1)
        system.wait_until_idle()
        assert len(system.ecs.exit_codes) == 13
        told = len(system.events("IngestionFailed")), len(system.events("Alert"))
        assert min(told) > 0, told
        found = {
            where: secret for where, text in system.left() for secret in {*system.passwords, WRONG} if holds(text, secret)
        }
    assert found == {}


def _is_loading(server: DatabaseServer) -> bool:
    with server.connect_as_root() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%SLEEP(100)' AND USER <> 'root'"
        )
        return bool(cursor.fetchall()[0][0])
