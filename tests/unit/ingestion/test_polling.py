from datetime import UTC, datetime, timedelta

import pytest

from ingestion.errors import BudgetSpent
from ingestion.messages import Poll
from ingestion.polling import next_attempt

BEGAN = datetime(2021, 6, 4, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLL = Poll(attempt=7, started_at=BEGAN)


def test_the_next_attempt_is_counted_up_and_keeps_its_first_start() -> None:
    again = next_attempt(POLL, waiting_for="x", now=BEGAN + 11 * HOUR, budget=12 * HOUR)
    assert again == Poll(attempt=8, started_at=BEGAN)


def test_a_spent_budget_ends_the_wait_and_says_for_what() -> None:
    with pytest.raises(BudgetSpent, match=r"7 attempts.*task t is IN_PROGRESS"):
        next_attempt(POLL, waiting_for="task t is IN_PROGRESS", now=BEGAN + 12 * HOUR, budget=12 * HOUR)
