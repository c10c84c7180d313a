"""A publisher that is killed once a change of Trino's tables has taken effect, and its message, which comes again.

tests/unit/data_commons/test_ending.py does so before and after each call of all services; here is the real Trino.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from tests.data_commons import TABLE, Publisher
from tests.incoming import Faults, Killed

ONE, TWO = pa.table({"id": [1]}), pa.table({"id": [1, 2], "more": ["a", "b"]})
CHANGES = ("create table", "create or replace", "drop", "comment")


def killed(publisher: Publisher, message: Any, faults: Faults) -> bool:
    """Ends at the change of Trino's tables of that number; false where there is none."""

    def query(statement: str) -> list[list[Any]]:
        if not statement.startswith(CHANGES):
            return publisher.query(statement)
        faults.begins(statement)
        rows = publisher.query(statement)
        faults.ends()
        return rows

    try:
        publisher.publish(message, query=query)
    except Killed:
        return True
    return False


def test_it_ends_well(publisher: Publisher) -> None:
    number, ended, last = 0, True, publisher.staged(1, ONE).uuid
    while ended:
        rows = TWO if number % 2 else ONE
        message = publisher.staged(number + 1, rows)
        ended = killed(publisher, message, Faults(number, after=True))
        assert publisher.publish(message)
        assert publisher.query(f"select count(*) from {publisher.name}") == [[rows.num_rows]]
        last = message.uuid
        number += 1
    publisher.sweep()
    assert publisher.attempts() == []
    assert [name for name in publisher.names() if not name.startswith(f"{TABLE}__")] == [TABLE]
    assert not [name for name in publisher.names() if "__check_" in name]
    assert last in publisher.uuids()
    assert number > 2
