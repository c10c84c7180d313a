"""Errors of Cubic's files, configuration and database; those of any source are in ingestion/errors.py.

Transient
├── DatabaseUnavailable        the metadata database does not answer, or ended the transaction
Terminal
├── BadConfiguration           a table, a feed or a request that cannot be applied
├── UnknownTable               a table that is not configured
└── UnknownFile                a key of Incoming that is of no form that Cubic has, or of a table that is not configured
"""

from ingestion.errors import Terminal, Transient


class DatabaseUnavailable(Transient):
    """The metadata database does not answer, or ended the transaction."""


class BadConfiguration(Terminal):
    """A table, a feed or a request that cannot be applied as it is."""


class UnknownTable(Terminal):
    """A table that is not configured."""


class UnknownFile(Terminal):
    """A key of Incoming that is of no form that Cubic has, or of a table that is not configured."""
