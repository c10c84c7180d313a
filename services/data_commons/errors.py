"""Errors of specs, source files and Trino; those of any source are in ingestion/errors.py.

Terminal
├── SpecRefused         a spec that can't be carried out as it is
├── SourceRefused       a source file that can't become a table as it is
├── TrinoRefused        Trino takes neither the token, the user nor the statement
└── TableDiffers        a table whose rows or columns, read through Trino, are not those of its manifest
"""

from ingestion.errors import Terminal


class SpecRefused(Terminal):
    """A spec that can't be carried out as it is: the message names the line of it that would mend it."""


class SourceRefused(Terminal):
    """A source file that can't become a table as it is."""


class TrinoRefused(Terminal):
    """Trino refuses the token or the user, or its certificate is none that is trusted."""


class StatementRefused(TrinoRefused):
    """A statement that Trino calls the user's error, by this `name`: `TABLE_NOT_FOUND` and the like."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


class TableDiffers(Terminal):
    """A table that Trino reads otherwise than its manifest says."""


class AttemptAbandoned(Terminal):
    """A version that was staged, or begun, and that nobody has gone on with for days."""
