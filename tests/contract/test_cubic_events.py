"""Each file under events/ of Cubic's functions is what its name says."""

import json
from types import UnionType

import pytest

from cubic.messages import FetchFeed, FetchFeeds, WriteKafkaFiles, WriteTopic
from ingestion.errors import UnreadableMessage
from ingestion.messages import Frozen, parse
from tests.events import EVENTS, bodies

KINDS: dict[str, type[Frozen] | UnionType] = {
    "cubic_fetch_dmap": FetchFeeds | FetchFeed,
    "cubic_write_kafka_files": WriteKafkaFiles | WriteTopic,
}
READ = {
    ("cubic_fetch_dmap", "scheduled"): "FetchFeeds",
    ("cubic_fetch_dmap", "message_feed"): "FetchFeed",
    ("cubic_write_kafka_files", "message_scheduled"): "WriteKafkaFiles",
    ("cubic_write_kafka_files", "message_topic"): "WriteTopic",
}
FILES = sorted((path.parent.name, path.stem) for function in KINDS for path in (EVENTS / function).glob("*.json"))


@pytest.mark.parametrize(("function", "case"), FILES)
def test_a_file_is_the_message_of_its_name_or_is_refused_with_a_reason_that_says_what_to_do(
    function: str, case: str
) -> None:
    [body] = bodies(function, case)
    if case.startswith("bad_"):
        with pytest.raises(UnreadableMessage, match="send it again"):
            parse(body, KINDS[function])
    else:
        assert type(parse(body, KINDS[function])).__name__ == READ[function, case]


def test_each_record_has_the_fields_that_lambda_gives() -> None:
    [whole] = json.loads((EVENTS / "snapshot_to_s3" / "message_daily.json").read_text())["Records"]
    for function, case in FILES:
        for record in json.loads((EVENTS / function / f"{case}.json").read_text())["Records"]:
            assert record.keys() == whole.keys(), (function, case)
