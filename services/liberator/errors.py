"""Errors of dumps, snapshots and exports; those of any source are in ingestion/errors.py.

Terminal
├── DumpRejected                   a dump that must not, or cannot, be loaded
├── SnapshotUnusable               the snapshot failed or was deleted
├── ExportUnusable                 the export failed, was cancelled, or is not whole
└── WorkflowUnusable               Glue refuses to start the workflow
"""

from ingestion.errors import Terminal


class DumpRejected(Terminal):
    """A dump that must not, or cannot, be loaded."""


class SnapshotUnusable(Terminal):
    """A snapshot that will never be available for export."""


class ExportUnusable(Terminal):
    """An export that failed, was cancelled, or did not export everything."""


class WorkflowUnusable(Terminal):
    """A workflow that cannot be run as it is."""
