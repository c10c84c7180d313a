"""Waiting by delayed requeue: the same message again, until its budget is spent."""

from datetime import datetime, timedelta

from ingestion.errors import BudgetSpent
from ingestion.messages import Poll


def next_attempt(poll: Poll, *, waiting_for: str, now: datetime, budget: timedelta) -> Poll:
    """The poll of the message to put back. Raises BudgetSpent once the first attempt is `budget` ago.

    A message sent again starts with a receive count of 0, so that its queue's redrive policy never ends the loop:
    this budget does.
    """
    waited = now - poll.started_at
    if waited >= budget:
        raise BudgetSpent(
            f"Still waiting after {waited}, {poll.attempt} attempts, budget {budget}: {waiting_for}. "
            "Find out why it takes so long; redriving the message starts a new wait."
        )
    return Poll(attempt=poll.attempt + 1, started_at=poll.started_at)
