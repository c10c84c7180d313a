"""Compares the system's calls to AWS, in runs of every kind, with its roles' rights: nothing missing, nothing more.

Every process works in its role, by the access key; the local AWS says who asked for what (local/emulator/iam.py).
Conditions and other accounts' policies are not evaluated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from liberator import naming
from local.emulator.aws import ACCOUNT, REGION
from local.emulator.cloud import PREFIX
from local.emulator.database_server import DatabaseServer
from local.emulator.iam import Call, calls_of
from local.emulator.template import Resource
from tests.e2e.conftest import QUICK, SECONDS, System, write_dump
from tests.policies import covers, grants

pytestmark = pytest.mark.timeout(180)

EVENTS = Path(__file__).parents[2] / "events"
FUNCTIONS = {
    "SnapshotToS3Role": "rds-snapshot-to-s3",
    "S3ToS3CopierRole": "s3-to-s3-copier",
    "ProdToPreprodRole": "prod-to-preprod",
}
# AWS itself works in these; tests/contract/test_template.py has what they are for.
OF_AWS = {"DumpLoaderExecutionRole", "UploadRuleRole", "ExportRole"}
# No job runs here; tests/contract/test_glue.py has what these may do.
OF_GLUE_JOBS = {"LandingToRawRole", "TransformRole"}

# What is allowed though no request shows it here: role, action, resource, each with the reason.
UNSEEN: dict[tuple[str, str, str], str] = {
    **{
        grant: reason
        for role, name in FUNCTIONS.items()
        for grant, reason in {
            (role, "sqs:ReceiveMessage", f"*-{name}"): "Lambda's event source mapping polls in the function's role",
            (role, "sqs:DeleteMessage", f"*-{name}"): "so it does for what was handled",
            (role, "sqs:GetQueueAttributes", f"*-{name}"): "and to know how much is waiting",
            (role, "sqs:ChangeMessageVisibility", f"*-{name}"): "after an error that nobody expected, which no run here has",
            (role, "logs:CreateLogStream", f"*:/aws/lambda/*-{name}:*"): "Lambda writes the log",
            (role, "logs:PutLogEvents", f"*:/aws/lambda/*-{name}:*"): "Lambda writes the log",
            (role, "xray:PutTraceSegments", "*"): "nothing is traced here",
            (role, "xray:PutTelemetryRecords", "*"): "nothing is traced here",
        }.items()
    },
    **{
        (role, action, "*:key/*"): "buckets and topics are not encrypted here"
        for role in [*FUNCTIONS, "DumpLoaderTaskRole"]
        for action in ("kms:Decrypt", "kms:GenerateDataKey")
    },
    ("SnapshotToS3Role", "kms:DescribeKey", "*"): "RDS asks in the caller's name when an export starts",
    ("SnapshotToS3Role", "kms:CreateGrant", "*"): "RDS makes its grant in the caller's name",
    ("SnapshotToS3Role", "iam:PassRole", "*:role/ExportRole"): "IAM is asked when an export starts",
    **{
        (role, "rds:ListTagsForResource", "*:snapshot:*"): "asked by DescribeDBSnapshots itself"
        for role in ("SnapshotToS3Role", "S3ToS3CopierRole", "DumpLoaderTaskRole")
    },
    **{
        (role, "s3:ListBucket", f"*{bucket}"): "decides whether a missing object is a 404 or a 403"
        for role, bucket in (
            ("DumpLoaderTaskRole", "stg-liberator-data-storage"),
            ("S3ToS3CopierRole", "stg-liberator-data-storage"),
            ("ProdToPreprodRole", "stg-liberator-data-storage"),
            ("ProdToPreprodRole", "preprod-liberator-data-storage"),
        )
    },
    **{
        (role, "s3:AbortMultipartUpload", "*"): "when a copy of more than 5 GB fails half-way"
        for role in ("S3ToS3CopierRole", "ProdToPreprodRole")
    },
}


@dataclass(frozen=True)
class Run:
    """The roles of the system by logical id, and what was asked for in each of them."""

    roles: dict[str, Resource]
    calls: set[Call]

    def of(self, role: str) -> set[Call]:
        return {call for call in self.calls if call.role == self.roles[role].ref}


@pytest.fixture(scope="module")
def run(server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A day's dump; the same day again, by hand; what no function can read; a replay; a file that is no dump."""
    calls: set[Call] = set()
    with System(server=server, **QUICK) as running:
        running.aws.on_request = lambda request, resource: calls.update(calls_of(request, resource))
        folder, today = tmp_path_factory.mktemp("dumps"), datetime.now(UTC).date()
        broken = folder / "broken.zip"
        broken.write_bytes(b"this is not a zip")
        [key, *_] = naming.dump_keys(today)
        running.rds.hold_snapshots = running.rds.hold_exports = True
        running.upload(broken, "parking/liberator_dump_210604.zip")
        running.upload(write_dump(folder), key)
        _wait_until_put_back(running, calls, "SnapshotToS3Role")
        running.rds.hold_snapshots = False
        _wait_until_put_back(running, calls, "S3ToS3CopierRole")
        running.rds.hold_exports = False
        running.wait_for("LandingZoneUpdated")
        for queue in ("rds-snapshot-to-s3", "s3-to-s3-copier", "prod-to-preprod"):
            running.send(queue, "not JSON")
        instance = json.loads((EVENTS / "snapshot_to_s3/sns_instance_backed_up.json").read_text())
        running.send("rds-snapshot-to-s3", instance["Records"][0]["body"])
        uploaded = {"bucket": {"name": running.name_of("DataBucket")}, "object": {"key": key}}
        by_hand = {"source": "aws.s3", "detail-type": "Object Created", "detail": uploaded}
        running.send("prod-to-preprod", json.dumps(by_hand))
        running.run_task_by_hand(IMPORT_DATE_OVERRIDE=today.isoformat())
        running.wait_for("Task stopped", 3)
        running.wait_until_idle()
        assert sorted(running.ecs.exit_codes) == [0, 0, 1]
        assert {call.role for call in calls} <= {"local"} | {r.ref for r in running.template.of_type("AWS::IAM::Role")}
        others = OF_AWS | OF_GLUE_JOBS
        roles = {r.logical_id: r for r in running.template.of_type("AWS::IAM::Role") if r.logical_id not in others}
        return Run(roles, calls)


