"""Errors, sorted by what is done about them.

    IngestionError
    ├── Transient                      raised on: SQS delivers the message again, in the end to the DLQ
    │   └── NotYet                     the same message again, delayed, until the poll's budget is spent
    └── Terminal                       IngestionFailed is published, the message goes to the DLQ, done
        ├── UnreadableMessage          not JSON, no known kind, an unknown field, another version
        ├── BudgetSpent                waited longer than MAX_WAIT_HOURS
        ├── AccessDenied               AWS refuses the call
        ├── NotFound                   a resource that a message names does not exist
        ├── UnreadableObject           an object of ours that is not as this project writes it
        ├── BadName                    a key or name that is not of the form it must have
        ├── CopyMismatch               a copy that differs from its source
        └── Replaced                   an object that another upload replaced while it was read

Each source has leaves of its own below Terminal: see liberator/errors.py.

An error that is none of these is unknown, hence treated as Transient. Each message says what is wrong,
where (bucket, key, task) and what to do next: a person reads it in an alert.
"""


class IngestionError(Exception):
    """Base of every error that this project raises on purpose."""


class Transient(IngestionError):
    """May succeed when tried again soon; nothing needs a person yet."""


class NotYet(Transient):
    """The message has to wait: look again after `delay_seconds`, or after the usual delay where None."""

    def __init__(self, waiting_for: str, *, delay_seconds: int | None = None) -> None:
        super().__init__(waiting_for)
        self.delay_seconds = delay_seconds


class Terminal(IngestionError):
    """Will not succeed by itself; a person has to act."""


class UnreadableMessage(Terminal):
    """A queue message that is none of those that the queue takes."""


class BudgetSpent(Terminal):
    """A poll that is older than its budget."""


class AccessDenied(Terminal):
    """AWS refuses the call: a policy, a key or an ACL is missing."""


class NotFound(Terminal):
    """A resource that a message names does not exist."""


class UnreadableObject(Terminal):
    """An object that this project writes for itself, and that is not as it writes it."""


class BadName(Terminal):
    """A key or name that is not of the form that the design gives it."""


class CopyMismatch(Terminal):
    """A copy whose object is missing or differs in size from its source."""


class Replaced(Terminal):
    """An object that another upload replaced while it was read."""
