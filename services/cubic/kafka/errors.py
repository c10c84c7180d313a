"""Errors that people are told of, about records that are not in the lake.

Terminal
├── RecordsRefused             records that are no JSON objects; they are in the error bucket
└── RecordsLost                records that expired before they were read or written
"""

from ingestion.errors import Terminal


class RecordsRefused(Terminal):
    """Records that are no JSON objects; they are in the error bucket."""


class RecordsLost(Terminal):
    """Records that expired before they were read or written."""
