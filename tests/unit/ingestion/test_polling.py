from datetime import UTC, datetime, timedelta

import pytest

from ingestion.errors import BudgetSpent
from ingestion.messages import Poll, Run
from ingestion.polling import next_attempt
from liberator.messages import CopyExport

BEGAN = datetime(2021, 6, 4, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
RUN = Run(import_date=BEGAN.date(), backdated=False)
MESSAGE = CopyExport(run=RUN, correlation_id="x", export_task_identifier="t", poll=Poll(attempt=7, started_at=BEGAN))


def test_the_next_attempt_is_the_same_message_counted_up_with_its_first_start() -> None:
    again = next_attempt(MESSAGE, waiting_for="x", now=BEGAN + 11 * HOUR, budget=12 * HOUR)
    assert again == MESSAGE.model_copy(update={"poll": Poll(attempt=8, started_at=BEGAN)})


def test_a_spent_budget_ends_the_wait_and_says_for_what() -> None:
    with pytest.raises(BudgetSpent, match=r"7 attempts.*task t is IN_PROGRESS"):
        next_attempt(MESSAGE, waiting_for="task t is IN_PROGRESS", now=BEGAN + 12 * HOUR, budget=12 * HOUR)
