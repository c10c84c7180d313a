"""What arrives on the copier's queue: its own command, RDS's events of exports, and much that is neither."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingestion.errors import BadName, NotFound, UnreadableMessage
from ingestion.messages import Run
from liberator.messages import CopyExport
from s3_to_s3_copier.inbox import to_command
from tests.fakes import ARN, FakeRds
from tests.lake import DAY, RUN

NAME = "sql-to-parquet-2021-06-04-101530"


def asked(body: str, rds: FakeRds) -> CopyExport | None:
    return to_command(body, rds, "liberator")  # type: ignore[arg-type]


def command(**changed: Any) -> str:
    message = CopyExport(run=RUN, correlation_id="dump@1", export_task_identifier=NAME)
    return message.model_copy(update=changed).model_dump_json()


def ended(identifier: str = NAME, source_type: str = "SNAPSHOT") -> str:
    """EventBridge's event of a completed export."""
    detail = {"EventID": "RDS-EVENT-0161", "SourceType": source_type, "SourceIdentifier": identifier,
              "SourceArn": ARN + identifier, "Message": "m", "EventCategories": ["notification"]}  # fmt: skip
    return json.dumps({"source": "aws.rds", "detail-type": "RDS DB Snapshot Event", "detail": detail})


def test_a_command_is_taken_as_it_is() -> None:
    found = asked(command(), FakeRds())
    assert found
    assert (found.run, found.export_task_identifier) == (RUN, NAME)


@pytest.mark.parametrize("backdated", [True, False])
def test_the_event_of_an_export_becomes_the_command_that_its_snapshots_tags_tell(backdated: bool) -> None:
    rds, run = FakeRds(), RUN.model_copy(update={"backdated": backdated})
    rds.add_snapshot(NAME, run)
    found = asked(ended(), rds)
    assert found
    assert (found.run, found.correlation_id, found.export_task_identifier) == (run, "dump@1", NAME)


@pytest.mark.parametrize(
    "run",
    [
        Run(import_date=DAY.replace(day=5), backdated=False),
        Run(import_date=DAY, backdated=True),
    ],
)
def test_a_command_for_another_day_than_its_exports_ends_by_name(run: Run) -> None:
    with pytest.raises(BadName, match=f"{NAME} is named for a different day"):
        asked(command(run=run), FakeRds())


def test_an_event_of_a_snapshot_that_is_not_ours_is_ignored() -> None:
    rds = FakeRds()
    rds.add_snapshot(NAME, RUN, ours=False)
    assert asked(ended(), rds) is None
    assert asked(ended("rds:automated"), rds) is None
    assert asked(ended("liberator", "DB_INSTANCE"), rds) is None


def test_an_event_whose_snapshot_is_gone_is_ignored_where_its_export_is_known_and_told_where_not() -> None:
    rds = FakeRds()
    with pytest.raises(NotFound):
        asked(ended(), rds)
    rds.add_task(NAME)
    assert asked(ended(), rds) is None


@pytest.mark.parametrize("body", ["", "{", "{}", '{"kind": "ExportSnapshot"}', "[]"])
def test_anything_else_is_unreadable(body: str) -> None:
    with pytest.raises(UnreadableMessage):
        asked(body, FakeRds())
