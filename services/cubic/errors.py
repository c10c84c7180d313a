"""Errors of Cubic's files, configuration and database; those of any source are in ingestion/errors.py.

Transient
├── DatabaseUnavailable        the metadata database does not answer, or ended the transaction
Terminal
├── BadConfiguration           a table, a feed or a request that cannot be applied
├── UnknownTable               a table that is not configured
├── UnknownFile                a key of Incoming that is of no form that Cubic has, or of a table that is not configured
├── BadDescription             a `.dfm` that is not JSON as Qlik writes it
├── LoadRefused                a file that cannot be read as what it should be
├── TablePaused                a table of which too many files in a row were refused
├── FileLost                   a file that is neither where it was nor where it was to go
└── PartitionLost              a load whose rows are under no snapshot
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


class BadDescription(Terminal):
    """A `.dfm` that is not JSON as Qlik writes it."""


class LoadRefused(Terminal):
    """A file that cannot be read as what it should be. Told, not raised."""


class TablePaused(Terminal):
    """A table of which too many files in a row were refused. Told, not raised."""


class FileLost(Terminal):
    """A file that is neither where it was nor where it was to go. Told, not raised."""


class PartitionLost(Terminal):
    """A load whose rows are under no snapshot."""
