"""Each command through the function, on a real PostgreSQL."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import pytest

from cubic.loads import Reason, ReasonCode, Refused
from cubic.store import claiming, configuration, finishing, listing, registering
from cubic.store.database import PostgreSql
from tests import cubic
from tests.cubic import CHANGES, NAME, PREFIX, START, found, register
from tests.operations import Terminal


def printed(terminal: Terminal, *words: str) -> list[list[str]]:
    """The cells of a table, which are two spaces apart."""
    code, out, err = terminal.run("cubic", *words)
    assert (code, err) == (0, "")
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in out.splitlines()]


def test_a_table_is_configured_paused_and_resumed(terminal: Terminal) -> None:
    assert printed(terminal, "put-table", PREFIX, "--key-column", "a", "--key-column", "b", "--whole-updates") == [
        [f"{NAME}: done"]
    ]
    assert printed(terminal, "pause", NAME, "--because", "the supplier repairs it") == [[f"{NAME}: done"]]
    assert printed(terminal, "tables") == [
        ["TABLE", "PREFIX", "KEY COLUMNS", "SPARSE UPDATES", "ACTIVE", "PAUSED BECAUSE"],
        [NAME, PREFIX, "a, b", "no", "yes", "the supplier repairs it"],
    ]
    printed(terminal, "resume", NAME)
    printed(terminal, "put-table", PREFIX, "--inactive")
    assert printed(terminal, "tables")[1:] == [[NAME, PREFIX, "-", "yes", "no", "-"]]


def test_a_feed_is_configured_and_says_until_when_it_is_fetched(terminal: Terminal, database: PostgreSql) -> None:
    printed(terminal, "put-feed", "agg", "/datasets/agg")
    with database.transaction() as cursor:
        cursor.execute("UPDATE cubic_dmap_feeds SET last_updated = %s", (date(2022, 3, 4),))
    printed(terminal, "put-feed", "agg", "/datasets/other", "--inactive")
    assert printed(terminal, "feeds") == [
        ["FEED", "URL", "ACTIVE", "FETCHED BEFORE"],
        ["agg", "/datasets/other", "no", "2022-03-04"],
    ]


@pytest.mark.parametrize("form", ["- {table}", "tables:\n- {table}\nfeeds: [{feed}]"])
def test_a_file_of_either_form_is_applied_as_often_as_one_likes(
    terminal: Terminal, database: PostgreSql, tmp_path: Path, form: str
) -> None:
    file = tmp_path / "mine.yaml"
    table = f"{{s3_prefix: {PREFIX}, key_columns: [sample_key], sparse_updates: false}}"
    file.write_text(form.format(table=table, feed="{name: agg, relative_url: /agg}"))
    for _ in range(2):
        assert printed(terminal, "apply", str(file))[0] == [f"{NAME}: done"]
    [configured] = configuration.tables(database)
    assert (configured.config.key_columns, configured.config.sparse_updates) == (("sample_key",), False)
    assert len(configuration.feeds(database)) == ("feeds" in form)


def test_loads_are_counted_and_listed_with_what_they_wait_for(terminal: Terminal, database: PostgreSql) -> None:
    cubic.configure(database)
    register(database, f"{PREFIX}LOAD002.csv")
    register(database, f"{CHANGES}1.csv", -1)
    assert printed(terminal, "loads") == [["TABLE", "STATUS", "LOADS"], [NAME, "ready", "2"]]
    register(database, f"{PREFIX}LOAD001.csv")
    batch = claiming.claim(database, NAME, START)
    assert batch is not None
    refused = Refused(Reason(ReasonCode.RAGGED_ROW, "line 2 is\n\x1b[31mragged"))
    finishing.finish(database, batch.id, {load.load_id: refused for load in batch.loads[:1]}, START)
    [_, waiting] = printed(terminal, "loads", "--table", NAME, "--status", "ready")[-2:]
    assert waiting == ["3", "ready", "20220304T134556Z", "2022-03-04T13:45:56Z", "-", f"{PREFIX}LOAD001.csv", "-", "-"]
    [_, row] = printed(terminal, "loads", "--status", "ready_for_erroring")
    assert row[-1] == r"ragged_row: line 2 is\n\x1b[31mragged"
    assert printed(terminal, "loads", "--status", "archived")[1:] == []


def test_snapshots_are_listed_with_the_current_one(terminal: Terminal, database: PostgreSql) -> None:
    cubic.configure(database)
    register(database, f"{PREFIX}LOAD001.csv")
    register(database, f"{CHANGES}1.csv", 1)
    register(database, f"{PREFIX}LOAD001.csv", 50)
    assert printed(terminal, "snapshots", NAME) == [
        ["SNAPSHOT", "BEGUN BY", "LOADS", "SETTLED", "CURRENT"],
        ["20220304T134556Z", f"{PREFIX}LOAD001.csv", "2", "-", "no"],
        ["20220304T134646Z", f"{PREFIX}LOAD001.csv", "1", "-", "yes"],
    ]


def test_more_loads_than_one_answer_holds_are_listed_each_once(
    terminal: Terminal, database: PostgreSql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_PAGE_ROWS", 3)
    monkeypatch.setattr(listing, "_PAGE_BYTES", 900)  # two
    cubic.configure(database)
    loads = [register(database, f"{CHANGES}{n}.csv", n) for n in range(9)]
    code, out, _ = terminal.run("cubic", "loads", "--table", NAME, "--json")
    assert (code, [load["load_id"] for load in json.loads(out)]) == (0, loads)
    monkeypatch.setattr(listing, "_PAGE_BYTES", 1)
    assert len(printed(terminal, "loads", "--table", NAME)) == 1 + len(loads)


def test_the_description_of_a_file_comes_with_it_where_it_is_asked_for(terminal: Terminal, database: PostgreSql) -> None:
    cubic.configure(database)
    load = register(database, f"{CHANGES}1.csv")
    registering.describe(database, found(f"{CHANGES}1.dfm"), {"a": 1})
    listed, after = listing.loads(database, listing.Which(NAME, None, None, (load,)), 0, described=True)
    assert ([one["description"] for one in listed], after) == ([{"a": 1}], None)
    listed, _ = listing.loads(database, listing.Which(None, None, None, None), 0, described=False)
    assert [one["description"] for one in listed] == [None]


def test_programs_get_json(terminal: Terminal, database: PostgreSql) -> None:
    cubic.configure(database)
    code, out, _ = terminal.run("cubic", "tables", "--json")
    assert (code, [table["name"] for table in json.loads(out)]) == (0, [NAME])
    assert json.loads(terminal.run("cubic", "pause", NAME, "--because", "x", "--json")[1]) == {"table": NAME}


def test_on_one_machine_the_database_is_reached_directly(terminal: Terminal, database: PostgreSql) -> None:
    cubic.configure(database)
    terminal.variables = dict(os.environ)
    terminal.clients = {}
    assert printed(terminal, "tables", "--direct")[1][0] == NAME
    code, _, err = terminal.run("cubic", "rebuild", NAME, "20220304T134556Z", "--direct", "--prefix", "x")
    assert (code, err.split(".")[0]) == (1, f"{NAME} has no archived load of snapshot 20220304T134556Z")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("pause", "x", "--because", "y"), "No table 'x' is configured"),
        (("loads", "--table", "x"), "No table 'x' is configured"),
        (("snapshots", "x"), "No table 'x' is configured"),
        (("rebuild", "x"), "No table 'x' is configured"),
        (("rebuild", "x", "2022-03-04"), "'2022-03-04' is no snapshot"),
        (("put-table", "nowhere"), "put_table.table.s3_prefix: Value error, a prefix is cubic/ods_qlik/…/, cubic/dmap/…/"),
        (("apply", "missing.yaml"), "There is no file missing.yaml"),
        (("apply", "tests"), "Is a directory"),
        (("tables", "--direct"), "DB_HOST: Field required"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(terminal: Terminal, words: tuple[str, ...], says: str) -> None:
    code, out, err = terminal.run("cubic", *words)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert says in err


def test_a_file_that_is_wrong_changes_nothing(terminal: Terminal, database: PostgreSql, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"- s3_prefix: {PREFIX}\n- s3_prefix: wrong\n")
    code, _, err = terminal.run("cubic", "apply", str(file))
    assert code == 1
    assert "mine.yaml is not as" in err
    assert configuration.tables(database) == []


def test_a_function_that_breaks_says_where_to_look(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "tables", lambda _: 1 / 0)
    code, _, err = terminal.run("cubic", "tables")
    assert (code, err) == (
        1,
        "dataplatform-stg-cubic-migrate-metadata ended with ZeroDivisionError: division by zero. Read its log.\n",
    )


def test_where_there_is_no_such_stack_it_says_what_may_be_wrong(terminal: Terminal) -> None:
    terminal.clients = {}
    code, _, err = terminal.run("cubic", "tables", "--prefix", "elsewhere")
    assert (code, err.split(" here")[0]) == (1, "There is no function elsewhere-cubic-migrate-metadata")


def test_without_a_stack_it_says_what_is_missing(terminal: Terminal) -> None:
    terminal.variables = {}
    code, _, err = terminal.run("cubic", "tables")
    assert (code, err.split("?")[0]) == (1, "Of which stack")
