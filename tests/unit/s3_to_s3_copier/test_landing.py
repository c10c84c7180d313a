"""What lands, what is committed, and what is announced, where moto is too slow or too kind."""

from __future__ import annotations

from tests.lake import Lake


def test_however_many_tables_a_day_has_sns_takes_its_event(lake: Lake) -> None:
    event = lake.copy(lake.export("task-1", {f"a_table_of_which_there_are_thousands_{n}": 0 for n in range(3_000)}))
    assert event
    assert event.tables == 3_000
    assert len(event.model_dump_json()) < 1_000
