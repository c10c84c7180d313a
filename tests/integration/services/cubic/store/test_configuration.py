from __future__ import annotations

import pytest

from cubic import administration
from cubic.errors import BadConfiguration, UnknownTable
from cubic.store import configuration
from cubic.store.database import Database
from cubic.tables import FeedConfig, TableConfig
from tests.cubic import NAME, PREFIX, START, configure, register


def test_a_table_is_configured_again_by_its_prefix(database: Database) -> None:
    configuration.put_table(database, TableConfig(s3_prefix=PREFIX))
    again = TableConfig(s3_prefix=PREFIX, key_columns=("a", "b"), sparse_updates=False)
    configuration.put_table(database, again)
    assert [table.config for table in configuration.tables(database)] == [again]


def test_two_prefixes_of_one_name_are_refused(database: Database) -> None:
    configuration.put_table(database, TableConfig(s3_prefix="cubic/ods_qlik/EDW.SAMPLE/"))
    with pytest.raises(BadConfiguration, match="cubic__ods_qlik__edw_sample, which another table has"):
        configuration.put_table(database, TableConfig(s3_prefix="cubic/ods_qlik/EDW-SAMPLE/"))


def test_configuring_a_paused_table_again_leaves_it_paused(database: Database) -> None:
    configure(database)
    configuration.pause(database, NAME, "because")
    configure(database)
    assert configuration.table(database, NAME).paused_because == "because"


def test_a_feed_is_configured_again_by_its_name(database: Database) -> None:
    configuration.put_feed(database, FeedConfig(name="agg", relative_url="/datasets/agg"))
    configuration.put_feed(database, FeedConfig(name="agg", relative_url="/datasets/other", is_active=False))
    [feed] = configuration.feeds(database)
    assert (feed.config.relative_url, feed.config.is_active, feed.last_updated) == ("/datasets/other", False, None)


def test_requests_of_a_person_are_answered(database: Database) -> None:
    def ask(**request: object) -> object:
        return administration.answer(database, request, START)

    assert ask(command="put_table", table={"s3_prefix": PREFIX, "key_columns": ["a"]}) == {"table": NAME}
    assert ask(command="pause", table=NAME, because="I say so") == {"table": NAME}
    register(database, f"{PREFIX}LOAD001.csv")
    assert ask(command="list_tables") == {
        "tables": [
            {
                "config": {"s3_prefix": PREFIX, "key_columns": ["a"], "sparse_updates": True, "is_active": True},
                "paused_because": "I say so",
            }
        ]
    }
    assert ask(command="resume", table=NAME) == {"table": NAME}
    assert ask(command="count_loads") == {"loads": {NAME: {"ready": 1}}}
    assert ask(command="put_feed", feed={"name": "agg", "relative_url": "/a"}) == {"feed": "agg"}
    [feed] = ask(command="list_feeds")["feeds"]  # type: ignore[index]
    assert feed["config"]["name"] == "agg"


@pytest.mark.parametrize("request_", [{"command": "drop"}, {"command": "pause", "table": "x"}, {"command": "put_table"}, []])
def test_a_request_that_is_none_is_refused(database: Database, request_: object) -> None:
    with pytest.raises(BadConfiguration, match="cannot be carried out"):
        administration.answer(database, request_, START)


@pytest.mark.parametrize(
    "request_", [{"command": "pause", "table": "x", "because": "y"}, {"command": "resume", "table": "x"}]
)
def test_a_request_for_a_table_that_is_not_there_is_refused(database: Database, request_: object) -> None:
    with pytest.raises(UnknownTable, match="'x'"):
        administration.answer(database, request_, START)
    with pytest.raises(UnknownTable):
        configuration.table(database, "x")
