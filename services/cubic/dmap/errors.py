"""Errors of fetching DMAP, sorted by what is done about them.

    Transient
    └── TryAgain                   the same request again, after a while; where the time is up, the message again
    Terminal
    └── Refused                    this link, feed or file will not be fetched, however often it is asked for
        └── Forbidden              401 or 403: a link that is older than an hour, or a key that is not taken

None of their messages has a query string or a header in it: a link's signature and the API's key are secrets.
"""

from ingestion.errors import Terminal, Transient


class TryAgain(Transient):
    """`retry_after` is how many seconds the server asks to wait, None where it does not say."""

    def __init__(self, problem: str, *, retry_after: float | None = None) -> None:
        super().__init__(problem)
        self.retry_after = retry_after


class Refused(Terminal):
    """Asking again does not help; a person has to look at it."""


class Forbidden(Refused):
    """The server does not let us in with this link or key."""