def _wait_until_put_back(running: System, calls: set[Call], role: str) -> None:
    back = Call(role, "sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{PREFIX}-{FUNCTIONS[role]}")
    assert running.story.wait_for(lambda _: back in calls, SECONDS), back


def _seen(run: Run, role: str, grant: tuple[str, str]) -> bool:
    return any(covers(grant, call.action, call.resource) for call in run.of(role))


def _excused(role: str, grant: tuple[str, str]) -> list[tuple[str, str, str]]:
    return [it for it in UNSEEN if it[0] == role and it[1] == grant[0] and fnmatchcase(grant[1], it[2])]


def test_every_process_works_in_a_role_of_its_own(run: Run) -> None:
    assert run.roles.keys() == {*FUNCTIONS, "DumpLoaderTaskRole"}
    assert all(run.of(role) for role in run.roles)


def test_everything_that_is_asked_for_is_allowed(run: Run) -> None:
    refused = {
        call
        for role, resource in run.roles.items()
        for call in run.of(role)
        if not any(covers(grant, call.action, call.resource) for grant in grants(resource))
    }
    assert refused == set()


def test_nothing_is_allowed_that_is_not_asked_for(run: Run) -> None:
    unused = {
        (role, *grant)
        for role, resource in run.roles.items()
        for grant in grants(resource)
        if not _seen(run, role, grant) and not _excused(role, grant)
    }
    assert unused == set()


def test_every_exception_is_of_something_allowed_and_unseen(run: Run) -> None:
    needed = {
        excuse
        for role, resource in run.roles.items()
        for grant in grants(resource)
        if not _seen(run, role, grant)
        for excuse in _excused(role, grant)
    }
    assert needed == UNSEEN.keys()
