"""Each file under events/trino_publisher is what its name says, and each message that its queue takes has one."""

import json

import pytest

from ingestion.errors import UnreadableMessage
from tests.events import EVENTS, bodies
from trino_publisher.inbox import to_message

CASES = sorted(path.stem for path in (EVENTS / "trino_publisher").glob("*.json"))


@pytest.mark.parametrize("case", CASES)
def test_a_file_is_the_message_of_its_name_or_is_refused_with_a_reason_that_says_what_to_do(case: str) -> None:
    [body] = bodies("trino_publisher", case)
    if case.startswith("bad_"):
        with pytest.raises(UnreadableMessage, match="send it again"):
            to_message(body)
    else:
        assert type(to_message(body)).__name__ == case.title().replace("_", "")


def test_each_message_that_the_queue_takes_has_a_file() -> None:
    assert {case for case in CASES if not case.startswith("bad_")} == {"publish_table", "sweep_tables", "sweep_table"}


def test_each_record_has_the_fields_that_lambda_gives() -> None:
    [whole] = json.loads((EVENTS / "snapshot_to_s3" / "message_daily.json").read_text())["Records"]
    for case in CASES:
        for record in json.loads((EVENTS / "trino_publisher" / f"{case}.json").read_text())["Records"]:
            assert record.keys() == whole.keys(), case
