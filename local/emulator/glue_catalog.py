"""Glue's Data Catalog where moto leaves something out: a table's version on an update, and statistics of columns.

Stands in for https://docs.aws.amazon.com/glue/latest/webapi/API_UpdateTable.html and for what Trino asks when it makes a
table. How it differs: statistics are accepted and forgotten, so that there never are any.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.glue.responses import GlueResponse

_STATISTICS: dict[str, dict[str, Any]] = {
    "get_column_statistics": {"ColumnStatisticsList": [], "Errors": []},
    "update_column_statistics": {"Errors": []},
    "delete_column_statistics": {},
}


@contextmanager
def data_catalog() -> Iterator[None]:
    """Installed over moto's Glue, in this process, for as long as the block lasts."""
    update = GlueResponse.update_table
    lock = threading.Lock()

    def compared(response: Any) -> Any:
        asked = response.parameters
        with lock:
            expected = asked.get("VersionId")
            if expected is not None:
                table = response.glue_backend.get_table(asked["DatabaseName"], asked["TableInput"]["Name"])
                if (there := table.as_dict()["VersionId"]) != expected:
                    raise JsonRESTError("ConcurrentModificationException", f"Version {there} is there, not {expected}.")
            return update(response)

    with ExitStack() as stack:
        stack.enter_context(patch.object(GlueResponse, "update_table", compared))
        for name, answer in _STATISTICS.items():
            for of in ("table", "partition"):
                always = _answering(answer)
                stack.enter_context(patch.object(GlueResponse, f"{name}_for_{of}", always, create=True))
        yield


def _answering(answer: dict[str, Any]) -> Any:
    def answered(_response: Any) -> ActionResult:
        return ActionResult(answer)

    return answered
