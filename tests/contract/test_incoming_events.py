"""Each file under events/ of the functions of Cubic's files is what its name says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from cubic.functions.inbox import JobStateChange, to_command, to_finish, to_register
from cubic.messages import FinishIngestion, MoveLoad, RegisterLoad, StartIngestion, SweepIncoming
from ingestion.errors import UnreadableMessage
from ingestion.messages import Run
from tests.events import EVENTS, bodies
from tests.fakes import client_error

NOW = datetime(2022, 3, 4, 23, 59, tzinfo=UTC)
BUCKET, JOB = "dataplatform-stg-cubic-incoming", "dataplatform-stg-cubic__ingest_incoming"
KEY, VERSION = "cubic/ods_qlik/EDW.SAMPLE/LOAD001.csv.gz", "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY"
BATCH = UUID("6f1c1f0e-8c39-4c6e-9d3e-0a4b8f6f0c11")
TABLE = "cubic__ods_qlik__edw_sample"
RUN = Run(import_date=date(2022, 3, 4), backdated=False)


class Glue:
    """Knows one run, which has the argument."""

    def __init__(self, batch: str | None) -> None:
        self.arguments = {} if batch is None else {"--batch": batch}

    def get_job_run(self, *, JobName: str, RunId: str) -> dict[str, Any]:  # noqa: N803
        if (JobName, RunId) != (JOB, "jr_abcdef0123456789"):
            raise client_error("EntityNotFoundException", "GetJobRun")
        return {"JobRun": {"Id": RunId, "Arguments": self.arguments}}


def finish(body: str, batch: str | None = str(BATCH)) -> FinishIngestion | None:
    glue: Any = Glue(batch)
    return to_finish(body, glue, JOB, NOW)


PARSERS: dict[str, Callable[[str], Any]] = {
    "cubic_register_load": lambda body: to_register(body, BUCKET, NOW),
    "cubic_sweep_incoming": lambda body: to_command(body, SweepIncoming),
    "cubic_start_ingestion": lambda body: to_command(body, StartIngestion),
    "cubic_finish_ingestion": finish,
    "cubic_move_load": lambda body: to_command(body, MoveLoad),
}


def registered(key: str = KEY) -> RegisterLoad:
    uri = f"s3://{BUCKET}/{key}"
    run = RUN.model_copy(update={"origin": uri})
    return RegisterLoad(run=run, correlation_id=f"{uri}@{VERSION}", s3_key=key, s3_version=VERSION)


FINISHED = FinishIngestion(run=RUN, correlation_id=f"batch {BATCH}", batch=BATCH)
READ = {
    ("cubic_register_load", "eventbridge_put"): registered(),
    ("cubic_register_load", "eventbridge_multipart"): registered(),
    ("cubic_register_load", "eventbridge_odd_name"): registered("cubic/dmap/agg sample/2022 03+04 (ä).csv"),
    ("cubic_register_load", "message"): registered().model_copy(update={"run": RUN}),
    ("cubic_sweep_incoming", "scheduled"): SweepIncoming(),
    ("cubic_sweep_incoming", "message_going_on"): SweepIncoming(key_marker=KEY, version_marker=VERSION),
    ("cubic_start_ingestion", "message"): StartIngestion(run=RUN, correlation_id=TABLE, table=TABLE),
    ("cubic_finish_ingestion", "eventbridge_succeeded"): FINISHED,
    ("cubic_finish_ingestion", "eventbridge_failed"): FINISHED,
    ("cubic_finish_ingestion", "message"): FINISHED,
    ("cubic_move_load", "message"): MoveLoad(run=RUN, correlation_id="load 7", load=7),
}
FILES = sorted((function, path.stem) for function in PARSERS for path in (EVENTS / function).glob("*.json"))
BAD = [(function, case) for function, case in FILES if case.startswith("bad_")]


@pytest.mark.parametrize(("function", "case"), READ)
def test_event_is_read_as_what_its_name_says(function: str, case: str) -> None:
    [body] = bodies(function, case)
    assert PARSERS[function](body) == READ[function, case]


@pytest.mark.parametrize(("function", "case"), BAD)
def test_bad_event_is_refused_with_a_reason_that_says_what_to_do(function: str, case: str) -> None:
    [body] = bodies(function, case)
    with pytest.raises(UnreadableMessage, match=r"[Ss]end it"):
        PARSERS[function](body)


@pytest.mark.parametrize("batch", [None, "", "by hand"])
def test_a_run_that_somebody_has_started_by_hand_is_of_no_batch(batch: str | None) -> None:
    [body] = bodies("cubic_finish_ingestion", "eventbridge_succeeded")
    assert finish(body, batch) is None


def test_a_run_that_glue_has_forgotten_is_of_no_batch() -> None:
    [body] = bodies("cubic_finish_ingestion", "eventbridge_succeeded")
    assert finish(body.replace("jr_abcdef", "jr_forgotten")) is None


@pytest.mark.parametrize("function", ["cubic_register_load", "cubic_finish_ingestion", "cubic_move_load"])
def test_a_notice_of_sns_is_refused(function: str) -> None:
    with pytest.raises(UnreadableMessage, match="notice"):
        PARSERS[function](json.dumps({"Type": "Notification", "Message": "You have subscribed"}))


def test_every_file_has_an_expectation() -> None:
    assert set(FILES) == READ.keys() | set(BAD)


def test_every_record_has_the_fields_that_lambda_gives() -> None:
    [whole] = json.loads((EVENTS / "snapshot_to_s3" / "message_daily.json").read_text())["Records"]
    for function, case in FILES:
        for record in json.loads((EVENTS / function / f"{case}.json").read_text())["Records"]:
            assert record.keys() == whole.keys(), (function, case)
            assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()  # noqa: S324
            if case.startswith("eventbridge") and function == "cubic_finish_ingestion":
                assert JobStateChange.model_validate(json.loads(record["body"])["detail"])
